"""A bridge behind a real gRPC port, and raw stubs that lead to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from snakepit_bridge.engine import Engine, inline_engine
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeStub
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.session.manager import SessionManager
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import commands_of

TIMEOUT_S = 10.0
"""Bounds a call that hangs; no test waits for it."""


class Served(NamedTuple):
    """What is served, and the way to it."""

    address: str
    channel: grpc.aio.Channel
    stub: SnakepitBridgeStub
    engine: Engine
    sessions: SessionManager
    handler: CommandHandler

    async def execute(self, command: str, **fields: Any) -> pb.ExecuteResponse:
        """Call ``Execute`` with a request of these fields; JSON unless told otherwise."""
        request = pb.ExecuteRequest(command=command, **{"encoding": "json", **fields})
        answer: pb.ExecuteResponse = await self.stub.Execute(request, timeout=TIMEOUT_S)
        return answer

    async def stream(self, command: str, **fields: Any) -> list[pb.StreamResponse]:
        """Call ``ExecuteStream`` and read it to its end."""
        request = pb.ExecuteRequest(command=command, **{"encoding": "json", **fields})
        return [each async for each in self.stub.ExecuteStream(request, timeout=TIMEOUT_S)]

    async def at_rest(self) -> None:
        """Return once nothing runs any more, in no session; the loop turns until then."""
        await busy(self.engine, in_flight=0)
        states = [each.state for each in self.sessions._sessions.values()]  # noqa: SLF001
        async with asyncio.timeout(5):
            while any(state.running for state in states):  # noqa: ASYNC110
                await asyncio.sleep(0)


@asynccontextmanager
async def served(
    *handlers: object,
    listen: Listen | None = None,
    max_threads: int = 4,
    max_queued: int = 1000,
) -> AsyncIterator[Served]:
    """Serve the handlers' commands on a free port of the loopback."""
    commands = commands_of(*handlers)
    async with inline_engine(max_threads=max_threads, max_queued=max_queued) as engine:
        handler = commands.on_engine(engine)
        async with (
            grpc_server(handler, listen or Listen(port=0), drain_s=0.2) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            stub = SnakepitBridgeStub(channel)
            yield Served(address, channel, stub, engine, handler.sessions, handler)


def info_of(error: grpc.RpcError) -> ErrorInfo:
    """The ``ErrorInfo`` in the trailers of a failed call."""
    assert isinstance(error, grpc.aio.AioRpcError | grpc.Call)
    trailers = dict(error.trailing_metadata() or ())
    details, info = Status.FromString(trailers["grpc-status-details-bin"]), ErrorInfo()
    assert details.message == error.details()
    assert details.details[0].Unpack(info)
    return info
