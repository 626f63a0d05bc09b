"""The least that Elixir takes for a worker: a script, and what tests ask of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import (
    BridgeServiceServicer,
    BridgeServiceStub,
    add_BridgeServiceServicer_to_server,
)

Context = grpc.aio.ServicerContext[Any, Any]


def _event(name: str) -> pb.TelemetryEvent:
    return pb.TelemetryEvent(
        event_parts=name.split("."), measurements={"duration": pb.TelemetryValue(int_value=7)}
    )


class StandIn(BridgeServiceServicer):
    """Answers by the name of the tool."""

    def __init__(self, elixir: BridgeServiceStub, worker_id: str) -> None:
        self.elixir = elixir
        self.worker_id = worker_id
        self.heartbeats_are_valid = True
        self.running = 0
        self.most_running = 0
        self.released = asyncio.Event()

    async def Ping(self, request: pb.PingRequest, context: Context) -> pb.PingResponse:  # noqa: N802
        return pb.PingResponse(message=f"stand-in: {request.message}")

    async def InitializeSession(  # noqa: N802
        self, request: pb.InitializeSessionRequest, context: Context
    ) -> pb.InitializeSessionResponse:
        answer: pb.InitializeSessionResponse = await self.elixir.InitializeSession(
            request, timeout=5
        )
        tools = [
            pb.ToolRegistration(name="echo"),
            pb.ToolRegistration(name="fail"),
            pb.ToolRegistration(name="image"),
            pb.ToolRegistration(name="count", supports_streaming=True),
            pb.ToolRegistration(name="count_final", supports_streaming=True),
            pb.ToolRegistration(name="fail_stream", supports_streaming=True),
        ]
        await self.elixir.RegisterTools(
            pb.RegisterToolsRequest(
                session_id=request.session_id, tools=tools, worker_id=self.worker_id
            ),
            timeout=5,
        )
        return answer

    async def Heartbeat(  # noqa: N802
        self, request: pb.HeartbeatRequest, context: Context
    ) -> pb.HeartbeatResponse:
        return pb.HeartbeatResponse(session_valid=self.heartbeats_are_valid)

    async def ExecuteTool(  # noqa: N802
        self, request: pb.ExecuteToolRequest, context: Context
    ) -> pb.ExecuteToolResponse:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            value = await getattr(self, f"tool_{request.tool_name}")(request)
        except ValueError as error:
            payload = {"type": "ValueError", "message": str(error), "stacktrace": []}
            return pb.ExecuteToolResponse(error_message=json.dumps(payload))
        finally:
            self.running -= 1
        if isinstance(value, pb.ExecuteToolResponse):
            return value
        wire = WireValue(type_url="snakepit.any", value=json.dumps(value).encode())
        return pb.ExecuteToolResponse(success=True, result=wire)

    async def tool_echo(self, request: pb.ExecuteToolRequest) -> Any:
        args = {name: json.loads(wire.value) for name, wire in request.parameters.items()}
        return {**args, **{name: data.hex() for name, data in request.binary_parameters.items()}}

    async def tool_environment(self, request: pb.ExecuteToolRequest) -> Any:
        return {"cwd": str(Path.cwd()), "group": os.getpgrp(), "pid": os.getpid()}

    async def tool_image(self, request: pb.ExecuteToolRequest) -> pb.ExecuteToolResponse:
        about = WireValue(value=b'{"content_type": "image/png"}')
        return pb.ExecuteToolResponse(success=True, result=about, binary_result=b"\x89PNG")

    async def tool_fail(self, request: pb.ExecuteToolRequest) -> Any:
        raise ValueError("no good")

    async def tool_hang(self, request: pb.ExecuteToolRequest) -> Any:
        sys.stderr.write("hanging\n")
        await self.released.wait()

    async def tool_release(self, request: pb.ExecuteToolRequest) -> Any:
        self.released.set()
        return self.most_running

    async def tool_block(self, request: pb.ExecuteToolRequest) -> Any:
        sys.stderr.write("blocking\n")
        threading.Event().wait()

    async def tool_exit(self, request: pb.ExecuteToolRequest) -> Any:
        os._exit(3)

    async def tool_invalid(self, request: pb.ExecuteToolRequest) -> Any:
        self.heartbeats_are_valid = False

    async def tool_stubborn(self, request: pb.ExecuteToolRequest) -> Any:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def ExecuteStreamingTool(  # noqa: N802
        self, request: pb.ExecuteToolRequest, context: Context
    ) -> AsyncIterator[pb.ToolChunk]:
        name = request.tool_name
        if name in {"fail_stream", "huge_failure"}:
            yield pb.ToolChunk(chunk_id=f"{name}-1", data=b'{"i": 0}')
            size = 40_000 if name == "huge_failure" else 10
            await context.abort(grpc.StatusCode.INTERNAL, "x" * size)
        try:
            for number in range(3):
                is_last = name == "count_final" and number == 2
                data = json.dumps({"i": number}).encode()
                yield pb.ToolChunk(chunk_id=f"{name}-{number}", data=data, is_final=is_last)
            if name == "endless":
                await asyncio.Event().wait()
        finally:
            sys.stderr.write(f"{name} ended\n")

    async def StreamTelemetry(  # noqa: N802
        self, requests: AsyncIterator[pb.TelemetryControl], context: Context
    ) -> AsyncIterator[pb.TelemetryEvent]:
        await context.send_initial_metadata(())
        async for control in requests:
            kind = control.WhichOneof("control")
            yield _event("python.call.stop" if kind == "toggle" else f"own.{kind}")


def _worker_id(ready_file: Path) -> str:
    found = re.fullmatch(r"snakepit_ready_(.+)_\d+", ready_file.name)
    assert found is not None
    return found.group(1)


async def _serve(elixir_address: str, ready_file: Path) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with grpc.aio.insecure_channel(elixir_address) as channel:
        server = grpc.aio.server()
        stand_in = StandIn(BridgeServiceStub(channel), _worker_id(ready_file))
        add_BridgeServiceServicer_to_server(stand_in, server)
        port = server.add_insecure_port("localhost:0")
        await server.start()
        ready_file.with_suffix(".tmp").write_text(str(port))
        ready_file.with_suffix(".tmp").rename(ready_file)
        await stopped.wait()
        await server.stop(0.2)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--adapter")
    parser.add_argument("--elixir-address")
    parser.add_argument("--die", action="store_true")
    options, _ = parser.parse_known_args()
    if options.die:
        sys.exit("the stand-in died as it was told")
    # Whoever holds the other end of the pipe is gone when it ends.
    threading.Thread(target=lambda: os.read(0, 1) or os._exit(71), daemon=True).start()
    asyncio.run(_serve(options.elixir_address, Path(os.environ["SNAKEPIT_READY_FILE"])))


if __name__ == "__main__":
    main()
