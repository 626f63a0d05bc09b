"""Callers who leave, at whatever moment: nothing of their calls is left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest

from snakepit_bridge.engine import inline_engine
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeStub
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session, current_execution
from tests.integration.served import Served, served
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import commands_of

ITEM = "x" * 64 * 1024


class Slow:
    """Commands that last until they are asked to end."""

    def __init__(self) -> None:
        self.made = 0

    @handles("slow.on_thread")
    def on_thread(self, session: Session) -> str:
        execution = current_execution.get()
        assert execution is not None
        asked = threading.Event()
        execution.on_cancel(asked.set)
        assert asked.wait(10)
        return "stopped"

    @handles("slow.turn", exclusive=True)
    def turn(self, session: Session) -> str:
        return self.on_thread(session)

    @handles("slow.on_loop")
    async def on_loop(self, session: Session) -> None:
        await asyncio.Event().wait()

    @handles("slow.items")
    def items(self, session: Session) -> Generator[str, None, None]:
        while True:
            self.made += 1
            yield ITEM

    @handles("slow.items_on_loop")
    async def items_on_loop(self, session: Session) -> AsyncGenerator[str, None]:
        for item in self.items(session):
            yield item

    @handles("slow.silence")
    async def silence(self, session: Session) -> AsyncGenerator[str, None]:
        await asyncio.Event().wait()
        yield "never"


@asynccontextmanager
async def _nothing_left(**options: Any) -> AsyncIterator[tuple[Served, Slow]]:
    """Serve slow commands; afterwards there must be no more tasks and executions than before."""
    slow = Slow()
    async with asyncio.timeout(30), served(slow, **options) as bridge:
        # The first call of a channel and of a server begins what then stays.
        await bridge.stub.Health(pb.HealthRequest(), timeout=5)
        tasks_before = len(asyncio.all_tasks())
        yield bridge, slow
        await bridge.at_rest()
        while len(asyncio.all_tasks()) > tasks_before:  # noqa: ASYNC110  (gRPC's own end later)
            await asyncio.sleep(0)


def _request(command: str, session_id: str = "s", timeout_ms: int = 0) -> pb.ExecuteRequest:
    return pb.ExecuteRequest(
        command=command, encoding="json", session_id=session_id, timeout_ms=timeout_ms
    )


async def _cancelled(call: Any) -> None:
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


# --- at each stage --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["slow.on_thread", "slow.on_loop"])
async def test_a_call_may_be_left_while_its_code_runs(command: str) -> None:
    async with _nothing_left() as (bridge, _):
        call = bridge.stub.Execute(_request(command))
        await busy(bridge.engine, in_flight=1)
        await _cancelled(call)


async def test_a_call_may_be_left_while_it_waits_for_a_thread() -> None:
    async with _nothing_left(max_threads=1) as (bridge, _):
        first = bridge.stub.Execute(_request("slow.on_thread"))
        await busy(bridge.engine, in_flight=1)
        second = bridge.stub.Execute(_request("slow.on_thread"))
        await busy(bridge.engine, in_flight=1, queued=1)
        await _cancelled(second)
        await busy(bridge.engine, in_flight=1)
        await _cancelled(first)


async def test_a_call_may_be_left_while_it_waits_for_its_turn() -> None:
    async with _nothing_left() as (bridge, _):
        first = bridge.stub.Execute(_request("slow.turn"))
        await busy(bridge.engine, in_flight=1)
        state = bridge.sessions.find("s").state
        second = bridge.stub.Execute(_request("slow.turn"))
        while state.running < 2:  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0)
        await _cancelled(second)
        while state.running > 1:  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0)
        await _cancelled(first)


@pytest.mark.parametrize("command", ["slow.items", "slow.items_on_loop"])
async def test_a_stream_may_be_left_between_its_items(command: str) -> None:
    async with _nothing_left() as (bridge, _):
        call = bridge.stub.ExecuteStream(_request(command))
        assert (await call.read()).value
        call.cancel()


async def test_a_stream_may_be_left_before_its_first_item() -> None:
    async with _nothing_left() as (bridge, _):
        call = bridge.stub.ExecuteStream(_request("slow.silence"))
        await busy(bridge.engine, in_flight=1)
        call.cancel()


@pytest.mark.parametrize("command", ["slow.on_loop", "slow.items", "slow.items_on_loop"])
async def test_a_client_may_vanish_with_all_its_calls(command: str) -> None:
    async with _nothing_left() as (bridge, _):
        async with grpc.aio.insecure_channel(bridge.address) as channel:
            stub = SnakepitBridgeStub(channel)
            calls = [stub.ExecuteStream(_request(command)) for _ in range(3)]
            await busy(bridge.engine, in_flight=3)
        # Closing the channel has cancelled them; a call that nobody ends is never collected.
        for call in calls:
            call.cancel()


# --- many -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["slow.items", "slow.items_on_loop", "slow.silence"])
async def test_300_streams_that_are_left_leave_nothing_behind(command: str) -> None:
    threads_before = threading.active_count()

    async def read_and_leave(number: int) -> None:
        call = bridge.stub.ExecuteStream(_request(command, f"s{number % 7}"))
        for _ in range(number % 3 if command != "slow.silence" else 0):
            await call.read()
        call.cancel()

    async with _nothing_left(max_threads=4) as (bridge, _):
        for row in range(0, 300, 30):
            await asyncio.gather(*map(read_and_leave, range(row, row + 30)))
    gc.collect()

    assert threading.active_count() <= threads_before + 4


async def test_500_deadlines_leave_nothing_behind() -> None:
    commands = ["slow.on_thread", "slow.on_loop", "slow.turn", "slow.items_on_loop"]
    codes: list[grpc.StatusCode] = []

    async def call(number: int) -> None:
        command, limit_ms = commands[number % 4], 1 + number % 20
        in_request, in_call = ((limit_ms, None), (0, limit_ms / 1000))[number % 2]
        request = _request(command, f"s{number % 5}", in_request)
        kind = bridge.stub.ExecuteStream if "items" in command else bridge.stub.Execute
        under_way = kind(request, timeout=in_call)
        if "items" in command:
            while await _reads(under_way):
                """Read whatever comes in time."""
        codes.append(await under_way.code())

    async with _nothing_left(max_threads=4, max_queued=500) as (bridge, _):
        for row in range(0, 500, 50):
            await asyncio.gather(*map(call, range(row, row + 50)))

    assert len(codes) == 500
    assert set(codes) == {grpc.StatusCode.DEADLINE_EXCEEDED}


async def _reads(call: Any) -> bool:
    try:
        return await call.read() is not grpc.aio.EOF
    except grpc.aio.AioRpcError:
        return False


# --- a reader that does not read ------------------------------------------------------------------


@pytest.mark.parametrize("command", ["slow.items", "slow.items_on_loop"])
async def test_a_reader_that_does_not_read_holds_the_code_back(command: str) -> None:
    async with _nothing_left() as (bridge, slow):
        call = bridge.stub.ExecuteStream(_request(command))
        read = 0
        for _ in range(300):
            await call.read()
            read += 1
        # 100 in the buffer, 100 on their way out of it, and what the network itself holds.
        ahead = slow.made - read
        call.cancel()

    assert ahead < 400


# --- the server leaves ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["slow.on_thread", "slow.on_loop", "slow.items_on_loop"])
async def test_a_call_that_outlasts_the_servers_end_is_answered(command: str) -> None:
    tasks_before = len(asyncio.all_tasks())

    async with asyncio.timeout(10):
        async with AsyncExitStack() as stack, inline_engine() as engine:
            handler = commands_of(Slow()).on_engine(engine)
            async with grpc_server(handler, Listen(port=0), drain_s=0.05) as address:
                channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
                call = SnakepitBridgeStub(channel).ExecuteStream(_request(command))
                await busy(engine, in_flight=1)
            while await _reads(call):
                """The status comes after what was sent before."""
            code = await call.code()
            await busy(engine, in_flight=0)
        while len(asyncio.all_tasks()) > tasks_before:  # noqa: ASYNC110  (gRPC's own end later)
            await asyncio.sleep(0)

    assert code in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}


async def test_a_call_that_is_over_in_time_is_answered_while_the_server_stops() -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    class Brief:
        @handles("brief.run")
        async def run(self, session: Session) -> str:
            inside.set()
            await go_on.wait()
            return "in time"

    async with asyncio.timeout(10):
        serving = AsyncExitStack()
        server = grpc_server(commands_of(Brief()), Listen(port=0), drain_s=5)
        address = await serving.enter_async_context(server)
        async with grpc.aio.insecure_channel(address) as channel:
            stub = SnakepitBridgeStub(channel)
            call = stub.Execute(_request("brief.run"))
            await inside.wait()
            stopping = asyncio.create_task(serving.aclose())
            while (await _code_of_health(stub)) is grpc.StatusCode.OK:
                """The server takes no new calls once it stops."""
            go_on.set()
            answer = await call
            await stopping

    assert answer.value == b'"in time"'


async def _code_of_health(stub: SnakepitBridgeStub) -> grpc.StatusCode:
    code: grpc.StatusCode = await stub.Health(pb.HealthRequest(), timeout=0.5).code()
    return code
