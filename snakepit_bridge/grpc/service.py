"""``snakepit.SnakepitBridge``: each RPC from its request to its answer."""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from google.protobuf.message import DecodeError

from snakepit_bridge.errors import BridgeError, InvalidArgumentError
from snakepit_bridge.grpc import status
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeServicer
from snakepit_bridge.grpc.blob_wire import WithBlobs, message_of
from snakepit_bridge.grpc.codec import Request, envelope_from, message_from, response_from
from snakepit_bridge.grpc.transfers import CHUNK_BYTES, Transfers, disk_failed
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.transport.failures import failure_of
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable

    from grpc.aio import ServicerContext

    from snakepit_bridge.transport.dispatcher import Dispatcher

    Context = ServicerContext[Any, Any]

log = logging.getLogger(__name__)

Received: TypeAlias = "Request | WithBlobs[Request] | DecodeError"
Response: TypeAlias = "pb.ExecuteResponse | WithBlobs[pb.ExecuteResponse]"
Message: TypeAlias = "pb.StreamResponse | WithBlobs[pb.StreamResponse]"


class SnakepitBridgeService(SnakepitBridgeServicer):
    """Decodes, has the dispatcher run the command, encodes. Nothing else.

    Args:
        dispatcher: Runs the commands.
        chunk_bytes: Data of one message of a download.
    """

    def __init__(self, dispatcher: Dispatcher, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._dispatcher = dispatcher
        self._transfers = Transfers(dispatcher.leases, chunk_bytes=chunk_bytes)
        self._started = time.monotonic()

    async def Execute(  # noqa: N802  (the name on the wire)
        self, request: Received, context: Context
    ) -> Response:
        """Run a command; one answer."""
        if isinstance(request, DecodeError):
            await _refuse(request, context)
        reply = await self._dispatcher.run(envelope_from(request, context))
        return await _answer(reply, message_of(request), context)

    async def ExecuteStream(  # noqa: N802
        self, request: Received, context: Context
    ) -> AsyncGenerator[Message, None]:
        """Run a command; its items as they come."""
        if isinstance(request, DecodeError):
            await _refuse(request, context)
        async with aclosing(self._dispatcher.stream(envelope_from(request, context))) as replies:
            index = 0
            async for reply in replies:
                yield await _message(reply, message_of(request), context, index)
                if reply.is_final:
                    return
                index += 1

    async def ExecuteInSession(  # noqa: N802
        self, request: Received, context: Context
    ) -> Response:
        """As ``Execute``, in a session that must be named."""
        return await self.Execute(request, context)

    async def ExecuteInSessionStream(  # noqa: N802
        self, request: Received, context: Context
    ) -> AsyncGenerator[Message, None]:
        """As ``ExecuteStream``, in a session that must be named."""
        async with aclosing(self.ExecuteStream(request, context)) as messages:
            async for message in messages:
                yield message

    async def Health(  # noqa: N802
        self,
        request: pb.HealthRequest,
        context: Context,
    ) -> pb.HealthResponse:
        """Whether the server works, with its counters."""
        del context
        return pb.HealthResponse(
            healthy=True,
            worker_id=request.worker_id or self._dispatcher.handler.worker_id,
            uptime_ms=self._uptime_ms(),
            total_requests=self._dispatcher.tally.answered,
            total_errors=self._dispatcher.tally.failed,
            version=__version__,
        )

    async def GetInfo(  # noqa: N802
        self, request: pb.InfoRequest, context: Context
    ) -> pb.InfoResponse:
        """What the server is and which commands it has."""
        del context
        registry = self._dispatcher.handler.registry
        info = pb.InfoResponse(
            worker_type="python-grpc",
            version=__version__,
            supported_commands=sorted(registry.names),
            system_info={
                "python": sys.version.partition(" ")[0],
                "platform": sys.platform,
                "pid": str(os.getpid()),
            },
        )
        if request.include_capabilities:
            info.capabilities.update(streaming="true", sessions="true", binary_data="true")
        if request.include_stats:
            info.stats.CopyFrom(self._stats())
        return info

    async def Upload(  # noqa: N802
        self, request_iterator: AsyncIterable[pb.Chunk | DecodeError], context: Context
    ) -> pb.Handle:
        """Bring data that are too large for one message."""
        try:
            return await self._transfers.upload(request_iterator)
        except (BridgeError, OSError) as error:
            await _fail(error, context)

    async def Download(  # noqa: N802
        self, request: pb.Handle | DecodeError, context: Context
    ) -> AsyncGenerator[pb.Chunk, None]:
        """Fetch what a handle stands for."""
        if isinstance(request, DecodeError):
            await _refuse(request, context)
        try:
            async with aclosing(self._transfers.download(request)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (BridgeError, OSError) as error:
            await _fail(error, context)

    def _stats(self) -> pb.WorkerStats:
        uptime_ms = self._uptime_ms()
        return pb.WorkerStats(
            requests_handled=self._dispatcher.tally.answered,
            requests_failed=self._dispatcher.tally.failed,
            uptime_ms=uptime_ms,
            # Linux tells the peak in KiB.
            memory_usage_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            cpu_usage_percent=100_000 * time.process_time() / max(1, uptime_ms),
            active_sessions=len(self._dispatcher.handler.sessions),
        )

    def _uptime_ms(self) -> int:
        return int(1000 * (time.monotonic() - self._started))


async def _answer(reply: Reply, request: Request, context: Context) -> Response:
    if reply.failure is not None and not request.in_band_errors:
        await status.abort(context, reply.failure)
    return response_from(reply, request.request_id)


async def _message(reply: Reply, request: Request, context: Context, index: int) -> Message:
    if reply.failure is not None and not request.in_band_errors:
        await status.abort(context, reply.failure)
    return message_from(reply, request.request_id, index)


async def _refuse(error: DecodeError, context: Context) -> NoReturn:
    refusal = InvalidArgumentError(
        f"The bytes of the call are not the message of its RPC: {error}.",
        {"hint": "Does the client have the 'snakepit.proto' of this bridge?"},
    )
    await status.abort(context, failure_of(refusal))


async def _fail(error: BridgeError | OSError, context: Context) -> NoReturn:
    failure = error if isinstance(error, BridgeError) else disk_failed(error)
    log.info("a transfer failed: %s", failure.message, extra={"error_id": failure.error_id})
    await status.abort(context, failure_of(failure))
