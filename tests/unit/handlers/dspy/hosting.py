"""A host, a session of it, and a command under way, for code that asks the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dspy

from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.host.engines import host_engines
from snakepit_bridge.handlers.dspy.runs import KEY, Run
from snakepit_bridge.handlers.dspy.tools.making import Tools
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import CommandUnderWay, Session, current_execution
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.session.manager import SessionManager

DOOR = DSPyDoor()


class Command:
    """A command as the session sees it, whose end a test decides."""

    command = "test"
    deadline: float | None = None

    def __init__(self, remaining_s: float | None = None) -> None:
        self.metadata: Mapping[str, str] = {}
        self.answer_metadata: dict[str, str] = {}
        self.remaining_s = remaining_s
        self.cancelled = False

    def on_cancel(self, told: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class Scene:
    """A session of a host that is embedded."""

    def __init__(self) -> None:
        self.host = EmbeddedHost()
        self.session: Session = SessionManager(self.host).get_or_create("one")
        self.tools = Tools(DOOR, AllowList(importer=DOOR.import_module).find, ToolHandler().offered)

    def offer(
        self,
        function: Callable[..., Any],
        name: str | None = None,
        schema: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> None:
        """Offer a function as a tool of the host."""
        if name is None:
            self.host.offer(function)
        else:
            tool = HostTool(name=name, schema=schema or {}, description=description)
            self.host.offer(function, tool)

    def made(self, *specs: Any) -> list[Any]:
        """The tools of these specs."""
        return self.tools.made(specs, self.session)

    @contextmanager
    def run(self, command: CommandUnderWay | None = None, **settings: Any) -> Iterator[Run]:
        """A command under way while the block runs."""
        session = self.session if command is None else self.session.seen_by(command)
        token = current_execution.set(command)
        try:
            run = Run(session, Ledger())
            with dspy.context(**{KEY: run}, **settings):
                yield run
        finally:
            current_execution.reset(token)

    def model(self, answer: Callable[..., Any], **options: Any) -> Any:
        """A language model that a tool of the host is."""
        self.offer(answer, "llm")
        names = ("streams", "features")
        kinds = {name: options.pop(name) for name in names if name in options}
        engine, async_engine = host_engines("llm", door=DOOR, **kinds)
        options = {"cache": False, "num_retries": 0, **options}
        model = dspy.LM("host/small", engine=engine, async_engine=async_engine, **options)
        self.async_engine = async_engine
        return model
