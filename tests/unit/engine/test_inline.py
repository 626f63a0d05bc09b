from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import pytest

from snakepit_bridge.engine.inline import default_threads, inline_engine
from snakepit_bridge.engine.job import Execution
from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.errors import BridgeError, CommandCancelledError, ErrorCode
from tests.unit.engine.probe import Held, Listening, Probe, busy, settled

_WHO: ContextVar[str] = ContextVar("_WHO", default="nobody")

DEF_OR_ASYNC = pytest.mark.parametrize("on_loop", [False, True], ids=["def", "async def"])


def test_there_are_enough_threads_to_overlap_and_few_enough_to_share() -> None:
    assert 5 <= default_threads() <= 32


async def test_an_engine_tells_its_name_and_that_it_has_nothing_to_do() -> None:
    async with inline_engine() as engine:
        assert engine.name == "inline"
        await settled(engine)


async def test_blocking_code_runs_on_a_thread_of_the_pool_and_async_code_on_the_loop() -> None:
    def where(_: Execution) -> str:
        return threading.current_thread().name

    async def where_on_loop(execution: Execution) -> str:
        return where(execution)

    async with asyncio.timeout(5), inline_engine() as engine:
        on_thread = await engine.run(Probe(where).execution)
        on_loop = await engine.run(Probe(where_on_loop, runs_on_loop=True).execution)

    assert on_thread.startswith("bridge-job-")
    assert on_loop == threading.current_thread().name


async def test_async_code_that_never_waits_is_answered_without_another_turn_of_the_loop() -> None:
    turns: list[str] = []

    async def at_once(_: Execution) -> str:
        return "value"

    async with inline_engine() as engine:
        asyncio.get_running_loop().call_soon(turns.append, "turn")
        value = await engine.run(Probe(at_once, runs_on_loop=True).execution)
        turns_before = list(turns)

    assert value == "value"
    assert turns_before == []


# --- context ------------------------------------------------------------------------------------


@DEF_OR_ASYNC
async def test_context_variables_reach_the_code_and_stay_there(*, on_loop: bool) -> None:
    def look(_: Execution) -> str:
        seen = _WHO.get()
        _WHO.set("the code")
        return seen

    async def look_on_loop(execution: Execution) -> str:
        return look(execution)

    async with asyncio.timeout(5), inline_engine(max_threads=1) as engine:
        _WHO.set("the caller")
        probes = [Probe(look_on_loop if on_loop else look, runs_on_loop=on_loop) for _ in "ab"]
        seen = [await engine.run(probe.execution) for probe in probes]

    assert seen == ["the caller", "the caller"]
    assert _WHO.get() == "the caller"


@DEF_OR_ASYNC
async def test_streams_that_run_together_have_each_their_own_context(*, on_loop: bool) -> None:
    def items(_: Execution) -> Generator[str, None, None]:
        for _number in range(300):
            yield _WHO.get()

    async def items_on_loop(execution: Execution) -> AsyncGenerator[str, None]:
        for item in items(execution):
            await asyncio.sleep(0)
            yield item

    async def seen_by(name: str) -> set[str]:
        _WHO.set(name)
        code: Callable[[Execution], Any] = items_on_loop if on_loop else items
        probe = Probe(code, streams=True, runs_on_loop=on_loop)
        async with aclosing(engine.stream(probe.execution)) as stream:
            return {item async for item in stream}

    async with (
        asyncio.timeout(5),
        inline_engine(max_threads=3) as engine,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(seen_by(name)) for name in "abc"]

    assert [task.result() for task in tasks] == [{"a"}, {"b"}, {"c"}]


# --- whatever goes wrong, somebody hears of it --------------------------------------------------


class _UnexpectedError(Exception):
    """What nobody reckons with."""


class _Failing(Probe):
    def end_told(self) -> None:
        raise _UnexpectedError


@DEF_OR_ASYNC
async def test_a_listener_to_the_end_that_fails_keeps_nobody_waiting(
    *, on_loop: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer once went lost, together with the thread."""

    async def value(_: Execution) -> str:
        await asyncio.sleep(0)
        return "value"

    code: Callable[[Execution], Any] = value if on_loop else lambda _: "value"
    probes = [_Failing(code, runs_on_loop=on_loop) for _ in range(3)]
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(5), inline_engine(max_threads=1) as engine:
            for probe in probes:
                assert await engine.run(probe.execution) == "value"
            await settled(engine)
        gc.collect()

    logged = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert logged.count(_UnexpectedError) == 3


@DEF_OR_ASYNC
@pytest.mark.parametrize("streams", [False, True])
async def test_work_that_raises_what_it_may_not_is_no_success(
    *, on_loop: bool, streams: bool
) -> None:
    """Without a value there was once the value ``None``."""

    def fail(_: Execution) -> str:
        raise _UnexpectedError

    async def fail_on_loop(_: Execution) -> str:
        raise asyncio.CancelledError

    def fail_in_stream(_: Execution) -> Generator[str, None, None]:
        yield "item"
        raise GeneratorExit

    async def fail_in_stream_on_loop(_: Execution) -> AsyncGenerator[str, None]:
        yield "item"
        raise GeneratorExit

    codes: dict[tuple[bool, bool], Callable[[Execution], Any]] = {
        (False, False): fail,
        (True, False): fail_on_loop,
        (False, True): fail_in_stream,
        (True, True): fail_in_stream_on_loop,
    }
    probe = Probe(codes[on_loop, streams], streams=streams, runs_on_loop=on_loop)

    async def run() -> None:
        if not streams:
            await engine.run(probe.execution)
        async for _ in engine.stream(probe.execution):
            """Read it to its end."""

    async with asyncio.timeout(5), inline_engine() as engine:
        with pytest.raises(BridgeError, match="ended without a result") as caught:
            await run()
        await settled(engine)

    assert caught.value.code is ErrorCode.INTERNAL
    assert probe.ends == 1


# --- closing ------------------------------------------------------------------------------------


@DEF_OR_ASYNC
async def test_a_stream_nobody_reads_ends_with_the_engine(*, on_loop: bool) -> None:
    def endless(_: Execution) -> Generator[int, None, None]:
        while True:
            yield 1

    async def endless_on_loop(_: Execution) -> AsyncGenerator[int, None]:
        while True:
            yield 1

    code: Callable[[Execution], Any] = endless_on_loop if on_loop else endless
    probe = Probe(code, streams=True, runs_on_loop=on_loop)
    async with asyncio.timeout(5):
        async with inline_engine() as engine:
            unread = engine.stream(probe.execution)
            await busy(engine, in_flight=1)
        await unread.aclose()

    assert probe.ends == 1


def test_code_that_outlives_its_loop_ends_quietly() -> None:
    held = Held()
    probe = held.probe(on_loop=False)

    async def leave_it_behind() -> None:
        async with inline_engine(close_timeout_s=0) as engine:
            running = asyncio.create_task(engine.run(probe.execution))
            await busy(engine, in_flight=1)
        await asyncio.gather(running, return_exceptions=True)

    threads_before = set(threading.enumerate())
    asyncio.run(leave_it_behind())
    (thread,) = set(threading.enumerate()) - threads_before
    held.let_go()
    thread.join(5)

    assert probe.ends == 1
    assert not thread.is_alive()


async def test_closing_reaches_code_that_listens_in_every_kind() -> None:
    listening = [Listening() for _ in range(4)]
    kinds = [(on_loop, streams) for on_loop in (False, True) for streams in (False, True)]

    async with asyncio.timeout(5):
        async with inline_engine() as engine:
            running = []
            for each, (on_loop, streams) in zip(listening, kinds, strict=True):
                execution = each.probe(on_loop=on_loop, streams=streams).execution
                code = anext(engine.stream(execution)) if streams else engine.run(execution)
                running.append(asyncio.ensure_future(code))
            await busy(engine, in_flight=4)
        await asyncio.gather(*running, return_exceptions=True)

    assert [each.cleaned_up for each in listening] == [True] * 4


async def test_async_code_never_begins_on_a_thread_that_has_closed() -> None:
    async def never(_: Execution) -> None:
        raise NotImplementedError

    probe = Probe(never, runs_on_loop=True)
    with loop_thread("test-loop") as thread:
        pass

    async with asyncio.timeout(5), inline_engine(loop_thread=thread) as engine:
        with pytest.raises(CommandCancelledError, match="the bridge stops"):
            await engine.run(probe.execution)
        assert engine.load().in_flight == 0

    assert probe.ends == 1
