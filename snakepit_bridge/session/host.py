"""What the bridge needs of the host, the runtime on the other side."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class VariableInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is told about a variable without its value."""

    name: str
    type: str
    version: int
    """1 after the first ``set``, one more after each."""

    updated_at: datetime | None = None


class HostTool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the host offers."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """JSON schema of its arguments."""


class Host(Protocol):
    """Calls back to the host, from threads.

    Every call takes the deadline of the command under way (``current_execution``), may block, and
    must not be used on the loop; the twins in ``AsyncHost`` are for code there.
    """

    def call_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        """Have the host run one of its tools.

        Raises:
            HostToolError: The host does not know the tool, or the tool raised.
            HostUnavailableError: The host cannot be reached.
        """

    def list_tools(self, *, session_id: str) -> list[HostTool]:
        """The tools the host offers to this session."""

    def get_variable(self, *, session_id: str, name: str) -> Any:
        """The value of a variable.

        Raises:
            VariableError: There is none of this name.
        """

    def set_variable(  # noqa: PLR0913  (the fields of the command)
        self,
        *,
        session_id: str,
        name: str,
        value: Any,
        type: str | None = None,  # noqa: A002  (the word of the wire)
        constraints: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> int:
        """Create or change a variable and return its new version.

        Raises:
            InvalidArgumentError: The value does not fit the type or the constraints.
            VersionConflictError: The variable is not at ``expected_version``.
            QuotaExceededError: The session's variables are as large as they may be.
        """

    def list_variables(self, *, session_id: str, pattern: str | None = None) -> list[VariableInfo]:
        """The variables of a session whose names match a shell pattern, by name."""

    def delete_variable(self, *, session_id: str, name: str) -> bool:
        """Forget a variable; false when there was none."""


class AsyncHost(Protocol):
    """The same calls for code on the loop."""

    async def acall_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        """As ``Host.call_tool``."""

    async def alist_tools(self, *, session_id: str) -> list[HostTool]:
        """As ``Host.list_tools``."""

    async def aget_variable(self, *, session_id: str, name: str) -> Any:
        """As ``Host.get_variable``."""

    async def aset_variable(  # noqa: PLR0913  (the fields of the command)
        self,
        *,
        session_id: str,
        name: str,
        value: Any,
        type: str | None = None,  # noqa: A002  (the word of the wire)
        constraints: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
    ) -> int:
        """As ``Host.set_variable``."""

    async def alist_variables(
        self, *, session_id: str, pattern: str | None = None
    ) -> list[VariableInfo]:
        """As ``Host.list_variables``."""

    async def adelete_variable(self, *, session_id: str, name: str) -> bool:
        """As ``Host.delete_variable``."""


class HostRuntime(Host, AsyncHost, Protocol):
    """Both ways, plus what ``system.info`` tells of it."""

    @property
    def state(self) -> str:
        """One word for people, e.g. ``embedded``, ``connected``, ``unreachable``."""

    @property
    def variables_live_in(self) -> str:
        """Where variables are kept, for people, e.g. ``memory``, ``host``."""
