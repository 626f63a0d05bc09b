"""Elixir's own ``ExecuteTool``: calls of others, which it runs or forwards to a worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import grpc

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER
from snakepit_bridge.testing.elixir.answers import Binary, ElixirError
from snakepit_bridge.testing.elixir.faults import RpcFailure
from snakepit_bridge.testing.elixir.json_rules import BinaryResult, tool_result
from snakepit_bridge.testing.elixir.servicer import ElixirServicer, arguments
from snakepit_bridge.testing.elixir.tools import LocalTool, RemoteTool, ToolFault, ToolRegistry

if TYPE_CHECKING:
    from snakepit_bridge.testing.elixir.listener import Headers, Serve, ServeStream
    from snakepit_bridge.testing.elixir.sessions import Sessions


class Worker(Protocol):
    """What forwarding needs of a worker."""

    async def execute_tool(self, tool: str, args: Mapping[str, Any], **options: Any) -> Any:
        """Run a tool and return what Elixir makes of its answer; raises ``ElixirError``."""

    def stream_chunks(
        self, tool: str, args: Mapping[str, Any], **options: Any
    ) -> AsyncGenerator[pb.ToolChunk]:
        """Run a streaming tool and yield its chunks; raises ``ElixirError``."""


FindWorker = Callable[[str], Worker | None]


class Forwarding:
    """Answers the calls that others make to Elixir for a tool.

    Args:
        sessions: The sessions there are.
        tools: The tools there are.
        servicer: Runs those of Elixir.
        find_worker: The worker of an id.
    """

    def __init__(
        self,
        sessions: Sessions,
        tools: ToolRegistry,
        servicer: ElixirServicer,
        find_worker: FindWorker,
    ) -> None:
        self._sessions = sessions
        self._tools = tools
        self._servicer = servicer
        self._find_worker = find_worker

    def served(self) -> Mapping[str, Serve]:
        """The unary RPC by name."""
        return {"ExecuteTool": self._execute_tool}

    def served_streams(self) -> Mapping[str, ServeStream]:
        """The streaming RPC by name."""
        return {"ExecuteStreamingTool": self._execute_streaming_tool}

    async def _execute_tool(
        self, request: pb.ExecuteToolRequest, headers: Headers
    ) -> pb.ExecuteToolResponse:
        stopwatch = self._servicer.stopwatch()
        try:
            tool = self._find(request)
            result = await self._run(tool, request, headers)
        except ToolFault as fault:
            return pb.ExecuteToolResponse(error_message=str(fault))
        value, binary = tool_result(result)
        elapsed_ms = stopwatch()
        return pb.ExecuteToolResponse(
            success=True,
            result=value,
            metadata={"execution_time": str(elapsed_ms), "tool_type": _type_of(tool)},
            execution_time_ms=elapsed_ms,
            binary_result=binary,
        )

    async def _run(
        self, tool: LocalTool | RemoteTool, request: pb.ExecuteToolRequest, headers: Headers
    ) -> Any:
        args = arguments(request.parameters)
        if isinstance(tool, LocalTool):
            binary = {name: Binary(data) for name, data in request.binary_parameters.items()}
            return await self._servicer.run(tool.function, {**args, **binary})
        try:
            worker = self._worker_of(tool)
            result = await worker.execute_tool(
                tool.name,
                args,
                binary_parameters=dict(request.binary_parameters),
                **_options(request, headers),
            )
        except ElixirError as error:
            text = error.message or error.kind
            raise ToolFault(f"Remote tool execution failed: {text}") from error
        return BinaryResult(*result) if isinstance(result, Binary) else result

    async def _execute_streaming_tool(
        self, request: pb.ExecuteToolRequest, headers: Headers
    ) -> AsyncIterator[pb.ToolChunk]:
        stopwatch = self._servicer.stopwatch()
        tool = self._streaming_tool(request)
        sent, final = 0, False
        async with (
            _stream_failures(),
            aclosing(self._chunks(tool, request, headers)) as chunks,
        ):
            async for chunk in chunks:
                sent += 1
                if chunk.is_final:
                    final = True
                    chunk.metadata.update(_final_metadata(tool, stopwatch()))
                yield chunk
        if not final:
            metadata = {"synthetic_final": "true", "chunks_sent": str(sent)}
            metadata.update(_final_metadata(tool, stopwatch()))
            chunk_id = f"{tool.name}-{sent + 1}"
            yield pb.ToolChunk(chunk_id=chunk_id, is_final=True, metadata=metadata)

    def _chunks(
        self, tool: RemoteTool, request: pb.ExecuteToolRequest, headers: Headers
    ) -> AsyncGenerator[pb.ToolChunk]:
        return self._worker_of(tool).stream_chunks(
            tool.name,
            arguments(request.parameters),
            binary_parameters=dict(request.binary_parameters),
            **_options(request, headers),
        )

    def _find(self, request: pb.ExecuteToolRequest) -> LocalTool | RemoteTool:
        if request.session_id not in self._sessions:
            raise ToolFault("not_found")
        tool = self._tools.find(request.session_id, request.tool_name)
        if tool is None:
            text = f"Tool {request.tool_name} not found for session {request.session_id}"
            raise ToolFault(text)
        return tool

    def _streaming_tool(self, request: pb.ExecuteToolRequest) -> RemoteTool:
        try:
            tool = self._find(request)
        except ToolFault as fault:
            raise RpcFailure(grpc.StatusCode.NOT_FOUND, str(fault)) from fault
        if isinstance(tool, LocalTool) or not tool.streams:
            text = (
                f"Streaming execution is not enabled for tool {tool.name}. "
                "Enable streaming support or use execute_tool."
            )
            raise RpcFailure(grpc.StatusCode.UNIMPLEMENTED, text)
        return tool

    def _worker_of(self, tool: RemoteTool) -> Worker:
        worker = self._find_worker(tool.worker_id)
        if worker is None:
            raise ElixirError("worker_not_found", f"Worker not found: {tool.worker_id}")
        return worker


def _type_of(tool: LocalTool | RemoteTool) -> str:
    return "local" if isinstance(tool, LocalTool) else "remote"


def _final_metadata(tool: RemoteTool, elapsed_ms: int) -> dict[str, str]:
    return {
        "execution_time_ms": str(elapsed_ms),
        "tool_type": "remote",
        "worker_id": tool.worker_id,
    }


def _options(request: pb.ExecuteToolRequest, headers: Headers) -> dict[str, Any]:
    """What of the request goes on: its time, its id; the rest of its metadata does not."""
    options: dict[str, Any] = {}
    correlation_id = request.metadata.get("correlation_id") or headers.get(CORRELATION_HEADER)
    if correlation_id:
        options["correlation_id"] = str(correlation_id)
    timeout_ms = request.metadata.get("timeout_ms", "")
    if timeout_ms.isdecimal() and int(timeout_ms) > 0:
        options["timeout_s"] = int(timeout_ms) / 1000
    return options


@asynccontextmanager
async def _stream_failures() -> AsyncIterator[None]:
    try:
        yield
    except ToolFault as fault:
        raise RpcFailure(grpc.StatusCode.INVALID_ARGUMENT, str(fault)) from fault
    except ElixirError as error:
        text = f"Remote tool execution failed: {error.message or error.kind}"
        raise RpcFailure(_status_of(error), text) from error


def _status_of(error: ElixirError) -> grpc.StatusCode:
    if error.kind in {"worker_exit", "connection_lost", "unavailable"}:
        return grpc.StatusCode.UNAVAILABLE
    if error.kind == "invalid_parameter":
        return grpc.StatusCode.INVALID_ARGUMENT
    return grpc.StatusCode.INTERNAL
