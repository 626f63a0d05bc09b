"""The ``python.*`` commands in a session of a fake host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

from snakepit_bridge.errors import HostToolError
from snakepit_bridge.handlers.python.batch import BatchCall
from snakepit_bridge.handlers.python_handler import PythonHandler
from snakepit_bridge.session.context import CommandUnderWay, Session
from snakepit_bridge.session.instances import InstanceManager, Ref
from snakepit_bridge.testing import EmbeddedHost


class UnderWay:
    """A command of which a test says how it stands."""

    command = "python.batch"
    metadata: Mapping[str, str] = MappingProxyType({})
    cancelled = False
    deadline: float | None = None
    remaining_s: float | None = None
    answer_metadata: ClassVar[dict[str, str]] = {}

    def on_cancel(self, told: Callable[[], None]) -> Callable[[], None]:
        return told


class RecordingHost(EmbeddedHost):
    """Remembers what its tools were asked, and answers with what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answer: Any = None

    def call_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        self.calls.append((tool_name, dict(args)))
        if isinstance(self.answer, HostToolError):
            raise self.answer
        return self.answer


class Bench:
    """Commands by their own names, for a session called ``"s"``."""

    def __init__(self, *allow: str, code_execution: bool = False) -> None:
        self.instances = InstanceManager()
        self.handler = PythonHandler(self.instances, allow=allow, code_execution=code_execution)
        self.host = RecordingHost()
        self.session = Session("s", self.host, datetime.now(UTC))

    def under(self, execution: CommandUnderWay) -> None:
        """Belong to a command from now on."""
        self.session = self.session.seen_by(execution)

    def call(self, target: str, *args: Any, **kwargs: Any) -> Any:
        return self.handler.call(self.session, target=target, args=[*args], kwargs=kwargs)

    def create(self, target: str, *args: Any, **kwargs: Any) -> Ref:
        return self.handler.create(self.session, target=target, args=[*args], kwargs=kwargs)

    def method(self, ref: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.handler.call_method(
            self.session, ref=ref, method=name, args=[*args], kwargs=kwargs
        )

    def get(self, ref: Any, name: str) -> Any:
        return self.handler.get_attribute(self.session, ref=ref, name=name)

    def read(self, target: str, name: str) -> Any:
        return self.handler.get_attribute(self.session, target=target, name=name)

    def set(self, ref: Any, name: str, value: Any) -> None:
        self.handler.set_attribute(self.session, ref=ref, name=name, value=value)

    def item(self, ref: Any, key: Any) -> Any:
        return self.handler.get_item(self.session, ref=ref, key=key)

    def items(self, **kwargs: Any) -> list[Any]:
        return list(self.handler.iterate(self.session, **kwargs))

    def keep(self, thing: object) -> Ref:
        return self.instances.register("s", thing)

    def batch(self, *calls: tuple[str, dict[str, Any]], stop_on_error: bool = True) -> list[Any]:
        return self.handler.batch(
            self.session,
            calls=[BatchCall(f"python.{name}", args) for name, args in calls],
            stop_on_error=stop_on_error,
        )
