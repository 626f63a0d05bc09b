"""What adapters are given to call Elixir with: Snakepit's stub, over the worker's own client."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import grpc

from snakepit_bridge.adapters.recent import Recent
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.grpc.status import status_code

RememberedTools = Recent[Collection[str]]

_REMEMBERED_SESSIONS = 1000
"""Of so many sessions the names of the tools are kept; those of one more are asked for again."""

_OBJECT_ID = "python-"
"""What the worker ids begin with that adapters make up for want of a better one."""

_Metadata = Sequence[tuple[str, str | bytes]]


class HostRpcError(grpc.RpcError):
    """A call of a stub that failed, as gRPC's own stubs raise it.

    Args:
        error: What the client has to say about it.
    """

    def __init__(self, error: BridgeError) -> None:
        super().__init__(str(error))
        # What grpc raises for a call is the call itself; a cancelled one has no more to tell.
        call: Any = error.__cause__ if hasattr(error.__cause__, "code") else None
        self._call = call
        self._code = status_code(error.code) if call is None else call.code()
        self._details = str(error) if call is None else call.details()

    def code(self) -> grpc.StatusCode:
        """The status of the call."""
        return self._code

    def details(self) -> str:
        """What was said about the status, by Elixir where it was Elixir that ended the call."""
        return self._details or ""

    def initial_metadata(self) -> Any:
        """Headers of the answer; none where there was no answer."""
        return () if self._call is None else self._call.initial_metadata()

    def trailing_metadata(self) -> Any:
        """Trailers of the answer; none where there was no answer."""
        return () if self._call is None else self._call.trailing_metadata()


class HostRpc:
    """One RPC of Elixir, called like a method of gRPC's stubs.

    A call ends with the command in which it is made: at its deadline, or when it is cancelled. It
    carries the command's correlation id.

    Args:
        client: The way to Elixir.
        name: The RPC's, e.g. ``"ExecuteElixirTool"``.
    """

    __slots__ = ("_client", "_name")

    def __init__(self, client: BridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name} of {self._client.address}>"

    def __call__(  # noqa: PLR0913, PLR0917  (gRPC's own signature)
        self,
        request: Any,
        timeout: float | None = None,
        metadata: _Metadata | None = None,
        credentials: object = None,  # noqa: ARG002  (of the connection, as the next two)
        wait_for_ready: bool | None = None,  # noqa: ARG002, FBT001
        compression: object = None,  # noqa: ARG002
    ) -> Any:
        """Make the call; blocks the thread until it has ended.

        Args:
            request: The request message.
            timeout: Seconds, where it is to have less time than its command, or the client's
                default outside of commands.
            metadata: Headers to send.
            credentials: Not used: how calls travel is decided for all of them.
            wait_for_ready: Not used either.
            compression: Nor this.

        Returns:
            The response message.

        Raises:
            HostRpcError: It failed; a ``grpc.RpcError``.
        """
        here = self._answer_here(request)
        if here is not None:
            return here
        try:
            return self._client.request(
                self._name, self._completed(request), timeout_s=timeout, metadata=metadata or ()
            )
        except BridgeError as error:
            raise HostRpcError(error) from error

    async def ask(
        self, request: Any, *, timeout_s: float | None = None, metadata: _Metadata = ()
    ) -> Any:
        """As calling it, for ``async`` code; from any loop."""
        here = self._answer_here(request)
        if here is not None:
            return here
        try:
            return await self._client.arequest(
                self._name, self._completed(request), timeout_s=timeout_s, metadata=metadata
            )
        except BridgeError as error:
            raise HostRpcError(error) from error

    def with_call(self, request: Any, *args: Any, **options: Any) -> tuple[Any, None]:
        """As calling it; in the place of gRPC's call object, which nobody needs, is nothing."""
        return self(request, *args, **options), None

    def future(self, request: Any, *args: Any, **options: Any) -> Future[Any]:
        """As calling it, on a thread of its own; a call that has begun cannot be cancelled."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bridge-future")
        try:
            return thread.submit(copy_context().run, self, request, *args, **options)
        finally:
            thread.shutdown(wait=False)

    def _answer_here(self, _request: Any) -> Any:
        """The answer, where Elixir need not be asked for it."""
        return None

    def _completed(self, request: Any) -> Any:
        """The request as Elixir needs it."""
        return request


class _CleanupSession(HostRpc):
    __slots__ = ()

    def _answer_here(self, request: Any) -> Any:
        if not self._client.sessions.owns(request.session_id):
            return None
        # Elixir stops a worker without its own session, and puts no other in its place.
        return pb.CleanupSessionResponse(success=True)


class _RegisterTools(HostRpc):
    __slots__ = ("_worker_id",)

    def __init__(self, client: BridgeClient, name: str, worker_id: str) -> None:
        super().__init__(client, name)
        self._worker_id = worker_id

    def _completed(self, request: Any) -> Any:
        named = request.worker_id
        if not self._worker_id or (named and not named.startswith(_OBJECT_ID)):
            return request
        completed = pb.RegisterToolsRequest()
        completed.CopyFrom(request)
        completed.worker_id = self._worker_id
        return completed


class HostStub:
    """Calls of Elixir, under the names of Snakepit's generated stub.

    Every RPC with one request and one answer is there, e.g. ``stub.ExecuteElixirTool(request)``;
    see ``HostRpc`` for how it is called. Where Elixir does not know the session of a call, the
    session is begun and the call made again. ``CleanupSession`` of the worker's own session does
    nothing and succeeds, because Elixir would end the worker with it.

    Args:
        client: The way to Elixir. It is shared, and closed by whoever opened it.
        worker_id: What Elixir calls this worker. Registrations of tools are completed with it.
    """

    ExecuteElixirTool: HostRpc
    GetExposedElixirTools: HostRpc
    RegisterTools: HostRpc
    InitializeSession: HostRpc
    CleanupSession: HostRpc
    GetSession: HostRpc
    Heartbeat: HostRpc
    Ping: HostRpc
    RegisterVariable: HostRpc
    GetVariable: HostRpc
    SetVariable: HostRpc
    GetVariables: HostRpc
    SetVariables: HostRpc
    ListVariables: HostRpc
    DeleteVariable: HostRpc

    def __init__(self, client: BridgeClient, *, worker_id: str = "") -> None:
        self.client = client
        self.worker_id = worker_id
        self.remembered_tools = RememberedTools(_REMEMBERED_SESSIONS)
        """By session: the names of the tools that Elixir offered when it was last asked."""
        for rpc in pb.DESCRIPTOR.services_by_name["BridgeService"].methods:
            if not rpc.client_streaming and not rpc.server_streaming:
                setattr(self, rpc.name, HostRpc(client, rpc.name))
        self.CleanupSession = _CleanupSession(client, "CleanupSession")
        self.RegisterTools = _RegisterTools(client, "RegisterTools", worker_id)

    def __repr__(self) -> str:
        return f"HostStub({self.client!r})"
