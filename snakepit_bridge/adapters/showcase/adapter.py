"""The adapter that shows what an adapter can do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from snakepit_bridge.adapters.base import BaseAdapter, tool
from snakepit_bridge.adapters.showcase.basic_tools import ADAPTER_NAME, ADAPTER_VERSION
from snakepit_bridge.adapters.showcase.binary_tools import process_binary
from snakepit_bridge.adapters.showcase.process_figures import CpuMeter, memory_mb
from snakepit_bridge.adapters.showcase.text_tools import analyze_text, process_text
from snakepit_bridge.adapters.showcase.tool import StreamChunk
from snakepit_bridge.adapters.showcase.toolbox import Toolbox


class ShowcaseAdapter(BaseAdapter):
    """Snakepit's default adapter: some forty tools that its examples and tests call.

    A call is answered by the function of that name in ``toolbox``, else by the method marked
    ``@tool``. One object serves one request; what is to last belongs to the class.
    """

    toolbox: ClassVar[Toolbox] = Toolbox()
    """A subclass with one of its own shares no session with this class."""

    _cpu: ClassVar[CpuMeter] = CpuMeter()

    def execute_tool(self, tool_name: str, arguments: Mapping[str, Any], context: Any) -> Any:
        """Answer a call that came over the wire.

        Raises:
            AttributeError: There is no tool of this name.
            TypeError: The tool does not take these arguments.
        """
        function = self.toolbox.functions.get(tool_name)
        if function is None:
            return self.call_tool(tool_name, **arguments)
        return function(context, **arguments)

    @classmethod
    def on_session_end(cls, session_id: str) -> None:
        """Forget a session that has ended."""
        cls.toolbox.forget(session_id)

    # --- tools that Elixir gets to know -----------------------------------------------------------

    @tool(description="Name the adapter, what it can do, its groups of tools")
    def adapter_info(self) -> dict[str, Any]:
        """The same as the function of this name."""
        return self.toolbox.basic.adapter_info(self.session_context)

    @tool(description="Add two numbers")
    def basic_add(self, a: float, b: float) -> float:
        """Two integers make one."""
        return a + b

    @tool(description="Give back a message")
    def basic_echo(self, message: str) -> str:
        """Unchanged."""
        return message

    @tool(
        description="Call a tool of Elixir, with the arguments that remain",
        required_variables=["elixir_tools_enabled"],
    )
    def call_elixir_demo(self, tool_name: str, **arguments: Any) -> dict[str, Any]:
        """From Elixir to Python to Elixir, then back all the way.

        Raises:
            ValueError: Elixir offers no such tool to this session.
            RuntimeError: The tool failed, or Elixir could not be reached.
        """
        result = self.session_context.call_elixir_tool(tool_name, **arguments)
        return {
            "tool_name": tool_name,
            "parameters": arguments,
            "result": result,
            "success": True,
        }

    @tool(description="Run tasks side by side on threads of one worker")
    def concurrent_demo(self, task_count: int = 5, delay_ms: float = 100) -> dict[str, Any]:
        """At most 32 tasks, each of which waits ``delay_ms``."""
        return self.toolbox.load.concurrent_demo(task_count, delay_ms)

    @tool(description="Give back whatever came")
    def echo(self, /, **arguments: Any) -> dict[str, Any]:
        """The same as the function of this name."""
        return self.toolbox.basic.echo(self.session_context, **arguments)

    @tool(description="Tell of the adapter and of the process it runs in")
    def get_stats(self) -> dict[str, Any]:
        """Memory in MiB; percent of one processor since somebody last asked."""
        return {
            "adapter": {
                "name": ADAPTER_NAME,
                "version": ADAPTER_VERSION,
                "registered_tools": len(self.get_tools()),
                "session_id": self.session_id,
            },
            "system": {
                "timestamp": datetime.now(UTC).isoformat(),
                "pid": os.getpid(),
                "memory_usage_mb": memory_mb(),
                "cpu_percent": self._cpu.percent(),
            },
            "success": True,
        }

    @tool(description="Count the words of a text, guess its mood")
    def ml_analyze_text(self, text: str) -> dict[str, Any]:
        """A guess by a list of words."""
        return analyze_text(text)

    @tool(description="Look at bytes: checksum, size or reverse")
    def process_binary(self, data: bytes, operation: str = "checksum") -> dict[str, Any]:
        """Send the bytes as a binary parameter; text is taken as UTF-8."""
        return process_binary(data, operation)

    @tool(description="Turn a text into another: upper, lower, reverse or length")
    def process_text(self, text: str, operation: str = "upper") -> dict[str, Any]:
        """The length is in characters."""
        return process_text(text, operation)

    @tool(description="Send messages one by one", supports_streaming=True)
    def stream_data(self, count: int = 5, delay: float = 1.0) -> Iterator[StreamChunk]:
        """The same as the function of this name."""
        return self.toolbox.streaming.stream_data(self.session_context, count, delay)
