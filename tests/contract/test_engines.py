"""Every engine: values, items, room, its own end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing

import pytest

from snakepit_bridge.engine import Execution
from snakepit_bridge.errors import BridgeError, CommandCancelledError, Outcome, PoolFullError
from tests.contract.engines import (
    DEF_OR_ASYNC,
    EVERY_ENGINE,
    VALUE_OR_STREAM,
    OpenEngine,
    raising,
    read,
    returning,
    run,
    yielding,
)
from tests.unit.engine.probe import Held, Listening, Probe, busy, settled

pytestmark = EVERY_ENGINE


# --- values, items ------------------------------------------------------------------------------


@DEF_OR_ASYNC
@pytest.mark.parametrize("value", [None, 42, {"key": [1, 2]}])
async def test_a_value_comes_back(open_engine: OpenEngine, *, on_loop: bool, value: object) -> None:
    probe = returning(value, on_loop=on_loop)

    async with open_engine() as engine:
        assert await run(engine, probe) == value
        await settled(engine)

    assert probe.ends == 1
    assert probe.execution.outcome is None


@DEF_OR_ASYNC
async def test_an_error_comes_back_as_it_was_raised(
    open_engine: OpenEngine, *, on_loop: bool
) -> None:
    error = BridgeError("it broke", {"where": "here"})
    probe = raising(error, on_loop=on_loop)

    async with open_engine() as engine:
        with pytest.raises(BridgeError) as caught:
            await run(engine, probe)
        await settled(engine)

    assert caught.value is error
    assert probe.ends == 1


@DEF_OR_ASYNC
@pytest.mark.parametrize("count", [0, 1, 1000])
async def test_items_come_in_order_and_then_the_end(
    open_engine: OpenEngine, *, on_loop: bool, count: int
) -> None:
    probe = yielding(count, on_loop=on_loop)

    async with open_engine() as engine:
        assert await run(engine, probe) == list(range(count))
        await settled(engine)

    assert probe.ends == 1


@DEF_OR_ASYNC
async def test_an_error_comes_after_the_items_before_it(
    open_engine: OpenEngine, *, on_loop: bool
) -> None:
    error = BridgeError("it broke")
    probe = yielding(3, on_loop=on_loop, error=error)
    items: list[object] = []

    async with open_engine() as engine:
        with pytest.raises(BridgeError) as caught:
            await read(engine, probe, items)
        await settled(engine)

    assert items == [0, 1, 2]
    assert caught.value is error
    assert probe.ends == 1


@DEF_OR_ASYNC
async def test_a_reader_that_does_not_read_holds_the_code_back(
    open_engine: OpenEngine, *, on_loop: bool
) -> None:
    made: list[int] = []
    taken = 0

    def endless(_: Execution) -> Generator[int, None, None]:
        while True:
            made.append(len(made))
            yield len(made)

    async def endless_on_loop(execution: Execution) -> AsyncGenerator[int, None]:
        for number in endless(execution):
            yield number

    probe = Probe(endless_on_loop if on_loop else endless, streams=True, runs_on_loop=on_loop)
    async with (
        asyncio.timeout(5),
        open_engine() as engine,
        aclosing(engine.stream(probe.execution)) as items,
    ):
        async for _ in items:
            taken += 1
            assert len(made) - taken <= 201
            if taken == 1000:
                break


# --- room ---------------------------------------------------------------------------------------


@DEF_OR_ASYNC
async def test_many_run_together(open_engine: OpenEngine, *, on_loop: bool) -> None:
    in_threads, on_the_loop = threading.Barrier(4, timeout=5), asyncio.Barrier(4)

    async def meet(_: Execution) -> None:
        await on_the_loop.wait()

    def meet_in_thread(_: Execution) -> None:
        in_threads.wait()

    async with open_engine(max_threads=4) as engine, asyncio.TaskGroup() as group:
        for _ in range(4):
            probe = Probe(meet if on_loop else meet_in_thread, runs_on_loop=on_loop)
            group.create_task(run(engine, probe))


async def test_whoever_has_an_answer_may_send_the_next_command(open_engine: OpenEngine) -> None:
    """The place of the last command was once still taken when its caller had its answer."""
    async with open_engine(max_threads=1, max_queued=0) as engine:
        for number in range(300):
            assert await run(engine, returning(number, on_loop=False)) == number


@VALUE_OR_STREAM
async def test_what_finds_no_room_ends_at_once(open_engine: OpenEngine, *, streams: bool) -> None:
    held, waiting = Held(), returning("waited", on_loop=False)
    refused = yielding(1, on_loop=False) if streams else returning(1, on_loop=False)

    async with (
        open_engine(max_threads=1, max_queued=1) as engine,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(run(engine, held.probe(on_loop=False)))
        await busy(engine, in_flight=1)
        waits = group.create_task(run(engine, waiting))
        await busy(engine, in_flight=1, queued=1)
        with pytest.raises(PoolFullError):
            await run(engine, refused)
        held.let_go()

    assert waits.result() == "waited"
    assert (refused.ends, refused.execution.started_at) == (1, None)


# --- the engine's own end -----------------------------------------------------------------------


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_whoever_waits_when_the_engine_closes_gets_an_error(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    """A command that was dropped once looked like one that had returned nothing."""
    probe = Listening().probe(on_loop=on_loop, streams=streams)

    async with asyncio.timeout(5):
        async with open_engine() as engine:
            running = asyncio.create_task(run(engine, probe))
            await busy(engine, in_flight=1)
        with pytest.raises(CommandCancelledError, match="the bridge stops") as caught:
            await running

    assert caught.value.outcome is Outcome.STOPPED
    assert probe.ends == 1


async def test_closing_drops_what_waits_for_a_thread(open_engine: OpenEngine) -> None:
    listening, probe = Listening(), returning("ran", on_loop=False)

    async with asyncio.timeout(5):
        async with open_engine(max_threads=1) as engine:
            first = asyncio.create_task(run(engine, listening.probe(on_loop=False)))
            await busy(engine, in_flight=1)
            waiting = asyncio.create_task(run(engine, probe))
            await busy(engine, in_flight=1, queued=1)
        ends = await asyncio.gather(first, waiting, return_exceptions=True)

    assert [type(end) for end in ends] == [CommandCancelledError, CommandCancelledError]
    assert (probe.ends, probe.execution.started_at) == (1, None)


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_neither_closing_nor_callers_wait_for_code_that_does_not_listen(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    held = Held()
    probe = held.probe(on_loop=on_loop, streams=streams)

    async with asyncio.timeout(5):
        async with open_engine(close_timeout_s=0.05) as engine:
            running = asyncio.create_task(run(engine, probe))
            await busy(engine, in_flight=1)
        with pytest.raises(CommandCancelledError) as caught:
            await running
        ends_before = probe.ends
        held.let_go()
        await settled(engine)

    assert caught.value.outcome is Outcome.ABANDONED
    assert (ends_before, probe.ends) == (0, 1)


@DEF_OR_ASYNC
@VALUE_OR_STREAM
@pytest.mark.parametrize("code", [Listening, Held])
async def test_everything_can_be_asked_to_end_without_closing(
    open_engine: OpenEngine, code: type[Listening | Held], *, on_loop: bool, streams: bool
) -> None:
    running_code = code()
    probe = running_code.probe(on_loop=on_loop, streams=streams)

    async with asyncio.timeout(5), open_engine() as engine:
        running = asyncio.create_task(run(engine, probe))
        await busy(engine, in_flight=1)
        engine.cancel_all()
        engine.cancel_all()
        with pytest.raises(CommandCancelledError) as caught:
            await running
        if isinstance(running_code, Held):
            running_code.let_go()
        await settled(engine)
        after = await run(engine, returning("after", on_loop=on_loop))

    assert caught.value.outcome is (Outcome.STOPPED if code is Listening else Outcome.ABANDONED)
    assert probe.ends == 1
    assert after == "after"


async def test_what_waits_for_a_thread_can_be_asked_to_end_too(open_engine: OpenEngine) -> None:
    held, waiting = Held(), returning("ran", on_loop=False)

    async with asyncio.timeout(5), open_engine(max_threads=1) as engine:
        holding = asyncio.create_task(run(engine, held.probe(on_loop=False)))
        await busy(engine, in_flight=1)
        queued = asyncio.create_task(run(engine, waiting))
        await busy(engine, in_flight=1, queued=1)
        engine.cancel_all()
        ends = await asyncio.gather(holding, queued, return_exceptions=True)
        held.let_go()
        await settled(engine)

    assert [type(end) for end in ends] == [CommandCancelledError, CommandCancelledError]
    assert (waiting.ends, waiting.execution.started_at) == (1, None)


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_a_closed_engine_takes_nothing(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    make = yielding if streams else returning
    probe = make(1, on_loop=on_loop)

    async with open_engine() as engine:
        await settled(engine)
    with pytest.raises(CommandCancelledError):
        await run(engine, probe)

    assert (probe.ends, probe.execution.started_at) == (1, None)
