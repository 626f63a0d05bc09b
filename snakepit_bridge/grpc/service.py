"""``snakepit.SnakepitBridge``: each RPC from its request to its answer."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from snakepit_bridge.grpc import status
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeServicer
from snakepit_bridge.grpc.codec import Request, envelope_from, message_from, response_from
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from grpc.aio import ServicerContext

    from snakepit_bridge.transport.dispatcher import Dispatcher

    Context = ServicerContext[Any, Any]


class SnakepitBridgeService(SnakepitBridgeServicer):
    """Decodes, has the dispatcher run the command, encodes. Nothing else.

    Args:
        dispatcher: Runs the commands.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._started = time.monotonic()

    async def Execute(  # noqa: N802  (the name on the wire)
        self, request: Request, context: Context
    ) -> pb.ExecuteResponse:
        """Run a command; one answer."""
        reply = await self._dispatcher.run(envelope_from(request, context))
        return await _answer(reply, request, context)

    async def ExecuteStream(  # noqa: N802
        self, request: Request, context: Context
    ) -> AsyncGenerator[pb.StreamResponse, None]:
        """Run a command; its items as they come."""
        async with aclosing(self._dispatcher.stream(envelope_from(request, context))) as replies:
            index = 0
            async for reply in replies:
                yield await _message(reply, request, context, index)
                if reply.is_final:
                    return
                index += 1

    async def ExecuteInSession(  # noqa: N802
        self, request: pb.SessionRequest, context: Context
    ) -> pb.ExecuteResponse:
        """As ``Execute``, in a session that must be named."""
        return await self.Execute(request, context)

    async def ExecuteInSessionStream(  # noqa: N802
        self, request: pb.SessionRequest, context: Context
    ) -> AsyncGenerator[pb.StreamResponse, None]:
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
            supported_commands=[entry.command for entry in registry],
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


async def _answer(reply: Reply, request: Request, context: Context) -> pb.ExecuteResponse:
    if reply.failure is not None and not request.in_band_errors:
        await status.abort(context, reply.failure)
    return response_from(reply, request.request_id)


async def _message(
    reply: Reply, request: Request, context: Context, index: int
) -> pb.StreamResponse:
    if reply.failure is not None and not request.in_band_errors:
        await status.abort(context, reply.failure)
    return message_from(reply, request.request_id, index)
