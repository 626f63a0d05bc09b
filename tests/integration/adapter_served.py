"""An adapter behind a real gRPC port, as a worker serves it, and stubs that lead to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.adapters.door import open_adapter
from snakepit_bridge.bootstrap import Places, open_bridge
from snakepit_bridge.engine import Engine
from snakepit_bridge.engine.loop_thread import LoopThread, loop_thread
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.grpc.bridge import Bridge
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.settings import Settings
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import at_rest

TIMEOUT_S = 10.0
"""Bounds a call that hangs; no test waits for it."""

SESSION = "session_1_2"


class AdapterServed(NamedTuple):
    """What is served, and the way to it."""

    port: int
    channel: grpc.aio.Channel
    stub: BridgeServiceStub
    handler: CommandHandler
    engine: Engine
    loop_thread: LoopThread

    async def execute(
        self, tool: str, /, *headers: tuple[str, str], **args: object
    ) -> pb.ExecuteToolResponse:
        """Call ``ExecuteTool`` as Elixir does."""
        answer: pb.ExecuteToolResponse = await self.stub.ExecuteTool(
            request(tool, **args), timeout=TIMEOUT_S, metadata=headers
        )
        return answer

    async def value(self, tool: str, /, *headers: tuple[str, str], **args: object) -> Any:
        """The value of a tool."""
        response = await self.execute(tool, *headers, **args)
        assert response.success, response.error_message
        return json.loads(response.result.value)

    async def failure(self, tool: str, /, **args: object) -> dict[str, Any]:
        """What is told of a tool that fails."""
        response = await self.execute(tool, **args)
        assert not response.success
        told: dict[str, Any] = json.loads(response.error_message)
        return told

    def stream(self, tool: str, /, **args: object) -> Any:
        """Call ``ExecuteStreamingTool`` as Elixir does."""
        return self.stub.ExecuteStreamingTool(request(tool, **args), timeout=TIMEOUT_S)

    async def chunks(self, tool: str, /, **args: object) -> list[pb.ToolChunk]:
        """The chunks of a tool, up to the last one."""
        return [chunk async for chunk in self.stream(tool, **args)]

    async def at_rest(self) -> None:
        """Return once no code runs any more."""
        await busy(self.engine, in_flight=0)
        await at_rest(self.handler, SESSION)


def request(tool: str, /, **args: object) -> pb.ExecuteToolRequest:
    """A request as Elixir writes it."""
    label = "type.googleapis.com/google.protobuf.StringValue"
    return pb.ExecuteToolRequest(
        session_id=SESSION,
        tool_name=tool,
        parameters={
            name: AnyMessage(type_url=label, value=json.dumps(each).encode())
            for name, each in args.items()
        },
    )


@asynccontextmanager
async def adapter_served(
    cls: type, *, host: str = "127.0.0.1", max_threads: int = 4
) -> AsyncIterator[AdapterServed]:
    """Serve the tools of a class on a free port of both loopbacks.

    As in a worker, plain tools run on threads of the engine, ``async`` ones on a loop of their own.

    Args:
        cls: The adapter class.
        host: Where the channel leads.
        max_threads: Threads for plain tools.
    """
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        thread = stack.enter_context(loop_thread("bridge-adapter", owner="adapter"))
        tools = await stack.enter_async_context(open_adapter(cls, stub=None, loop_thread=thread))
        handler = await stack.enter_async_context(
            open_bridge(
                Settings(max_threads=max_threads),
                places=Places(loop_thread=thread),
                on_session_end=[tools.end_session],
            )
        )
        tools.add_to(handler.registry)
        listen = Listen(port=0, both_loopbacks=True)
        address = await stack.enter_async_context(
            grpc_server(handler, listen, bridge=Bridge(), drain_s=0.2)
        )
        port = int(address.rpartition(":")[2])
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"{host}:{port}"))
        assert handler.engine is not None
        yield AdapterServed(
            port, channel, BridgeServiceStub(channel), handler, handler.engine, thread
        )
