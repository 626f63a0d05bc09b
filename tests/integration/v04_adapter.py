"""An adapter as they were written for Snakepit 0.4; a copy stands where those of users do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from snakepit_bridge import SessionContext, VariableNotFoundError, VariableType
from snakepit_bridge.adapters.showcase.tool import StreamChunk
from snakepit_bridge.base_adapter import BaseAdapter, tool

STORED: dict[str, Any] = {}
"""Of this process, for all sessions."""


class ShelfHandler(BaseAdapter):
    """With a table of names of its own, and the marked methods behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.session_context: SessionContext

    def set_session_context(self, context: Any) -> None:
        self.session_context = context

    async def initialize(self) -> None:
        STORED["initialized"] = STORED.get("initialized", 0) + 1

    def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
        self.session_context = context
        table: dict[str, Callable[[], Any]] = {
            "ping": lambda: {"status": "ok", "stored": len(STORED)},
            "kind": lambda: [type(arguments["value"]).__name__, repr(arguments["value"])],
            "give": lambda: {"none": None, "int": 42, "float": 0.5, "nan": float("nan")}[
                arguments["what"]
            ],
        }
        if tool_name in table:
            return table[tool_name]()
        try:
            return self.call_tool(tool_name, **arguments)
        except AttributeError:
            raise ValueError(f"Unknown tool: {tool_name}") from None

    # --- what it keeps --------------------------------------------------------------------------

    @tool(description="Keep something")
    def store(self, name: str, data: Any) -> dict[str, Any]:
        STORED[name] = json.loads(data) if isinstance(data, str) else data
        return {"success": True, "name": name}

    @tool(description="What is kept")
    def retrieve(self, name: str) -> dict[str, Any]:
        if name not in STORED:
            return {"success": False, "error": f"Object not found: {name}"}
        return {"success": True, "result": STORED[name]}

    @tool(description="Count", supports_streaming=True)
    def count(self, until: int) -> Iterator[StreamChunk]:
        for number in range(until):
            yield StreamChunk({"number": number}, is_final=number == until - 1)

    # --- what it asks Elixir --------------------------------------------------------------------

    @tool(description="Ask Elixir's tool")
    def checked(self, text: str) -> list[Any]:
        check = self.session_context.elixir_tools["check"]
        answers = [
            check(text=text),
            self.session_context.call_tool("check", text=text),
            self.session_context.call_elixir_tool("check", text=text),
        ]
        return [check.__name__, check.__doc__, *answers]

    @tool(description="Keep variables in Elixir")
    def keep_variables(self) -> None:
        context = self.session_context
        limits = {"min": 0.0, "max": 2.0}
        context.register_variable("temperature", VariableType.FLOAT, 0.7, constraints=limits)
        context.register_variable("tokens", "integer", 100, ttl=timedelta(seconds=60))
        context.register_variable("vector", VariableType.EMBEDDING, [0.5] * 2000)
        context["name"] = "of text"
        context.v.on = True
        with context.batch_updates() as batch:
            batch["temperature"] = 0.9
            batch["tokens"] = 200
        proxy = context.variable("tokens")
        proxy.value = proxy.value + 1

    @tool(description="What the variables are, in another call")
    def read_variables(self) -> dict[str, Any]:
        context = self.session_context
        values = context.get_variables(["temperature", "tokens"])
        return {
            "temperature": values["temperature"],
            "tokens": values["tokens"],
            "vector": len(context.get_variable("vector")),
            "name": context["name"],
            "on": context.v.on,
            "missing": self._is_missing("nothing"),
            "too much": self._refused("temperature", 5.0),
            "listed": sorted(each["name"] for each in context.list_variables("tem*")),
        }

    def _is_missing(self, name: str) -> bool:
        try:
            self.session_context.get_variable(name)
        except VariableNotFoundError:
            return name not in self.session_context
        return False

    def _refused(self, name: str, value: Any) -> str:
        try:
            self.session_context.update_variable(name, value)
        except RuntimeError as error:
            return type(error).__name__
        return ""
