"""What one command's code may touch: its session, its deadline, the host."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.session.instances import InstanceManager, SessionInstances
from snakepit_bridge.session.turns import Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from snakepit_bridge.session.host import HostRuntime


_NOTHING: Mapping[str, str] = MappingProxyType({})


class CommandUnderWay(Protocol):
    """What a session needs to know of the command that looks at it."""

    @property
    def command(self) -> str:
        """The name it was sent under."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its caller said beside the arguments."""

    @property
    def answer_metadata(self) -> dict[str, str]:
        """What its code says beside the answer."""

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the command any more."""

    @property
    def deadline(self) -> float | None:
        """When it must have an outcome, on the scale of ``time.monotonic()``."""

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the deadline, negative once it has passed."""

    def on_cancel(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call ``told`` once when the command is cancelled; returns how to take that back."""


current_execution: ContextVar[CommandUnderWay | None] = ContextVar(
    "current_execution", default=None
)
"""The command whose code runs here; clients of the host read its deadline from it."""


class SessionState:
    """What belongs to the session itself and outlives its commands.

    Changed by ``SessionManager`` only, under its lock.
    """

    __slots__ = (
        "idle_s",
        "instances",
        "last_used",
        "running",
        "settings",
        "single_use",
        "started",
        "turns",
    )

    def __init__(self, instances: InstanceManager, *, started: float) -> None:
        self.instances = instances
        self.started = started
        self.last_used = started
        self.running = 0
        self.idle_s = 0.0
        self.single_use = False
        self.settings: dict[str, Any] = {}
        self.turns: dict[str, Turnstile] | None = None


class Session:
    """What a handler is given: the session, seen by one command.

    Args:
        id: Its name on the wire.
        bridge_client: The way to the host: tools and variables.
        created_at: When it began.
        state: What it shares with the other commands of the session; a fresh one by default.
        execution: The command this view belongs to; none outside of a command.
    """

    __slots__ = ("_execution", "bridge_client", "created_at", "id", "state")

    def __init__(
        self,
        id: str,  # noqa: A002  (founding name)
        bridge_client: HostRuntime,
        created_at: datetime,
        *,
        state: SessionState | None = None,
        execution: CommandUnderWay | None = None,
    ) -> None:
        self.id = id
        self.bridge_client = bridge_client
        self.created_at = created_at
        self.state = state or SessionState(InstanceManager(), started=0.0)
        self._execution = execution

    def __repr__(self) -> str:
        return f"Session({self.id!r})"

    # --- what lives in the session --------------------------------------------------------------

    @property
    def instances(self) -> SessionInstances:
        """The live objects of this session."""
        return SessionInstances(self.state.instances, self.id)

    @property
    def single_use(self) -> bool:
        """Whether the session ends with this command, so that nothing can be kept in it."""
        return self.state.single_use

    @property
    def settings(self) -> dict[str, Any]:
        """What handlers keep for this session, each under its own namespace, e.g. ``"dspy"``."""
        return self.state.settings

    # --- this command ---------------------------------------------------------------------------

    @property
    def command(self) -> str:
        """The name this command was sent under; empty outside of a command."""
        return "" if self._execution is None else self._execution.command

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the caller of this command said beside the arguments."""
        return _NOTHING if self._execution is None else self._execution.metadata

    @property
    def answer_metadata(self) -> dict[str, str]:
        """What travels beside this command's answer, or its error; names and values are texts.

        Outside of a command it goes nowhere.
        """
        return {} if self._execution is None else self._execution.answer_metadata

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for this command any more; long ``def`` code should look."""
        return self._execution is not None and self._execution.cancelled

    @property
    def deadline(self) -> float | None:
        """When this command must have a result, on the scale of ``time.monotonic()``."""
        return None if self._execution is None else self._execution.deadline

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the deadline, negative once it has passed; ``None`` without one."""
        return None if self._execution is None else self._execution.remaining_s

    def seen_by(self, execution: CommandUnderWay) -> Session:
        """The view of one command."""
        return Session(
            self.id, self.bridge_client, self.created_at, state=self.state, execution=execution
        )

    # --- the host, from threads -----------------------------------------------------------------

    def call_elixir_tool(self, tool_name: str, args: Mapping[str, Any]) -> Any:
        """Have the host run one of its tools and return its value.

        Raises:
            HostToolError: The tool is unknown or raised.
            HostUnavailableError: The host cannot be reached in time.
            WrongCallError: Called on the loop; use ``acall_elixir_tool`` there.
        """
        _refuse_on_loop("call_elixir_tool")
        return self.bridge_client.call_tool(session_id=self.id, tool_name=tool_name, args=args)

    def get_variable(self, name: str) -> Any:
        """The value of a variable.

        Raises:
            VariableError: There is none of this name.
            WrongCallError: Called on the loop; use ``aget_variable`` there.
        """
        _refuse_on_loop("get_variable")
        return self.bridge_client.get_variable(session_id=self.id, name=name)

    def set_variable(self, name: str, value: Any) -> int:
        """Create or change a variable and return its new version.

        Raises:
            InvalidArgumentError: The value does not fit the variable's type or constraints.
            WrongCallError: Called on the loop; use ``aset_variable`` there.
        """
        _refuse_on_loop("set_variable")
        return self.bridge_client.set_variable(session_id=self.id, name=name, value=value)

    # --- the host, from the loop ----------------------------------------------------------------

    async def acall_elixir_tool(self, tool_name: str, args: Mapping[str, Any]) -> Any:
        """As ``call_elixir_tool``, for ``async def`` code."""
        return await self.bridge_client.acall_tool(
            session_id=self.id, tool_name=tool_name, args=args
        )

    async def aget_variable(self, name: str) -> Any:
        """As ``get_variable``, for ``async def`` code."""
        return await self.bridge_client.aget_variable(session_id=self.id, name=name)

    async def aset_variable(self, name: str, value: Any) -> int:
        """As ``set_variable``, for ``async def`` code."""
        return await self.bridge_client.aset_variable(session_id=self.id, name=name, value=value)


def _refuse_on_loop(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    text = f"Session.{name}() would block the event loop."
    raise WrongCallError(text, {"hint": f"Write 'await session.a{name}(...)' in async def code."})
