"""``snakepit.bridge.BridgeService``: each RPC of Snakepit's worker contract to its answer."""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import grpc

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceServicer
from snakepit_bridge.grpc.bridge_codec import Call, chunk_from, response_from
from snakepit_bridge.grpc.bridge_failures import (
    MAX_ANSWER,
    MAX_STATUS,
    error_message,
    status_of,
)
from snakepit_bridge.grpc.status import abort, header_text, status_text
from snakepit_bridge.telemetry.correlation import set_correlation_id
from snakepit_bridge.transport.failures import failure_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Coroutine

    from grpc.aio import ServicerContext

    from snakepit_bridge.telemetry.stream import TelemetryStream
    from snakepit_bridge.transport.dispatcher import Dispatcher
    from snakepit_bridge.transport.envelope import Failure

    Context = ServicerContext[Any, Any]

_T = TypeVar("_T")


class SessionKeeper(Protocol):
    """Who answers for sessions: the bridge itself, or the host behind it.

    What has no answer is a ``BridgeError``, or the ``grpc.RpcError`` of the call to the host.
    """

    def seen(self, session_id: str) -> None:
        """A tool is called in this session; must not block."""

    async def begin(self, request: pb.InitializeSessionRequest) -> pb.InitializeSessionResponse:
        """Begin a session, or find it begun."""

    async def end(self, request: pb.CleanupSessionRequest) -> pb.CleanupSessionResponse:
        """End a session."""

    async def describe(self, request: pb.GetSessionRequest) -> pb.GetSessionResponse:
        """What is known of a session."""

    async def beat(self, request: pb.HeartbeatRequest) -> pb.HeartbeatResponse:
        """Whether a session still lives."""


class BridgeService(BridgeServiceServicer):
    """What Snakepit calls on a worker; whatever no method here answers is UNIMPLEMENTED.

    Args:
        dispatcher: Runs the commands.
        keeper: Answers for sessions.
        telemetry_stream: What ``StreamTelemetry`` sends; none makes that UNIMPLEMENTED.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        keeper: SessionKeeper,
        *,
        telemetry_stream: TelemetryStream | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._keeper = keeper
        self._telemetry_stream = telemetry_stream

    def stop(self) -> None:
        """The server is about to stop, and would wait for calls that end only with it."""

    # --- tools ----------------------------------------------------------------------------------

    async def ExecuteTool(  # noqa: N802  (the name on the wire)
        self, request: pb.ExecuteToolRequest, context: Context
    ) -> pb.ExecuteToolResponse:
        """Run a tool or a command; one answer, which tells of a failure itself."""
        started = time.perf_counter()
        call = Call(request, context)
        set_correlation_id(call.correlation_id)
        self._keeper.seen(request.session_id)
        reply = await self._dispatcher.run(call.envelope)
        if reply.failure is not None:
            return await _failed(reply.failure, request, context)
        return response_from(reply, int(1000 * (time.perf_counter() - started)))

    async def ExecuteStreamingTool(  # noqa: N802
        self, request: pb.ExecuteToolRequest, context: Context
    ) -> AsyncGenerator[pb.ToolChunk, None]:
        """Run a tool or a command; its items as they come, the last one marked."""
        call = Call(request, context)
        set_correlation_id(call.correlation_id)
        self._keeper.seen(request.session_id)
        number, has_final = 0, False
        async with aclosing(self._dispatcher.stream(call.envelope)) as replies:
            async for reply in replies:
                if reply.failure is not None:
                    await _abort(reply.failure, request, context)
                if reply.encoded is not None:
                    number += 1
                    is_final = reply.encoded.is_final
                    has_final = has_final or is_final
                    chunk_id = f"{request.tool_name}-{number}"
                    yield chunk_from(reply.encoded, chunk_id, is_final=is_final)
        if not has_final:
            yield pb.ToolChunk(chunk_id=f"{request.tool_name}-{number + 1}", is_final=True)

    # --- sessions -------------------------------------------------------------------------------

    async def InitializeSession(  # noqa: N802
        self, request: pb.InitializeSessionRequest, context: Context
    ) -> pb.InitializeSessionResponse:
        """Begin a session, or find it begun."""
        return await _answered(self._keeper.begin(request), context)

    async def CleanupSession(  # noqa: N802
        self, request: pb.CleanupSessionRequest, context: Context
    ) -> pb.CleanupSessionResponse:
        """End a session."""
        return await _answered(self._keeper.end(request), context)

    async def GetSession(  # noqa: N802
        self, request: pb.GetSessionRequest, context: Context
    ) -> pb.GetSessionResponse:
        """What is known of a session."""
        return await _answered(self._keeper.describe(request), context)

    async def Heartbeat(  # noqa: N802
        self, request: pb.HeartbeatRequest, context: Context
    ) -> pb.HeartbeatResponse:
        """Whether a session still lives."""
        return await _answered(self._keeper.beat(request), context)

    # --- life -----------------------------------------------------------------------------------

    async def Ping(  # noqa: N802
        self, request: pb.PingRequest, context: Context
    ) -> pb.PingResponse:
        """That somebody is here."""
        del context
        response = pb.PingResponse(message=f"Pong from Python: {request.message}")
        response.server_time.GetCurrentTime()
        return response

    async def StreamTelemetry(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.TelemetryControl], context: Context
    ) -> AsyncGenerator[pb.TelemetryEvent, None]:
        """What happens here, for as long as the caller listens."""
        if self._telemetry_stream is None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "This server tells no events.")
        # Here, because most servers never tell any.
        from snakepit_bridge.grpc.telemetry_stream import serve_telemetry  # noqa: PLC0415

        events = serve_telemetry(self._telemetry_stream, request_iterator, context)
        async with aclosing(events) as told:
            async for event in told:
                yield event


async def _failed(
    failure: Failure, request: pb.ExecuteToolRequest, context: Context
) -> pb.ExecuteToolResponse:
    status = status_of(failure)
    if status is not None:
        await context.abort(status, status_text(failure))
    # Elixir loses the message of a status, so failures travel in the answer.
    message = error_message(failure, request, limit=MAX_ANSWER)
    return pb.ExecuteToolResponse(success=False, error_message=message)


async def _abort(failure: Failure, request: pb.ExecuteToolRequest, context: Context) -> NoReturn:
    status = status_of(failure)
    if status is not None:
        await context.abort(status, status_text(failure))
    message = error_message(failure, request, limit=MAX_STATUS)
    await context.abort(grpc.StatusCode.INTERNAL, message)


async def _answered(answer: Coroutine[Any, Any, _T], context: Context) -> _T:
    try:
        return await answer
    except grpc.RpcError as error:
        await _pass_on(error, context)
    except BridgeError as error:
        await abort(context, failure_of(error))


async def _pass_on(error: grpc.RpcError, context: Context) -> NoReturn:
    """End a call as the one to the host ended that it stood for."""
    ended: Any = error  # every error of a call is the call, too, which the stubs do not know
    await context.abort(ended.code(), header_text(ended.details() or "", MAX_STATUS))
