"""The servers under measurement, each in a process: ``python -m benchmarks.servers KIND``.

``floor`` is grpc.aio with the generated code and nothing else: it answers the same request with
the same message, metadata included. ``bridge`` is the product; ``bridge-sdk`` is the product with
OpenTelemetry's SDK, every span sampled and exported to nowhere; ``raw`` echoes bytes. The first
line on stdout is the port.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.engine import inline_engine
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as bridge_pb
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2_grpc as bridge_grpc
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated import snakepit_pb2_grpc as pb_grpc
from snakepit_bridge.grpc.server import SnakepitBridgeServer
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

RAW_ECHO = "/bench.Raw/Echo"
LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

ITEM = {"index": 1, "text": "token"}
ITEM_JSON = b'{"index":1,"text":"token"}'
MAP = "type.googleapis.com/snakepit.map"
METADATA = {
    "queue_ms": "0.031",
    "run_ms": "0.012",
    "worker_id": "w",
    "in_flight": "0",
    "queued": "0",
}


class Floor(pb_grpc.SnakepitBridgeServicer):
    """What gRPC alone costs."""

    async def Execute(  # noqa: N802  (the name on the wire)
        self, request: pb.ExecuteRequest, context: ServicerContext[Any, Any]
    ) -> pb.ExecuteResponse:
        """Echo one argument."""
        return pb.ExecuteResponse(
            success=True,
            timestamp=time.time_ns(),
            request_id=request.request_id,
            metadata=METADATA,
            value=request.args["value"],
        )

    async def ExecuteStream(  # noqa: N802
        self, request: pb.ExecuteRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.StreamResponse]:
        """As many messages as asked for."""
        for index in range(int(request.args["count"])):
            yield pb.StreamResponse(
                timestamp=time.time_ns(),
                request_id=request.request_id,
                chunk_index=index,
                value=ITEM_JSON,
            )


class BridgeFloor(bridge_grpc.BridgeServiceServicer):
    """What gRPC alone costs a worker of Snakepit."""

    async def ExecuteTool(  # noqa: N802
        self, request: bridge_pb.ExecuteToolRequest, context: ServicerContext[Any, Any]
    ) -> bridge_pb.ExecuteToolResponse:
        """Echo one argument."""
        return bridge_pb.ExecuteToolResponse(
            success=True,
            result=AnyMessage(type_url=MAP, value=request.parameters["value"].value),
            metadata=METADATA,
            execution_time_ms=1,
        )

    async def ExecuteStreamingTool(  # noqa: N802
        self, request: bridge_pb.ExecuteToolRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[bridge_pb.ToolChunk]:
        """As many chunks as asked for."""
        count = int(request.parameters["count"].value)
        for index in range(1, count + 1):
            yield bridge_pb.ToolChunk(
                chunk_id=f"{request.tool_name}-{index}", data=ITEM_JSON, is_final=index == count
            )


class Echo:
    """The same work as commands, one of each kind."""

    @handles("bench.async")
    async def on_loop(self, session: Session, *, value: dict[str, Any]) -> dict[str, Any]:
        """Echo on the loop."""
        return value

    @handles("bench.def")
    def on_thread(self, session: Session, *, value: dict[str, Any]) -> dict[str, Any]:
        """Echo on a thread."""
        return value

    @handles("bench.async_stream")
    async def stream_on_loop(
        self, session: Session, *, count: int
    ) -> AsyncIterator[dict[str, Any]]:
        """As many items as asked for, from the loop."""
        for _ in range(count):
            yield ITEM

    @handles("bench.def_stream")
    def stream_on_thread(self, session: Session, *, count: int) -> Iterator[dict[str, Any]]:
        """As many items as asked for, from a thread."""
        for _ in range(count):
            yield ITEM


async def serve_floor() -> None:
    """Serve the floor until the process is told to end."""
    server = grpc.aio.server()
    pb_grpc.add_SnakepitBridgeServicer_to_server(Floor(), server)
    bridge_grpc.add_BridgeServiceServicer_to_server(BridgeFloor(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await _until_told(port)
    await server.stop(0)


async def serve_raw() -> None:
    """Serve an echo of bytes, which nobody looks into, until the process is told to end."""

    async def echo(request: bytes, context: ServicerContext[Any, Any]) -> bytes:
        del context
        return request

    service, _, method = RAW_ECHO.strip("/").partition("/")
    server = grpc.aio.server(options=LARGE)
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await _until_told(port)
    await server.stop(0)


async def serve_bridge() -> None:
    """Serve the bridge until the process is told to end."""
    registry = HandlerRegistry()
    registry.register(Echo())
    async with inline_engine() as engine:
        handler = CommandHandler(
            registry, SessionManager(EmbeddedHost()), engine=engine, worker_id="w"
        )
        async with SnakepitBridgeServer(handler, port=0) as server:
            await _until_told(server.port)


def switch_sdk_on() -> None:
    """Every span is recorded, batched and handed to an exporter that drops it."""
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import (
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider(metric_readers=[InMemoryMetricReader()]))


async def _until_told(port: int) -> None:
    print(port, flush=True)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


def main() -> None:
    """Serve what the first argument names."""
    kind = sys.argv[1]
    if kind == "bridge-sdk":
        switch_sdk_on()
    serve = {"floor": serve_floor, "raw": serve_raw}.get(kind, serve_bridge)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
