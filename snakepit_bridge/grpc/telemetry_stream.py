"""``StreamTelemetry`` from its opening to its end."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc

from snakepit_bridge.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from grpc.aio import ServicerContext

    from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
    from snakepit_bridge.telemetry.stream import TelemetryStream


async def serve_telemetry(
    stream: TelemetryStream,
    requests: AsyncIterator[pb.TelemetryControl],
    context: ServicerContext[Any, Any],
) -> AsyncGenerator[pb.TelemetryEvent, None]:
    """Send events until the caller has gone, its deadline has passed, or the stream is closed.

    Close the stream before the server stops, which would wait for this RPC otherwise.
    """
    # Snakepit waits for the headers, and there may be no event for a long time.
    await context.send_initial_metadata(())
    try:
        async with aclosing(stream.stream(requests, context)) as messages:
            async for message in messages:
                yield message
    except BridgeError as error:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)
