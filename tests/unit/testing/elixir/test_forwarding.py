from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.answers import Binary, ElixirError
from snakepit_bridge.testing.elixir.faults import RpcFailure
from snakepit_bridge.testing.elixir.forwarding import Forwarding
from snakepit_bridge.testing.elixir.servicer import ElixirServicer
from snakepit_bridge.testing.elixir.sessions import Sessions
from snakepit_bridge.testing.elixir.tools import ToolRegistry


class ScriptedWorker:
    """Answers with what it is given, and keeps the options it was called with."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.options: dict[str, Any] = {}

    async def execute_tool(self, tool: str, args: Mapping[str, Any], **options: Any) -> Any:
        self.options = options
        if isinstance(self.result, ElixirError):
            raise self.result
        return self.result

    async def stream_chunks(
        self, tool: str, args: Mapping[str, Any], **options: Any
    ) -> AsyncGenerator[pb.ToolChunk]:
        self.options = options
        if isinstance(self.result, ElixirError):
            raise self.result
        for chunk in self.result:
            yield chunk


def _forwarding(worker: ScriptedWorker) -> Forwarding:
    sessions, tools, clock = Sessions(), ToolRegistry(), SystemClock()
    sessions.begin("s", {})
    registration = pb.ToolRegistration(name="t", supports_streaming=True)
    tools.register(pb.RegisterToolsRequest(session_id="s", worker_id="w", tools=[registration]))
    servicer = ElixirServicer(sessions, tools, clock, ThreadPoolExecutor())
    return Forwarding(sessions, tools, servicer, {"w": worker}.get)


def _request(**metadata: str) -> pb.ExecuteToolRequest:
    return pb.ExecuteToolRequest(session_id="s", tool_name="t", metadata=metadata)


async def _chunks(worker: ScriptedWorker) -> list[pb.ToolChunk]:
    serve = _forwarding(worker).served_streams()["ExecuteStreamingTool"]
    return [chunk async for chunk in serve(_request(), {})]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("worker_exit", grpc.StatusCode.UNAVAILABLE),
        ("connection_lost", grpc.StatusCode.UNAVAILABLE),
        ("invalid_parameter", grpc.StatusCode.INVALID_ARGUMENT),
        ("rpc_error", grpc.StatusCode.INTERNAL),
    ],
)
async def test_a_stream_that_fails_ends_with_a_status(kind: str, status: grpc.StatusCode) -> None:
    with pytest.raises(RpcFailure) as caught:
        await _chunks(ScriptedWorker(ElixirError(kind)))

    assert caught.value.status is status
    assert caught.value.text == f"Remote tool execution failed: {kind}"


async def test_a_final_chunk_is_told_who_made_it() -> None:
    (final,) = await _chunks(ScriptedWorker([pb.ToolChunk(is_final=True)]))

    assert (final.metadata["worker_id"], final.metadata["tool_type"]) == ("w", "remote")


@pytest.mark.parametrize(
    ("metadata", "headers", "options"),
    [
        ({}, {}, {}),
        ({"correlation_id": "mine"}, {"x-snakepit-correlation-id": "theirs"}, "mine"),
        ({}, {"x-snakepit-correlation-id": "theirs"}, "theirs"),
    ],
)
async def test_the_id_of_a_call_goes_on(
    metadata: dict[str, str], headers: dict[str, str], options: object
) -> None:
    worker = ScriptedWorker(1)

    await _forwarding(worker).served()["ExecuteTool"](_request(**metadata), headers)

    assert worker.options.get("correlation_id", {}) == options


@pytest.mark.parametrize(("timeout_ms", "timeout_s"), [("1500", 1.5), ("0", None), ("-1", None)])
async def test_the_time_of_a_call_goes_on(timeout_ms: str, timeout_s: float | None) -> None:
    worker = ScriptedWorker(Binary(b"\xff", None))

    answer = await _forwarding(worker).served()["ExecuteTool"](_request(timeout_ms=timeout_ms), {})

    assert worker.options.get("timeout_s") == timeout_s
    assert answer.binary_result == b"\xff"
