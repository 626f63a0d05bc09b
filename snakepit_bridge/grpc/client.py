"""``BridgeClient``: the gRPC client towards the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from snakepit_bridge.grpc import host_tools, host_updates, host_variables
from snakepit_bridge.grpc.host_calls import Headers, HostCall, Operation, run, run_async
from snakepit_bridge.grpc.host_link import HostLink, Limits, open_channel
from snakepit_bridge.grpc.host_sessions import HostSessions, begin_session, in_session
from snakepit_bridge.session.variables import VariableUpdate

if TYPE_CHECKING:
    from types import TracebackType

    import grpc

    from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
    from snakepit_bridge.session.host import HostTool, VariableInfo

_T = TypeVar("_T")


class BridgeClient:
    """Calls the host: its tools, its variables.

    One client serves a whole process. The methods without ``a`` block and may be called from any
    thread, those with it from any event loop; all share one connection, which opens with the first
    call and comes back by itself when the host does.

    A call ends with its command: at its deadline, or when it is cancelled. While there is no
    connection it waits ``connect_timeout_s`` before it fails, so it survives a host that restarts.
    Once the host had it, only what changes nothing is asked a second time: reading and listing. A
    tool that was running when the connection broke may have run. Where the host does not know the
    session of a call, the session is begun and the call made again.

    Args:
        address: Where the host listens, e.g. ``"127.0.0.1:50051"``, or any other gRPC target.
        default_timeout_s: For calls outside of a command, and of commands without a deadline.
        connect_timeout_s: How long a call waits for a host that cannot be reached.
        max_message_bytes: Of one request, and of one answer.
        credentials: For a host with TLS; ``None`` for one without.
        metadata: Headers of every call, e.g. ``[("authorization", "Bearer …")]``.

    Raises:
        ValueError: A number is not positive, or gRPC cannot carry one of the headers.
    """

    variables_live_in = "host"

    def __init__(  # noqa: PLR0913  (what an operator may have to set)
        self,
        address: str,
        *,
        default_timeout_s: float = 30.0,
        connect_timeout_s: float = 5.0,
        max_message_bytes: int = 100 * 1024 * 1024,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Headers = (),
    ) -> None:
        limits = Limits(
            default_timeout_s=default_timeout_s,
            connect_timeout_s=connect_timeout_s,
            max_message_bytes=max_message_bytes,
        )
        channel = open_channel(address, limits, credentials)
        self._link = HostLink(channel, address=address, limits=limits, metadata=metadata)
        self.sessions = HostSessions()
        """What this process knows of its sessions in the host."""

    def __repr__(self) -> str:
        return f"BridgeClient({self.address!r})"

    @property
    def address(self) -> str:
        """Where the host listens."""
        return self._link.address

    @property
    def state(self) -> str:
        """``connecting``, ``connected`` or ``unreachable``, as the latest call found it."""
        return self._link.state

    # --- life -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End all calls, then disconnect; closing again does nothing."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- from threads ---------------------------------------------------------------------------

    def call_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        """Have the host run one of its tools.

        Returns:
            Its value; ``bytes`` or a ``BinaryResult`` where it returned binary data.

        Raises:
            HostToolError: The host does not know the tool, the tool raised, or what it returned
                is not JSON.
            InvalidArgumentError: An argument has no JSON form; says where.
            HostUnavailableError: The host cannot be reached, was lost, or took too long.
        """
        return self._run(host_tools.call_tool(session_id, tool_name, args))

    def list_tools(self, *, session_id: str) -> list[HostTool]:
        """The tools the host offers to this session, by name."""
        return self._run(host_tools.list_tools(session_id))

    def get_variable(self, *, session_id: str, name: str) -> Any:
        """The value of a variable.

        Raises:
            VariableError: There is none of this name.
            WrongCallError: This host keeps no variables.
        """
        return self._run(host_variables.get_variable(session_id, name))

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

        A new variable gets the type of its value where none is given. The host cannot give another
        type, or other constraints, to one that exists.

        Raises:
            InvalidArgumentError: The value does not fit the type or the constraints.
            VersionConflictError: The variable is not at ``expected_version``.
            WrongCallError: This host keeps no variables.
        """
        update = VariableUpdate(
            name=name,
            value=value,
            type=type,
            constraints=constraints,
            expected_version=expected_version,
        )
        return self._run(host_updates.set_variable(session_id, update))

    def list_variables(self, *, session_id: str, pattern: str | None = None) -> list[VariableInfo]:
        """The variables of a session whose names match a shell pattern, by name."""
        return self._run(host_variables.list_variables(session_id, pattern))

    def delete_variable(self, *, session_id: str, name: str) -> bool:
        """Forget a variable; false when there was none."""
        return self._run(host_variables.delete_variable(session_id, name))

    def request(
        self,
        rpc: str,
        message: Any,
        *,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        metadata: Headers = (),
    ) -> Any:
        """Make any other unary call of ``BridgeService``, e.g. ``request("Ping", PingRequest())``.

        Args:
            rpc: Its name.
            message: Its request message.
            timeout_s: Where it is to have less time than its command, or the client's default.
            connect_timeout_s: Where it waits less, or longer, for a connection than other calls.
            metadata: Headers of this call alone.

        Returns:
            The response message.
        """
        return self._send(_plain_call(rpc, message, timeout_s, connect_timeout_s, metadata))

    # --- from the loop --------------------------------------------------------------------------

    async def acall_tool(self, *, session_id: str, tool_name: str, args: Mapping[str, Any]) -> Any:
        """As ``call_tool``; cancelling it ends the call."""
        return await self._arun(host_tools.call_tool(session_id, tool_name, args))

    async def alist_tools(self, *, session_id: str) -> list[HostTool]:
        """As ``list_tools``."""
        return await self._arun(host_tools.list_tools(session_id))

    async def aget_variable(self, *, session_id: str, name: str) -> Any:
        """As ``get_variable``."""
        return await self._arun(host_variables.get_variable(session_id, name))

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
        """As ``set_variable``."""
        update = VariableUpdate(
            name=name,
            value=value,
            type=type,
            constraints=constraints,
            expected_version=expected_version,
        )
        return await self._arun(host_updates.set_variable(session_id, update))

    async def alist_variables(
        self, *, session_id: str, pattern: str | None = None
    ) -> list[VariableInfo]:
        """As ``list_variables``."""
        return await self._arun(host_variables.list_variables(session_id, pattern))

    async def adelete_variable(self, *, session_id: str, name: str) -> bool:
        """As ``delete_variable``."""
        return await self._arun(host_variables.delete_variable(session_id, name))

    async def arequest(
        self,
        rpc: str,
        message: Any,
        *,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        metadata: Headers = (),
    ) -> Any:
        """As ``request``."""
        call = _plain_call(rpc, message, timeout_s, connect_timeout_s, metadata)
        return await self._asend(call)

    async def abegin_session(
        self, request: pb.InitializeSessionRequest, *, timeout_s: float | None = None
    ) -> None:
        """Begin a session in the host, or find it begun.

        Raises:
            BridgeError: The host refused, or was not reached.
        """
        await self._arun(begin_session(request, timeout_s=timeout_s))

    # --- one call after the other ---------------------------------------------------------------

    def _send(self, call: HostCall) -> Any:
        return run(in_session(call, self.sessions), self._link.send)

    async def _asend(self, call: HostCall) -> Any:
        return await run_async(in_session(call, self.sessions), self._link.send_async)

    def _run(self, operation: Operation[_T]) -> _T:
        return run(operation, self._send)

    async def _arun(self, operation: Operation[_T]) -> _T:
        return await run_async(operation, self._asend)


def _plain_call(
    rpc: str,
    message: Any,
    timeout_s: float | None,
    connect_timeout_s: float | None,
    metadata: Headers,
) -> HostCall:
    return HostCall(
        rpc=rpc,
        request=message,
        what=f"answer {rpc}",
        timeout_s=timeout_s,
        connect_timeout_s=connect_timeout_s,
        metadata=metadata,
    )
