"""``BridgeService`` as Elixir serves it, but for the calls it forwards to workers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, NoReturn

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.clock import Clock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.faults import RpcFailure
from snakepit_bridge.testing.elixir.json_rules import NotJsonError, decoded, tool_result
from snakepit_bridge.testing.elixir.listener import Headers, Serve
from snakepit_bridge.testing.elixir.sessions import SessionFault, Sessions
from snakepit_bridge.testing.elixir.tools import (
    ElixirFunction,
    LocalTool,
    ToolFault,
    ToolRegistry,
)


class ElixirThrow(Exception):  # noqa: N818  (Elixir's throw is no error)
    """Raised by a tool: it exits or throws, which Elixir does not catch."""


class ElixirServicer:
    """Answers what Elixir answers by itself.

    Args:
        sessions: The sessions there are.
        tools: The tools there are.
        clock: What server times and durations come from.
        threads: Where tools run.
    """

    def __init__(
        self, sessions: Sessions, tools: ToolRegistry, clock: Clock, threads: Executor
    ) -> None:
        self._sessions = sessions
        self._tools = tools
        self._clock = clock
        self._threads = threads

    def served(self) -> Mapping[str, Serve]:
        """The RPCs by name."""
        return {
            "Ping": self._ping,
            "InitializeSession": self._initialize_session,
            "CleanupSession": self._cleanup_session,
            "GetSession": self._get_session,
            "Heartbeat": self._heartbeat,
            "RegisterTools": self._register_tools,
            "GetExposedElixirTools": self._get_exposed_tools,
            "ExecuteElixirTool": self._execute_elixir_tool,
        }

    # --- life, sessions -------------------------------------------------------------------------

    async def _ping(self, request: pb.PingRequest, _: Headers) -> pb.PingResponse:
        return pb.PingResponse(message=f"pong: {request.message}", server_time=self._server_time())

    async def _initialize_session(
        self, request: pb.InitializeSessionRequest, _: Headers
    ) -> pb.InitializeSessionResponse:
        try:
            self._sessions.begin(request.session_id, request.metadata)
        except SessionFault as fault:
            raise RpcFailure(grpc.StatusCode.INTERNAL, str(fault)) from fault
        return pb.InitializeSessionResponse(success=True)

    async def _cleanup_session(
        self, request: pb.CleanupSessionRequest, _: Headers
    ) -> pb.CleanupSessionResponse:
        # Whether there was one or not; its tools stay.
        self._sessions.forget(request.session_id)
        return pb.CleanupSessionResponse(success=True, resources_cleaned=1)

    async def _get_session(
        self, request: pb.GetSessionRequest, _: Headers
    ) -> pb.GetSessionResponse:
        session = self._sessions.find(request.session_id)
        if session is None:
            text = f"Session not found: {request.session_id}"
            raise RpcFailure(grpc.StatusCode.NOT_FOUND, text)
        return pb.GetSessionResponse(
            session_id=session.id,
            metadata=session.metadata,
            created_at=Timestamp(seconds=session.created_at_s),
            tool_count=0,
        )

    async def _heartbeat(self, request: pb.HeartbeatRequest, _: Headers) -> pb.HeartbeatResponse:
        return pb.HeartbeatResponse(
            server_time=Timestamp(seconds=int(self._clock.now().timestamp())),
            session_valid=request.session_id in self._sessions,
        )

    # --- tools ----------------------------------------------------------------------------------

    async def _register_tools(
        self, request: pb.RegisterToolsRequest, _: Headers
    ) -> pb.RegisterToolsResponse:
        if request.session_id not in self._sessions:
            return pb.RegisterToolsResponse(error_message="not_found")
        try:
            tool_ids = self._tools.register(request)
        except ToolFault as fault:
            return pb.RegisterToolsResponse(error_message=str(fault))
        return pb.RegisterToolsResponse(success=True, tool_ids=tool_ids)

    async def _get_exposed_tools(
        self, request: pb.GetExposedElixirToolsRequest, _: Headers
    ) -> pb.GetExposedElixirToolsResponse:
        tools = self._tools.exposed(request.session_id)
        return pb.GetExposedElixirToolsResponse(tools=[tool.spec() for tool in tools])

    async def _execute_elixir_tool(
        self, request: pb.ExecuteElixirToolRequest, _: Headers
    ) -> pb.ExecuteElixirToolResponse:
        stopwatch = self.stopwatch()
        try:
            tool = self._local_tool(request.session_id, request.tool_name)
            result = await self.run(tool.function, arguments(request.parameters))
        except ToolFault as fault:
            return pb.ExecuteElixirToolResponse(error_message=str(fault))
        value, binary = tool_result(result)
        elapsed_ms = stopwatch()
        return pb.ExecuteElixirToolResponse(
            success=True,
            result=value,
            metadata={"execution_time": str(elapsed_ms)},
            execution_time_ms=elapsed_ms,
            binary_result=binary,
        )

    def _local_tool(self, session_id: str, name: str) -> LocalTool:
        if session_id not in self._sessions:
            raise ToolFault("not_found")
        tool = self._tools.find(session_id, name)
        if tool is None:
            raise ToolFault(f"Tool {name} not found for session {session_id}")
        if not isinstance(tool, LocalTool):
            raise ToolFault(f"Tool {name} is not an Elixir tool")
        return tool

    async def run(self, function: ElixirFunction, args: dict[str, Any]) -> Any:
        """Run a tool, on a thread of its own unless it is ``async``.

        Raises:
            ToolFault: It raised.
            RpcFailure: It threw.
        """
        try:
            if inspect.iscoroutinefunction(function):
                return await function(args)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _called(function, args))
        except ElixirThrow as thrown:
            raise RpcFailure(grpc.StatusCode.UNKNOWN, f"** (throw) {thrown}") from thrown
        except Exception as error:
            raise ToolFault(f"Tool execution failed: {error}") from error

    def stopwatch(self) -> Callable[[], int]:
        """Begin to measure; the function tells how many milliseconds it has been."""
        began = self._clock.monotonic()
        return lambda: int((self._clock.monotonic() - began) * 1000)

    def _server_time(self) -> Timestamp:
        time = Timestamp()
        time.FromDatetime(self._clock.now())
        return time


def arguments(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Elixir reads them: JSON, whatever the label.

    Raises:
        ToolFault: One is no JSON, such as a ``StringValue`` that really is one.
    """
    args: dict[str, Any] = {}
    for name, wire in parameters.items():
        try:
            args[name] = decoded(wire.value)
        except NotJsonError as error:
            raise ToolFault(f"Invalid parameter {name}: {error}") from error
    return args


def _called(function: ElixirFunction, args: dict[str, Any]) -> Callable[[], Any]:
    def call() -> Any:
        try:
            return function(args)
        except StopIteration as error:
            _raise_instead(error)

    return call


def _raise_instead(error: StopIteration) -> NoReturn:
    # A future cannot carry it.
    raise RuntimeError(str(error)) from error
