"""Every engine: what becomes of code that is cancelled, late or unheard."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakepit_bridge.engine import Engine, Execution
from snakepit_bridge.errors import CommandDeadlineError, Outcome
from tests.contract.engines import (
    DEF_OR_ASYNC,
    EVERY_ENGINE,
    VALUE_OR_STREAM,
    OpenEngine,
    read,
    returning,
    run,
    yielding,
)
from tests.unit.engine.probe import Held, Listening, Probe, busy, settled

pytestmark = EVERY_ENGINE

TO_BEGIN_S = 0.25
"""Time for code to begin, on a machine that is busy with other things."""


# --- cancellation -------------------------------------------------------------------------------


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_cancelling_stops_code_before_its_caller_goes_on(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    listening = Listening()
    probe = listening.probe(on_loop=on_loop, streams=streams)

    async with asyncio.timeout(5), open_engine() as engine:
        running = asyncio.create_task(run(engine, probe))
        await busy(engine, in_flight=1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        cleaned_up_before = listening.cleaned_up
        await settled(engine)

    assert cleaned_up_before
    assert probe.execution.outcome is Outcome.STOPPED
    assert probe.ends == 1


@VALUE_OR_STREAM
async def test_what_waits_for_a_thread_never_runs_once_it_is_cancelled(
    open_engine: OpenEngine, *, streams: bool
) -> None:
    held = Held()
    make = yielding if streams else returning
    probe = make(1, on_loop=False)

    async with asyncio.timeout(5), open_engine(max_threads=1) as engine:
        holding = asyncio.create_task(run(engine, held.probe(on_loop=False)))
        await busy(engine, in_flight=1)
        waiting = asyncio.create_task(run(engine, probe))
        await busy(engine, in_flight=1, queued=1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        held.let_go()
        await holding

    assert (probe.ends, probe.execution.started_at) == (1, None)
    assert probe.execution.outcome is Outcome.STOPPED


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_code_that_does_not_listen_is_abandoned_and_counted_until_it_ends(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    held = Held()
    probe = held.probe(on_loop=on_loop, streams=streams)

    async with asyncio.timeout(5), open_engine() as engine:
        running = asyncio.create_task(run(engine, probe))
        await busy(engine, in_flight=1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await busy(engine, in_flight=1, abandoned=1)
        ends_before = probe.ends
        held.let_go()
        await settled(engine)

    assert probe.execution.outcome is Outcome.ABANDONED
    assert (ends_before, probe.ends) == (0, 1)


@DEF_OR_ASYNC
async def test_closing_a_stream_early_ends_its_code(
    open_engine: OpenEngine, *, on_loop: bool
) -> None:
    cleaned_up = list[str]()

    def endless(_: Execution) -> Generator[int, None, None]:
        try:
            while True:
                yield 1
        finally:
            cleaned_up.append("yes")

    async def endless_on_loop(_: Execution) -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
        finally:
            cleaned_up.append("yes")

    probe = Probe(endless_on_loop if on_loop else endless, streams=True, runs_on_loop=on_loop)
    async with asyncio.timeout(5), open_engine() as engine:
        async with aclosing(engine.stream(probe.execution)) as items:
            assert await anext(items) == 1

        assert cleaned_up == ["yes"]
        assert probe.execution.outcome is Outcome.STOPPED
        await settled(engine)
    assert probe.ends == 1


async def test_code_that_cleans_up_is_left_in_peace_when_its_caller_leaves_too(
    open_engine: OpenEngine,
) -> None:
    """The deadline and the caller who left because of it once cancelled the code twice."""
    cleaning_up, may_end = threading.Event(), threading.Event()
    cleaned_up = list[str]()

    async def code(_: Execution) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaning_up.set()
            assert await asyncio.to_thread(may_end.wait, 5)
            cleaned_up.append("yes")

    probe = Probe(code, runs_on_loop=True, timeout_s=0.01)
    async with asyncio.timeout(5), open_engine() as engine:
        running = asyncio.create_task(engine.run(probe.execution))
        assert await asyncio.to_thread(cleaning_up.wait, 5)
        running.cancel()
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.gather(running, return_exceptions=True)
        await settled(engine)

    assert cleaned_up == ["yes"]
    assert probe.ends == 1


# --- time ---------------------------------------------------------------------------------------


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_late_code_that_listens_is_stopped(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    probe = Listening().probe(on_loop=on_loop, streams=streams, timeout_s=0.01)

    async with open_engine() as engine:
        with pytest.raises(CommandDeadlineError) as caught:
            await run(engine, probe)
        await settled(engine)

    assert caught.value.outcome is probe.execution.outcome is Outcome.STOPPED
    assert caught.value.details["outcome"] == "stopped"
    assert "its code was stopped" in caught.value.message
    assert probe.ends == 1


@DEF_OR_ASYNC
@VALUE_OR_STREAM
async def test_late_code_that_does_not_listen_is_abandoned(
    open_engine: OpenEngine, *, on_loop: bool, streams: bool
) -> None:
    held = Held()
    probe = held.probe(on_loop=on_loop, streams=streams, timeout_s=TO_BEGIN_S)

    async with open_engine() as engine:
        with pytest.raises(CommandDeadlineError) as caught:
            await run(engine, probe)
        await busy(engine, in_flight=1, abandoned=1)
        held.let_go()
        await settled(engine)

    assert caught.value.outcome is Outcome.ABANDONED
    assert probe.ends == 1


@DEF_OR_ASYNC
async def test_a_stream_that_is_late_fails_after_its_items(
    open_engine: OpenEngine, *, on_loop: bool
) -> None:
    def items(execution: Execution) -> Generator[int, None, None]:
        yield 1
        asked = threading.Event()
        execution.on_cancel(asked.set)
        assert asked.wait(5)

    async def items_on_loop(_: Execution) -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.Event().wait()

    code = items_on_loop if on_loop else items
    probe = Probe(code, streams=True, runs_on_loop=on_loop, timeout_s=TO_BEGIN_S)
    seen: list[object] = []
    async with open_engine() as engine:
        with pytest.raises(CommandDeadlineError) as caught:
            await read(engine, probe, seen)
        await settled(engine)

    assert seen == [1]
    assert caught.value.outcome is Outcome.STOPPED


@VALUE_OR_STREAM
async def test_what_waits_for_a_thread_until_its_deadline_never_runs(
    open_engine: OpenEngine, *, streams: bool
) -> None:
    held = Held()
    probe = Listening().probe(on_loop=False, streams=streams, timeout_s=0.01)

    async with asyncio.timeout(5), open_engine(max_threads=1) as engine:
        holding = asyncio.create_task(run(engine, held.probe(on_loop=False)))
        await busy(engine, in_flight=1)
        with pytest.raises(CommandDeadlineError) as caught:
            await run(engine, probe)
        held.let_go()
        await holding

    assert caught.value.outcome is Outcome.STOPPED
    assert (probe.ends, probe.execution.started_at) == (1, None)


@DEF_OR_ASYNC
async def test_a_deadline_that_is_kept_changes_nothing(
    open_engine: OpenEngine, *, on_loop: bool
) -> None:
    async with open_engine() as engine:
        assert await run(engine, yielding(2, on_loop=on_loop, timeout_s=60)) == [0, 1]


# --- all of it together -------------------------------------------------------------------------


def _of_some_kind(number: int) -> Probe:
    on_loop = number % 2 == 0
    timeout_s = None if number % 3 else 0.001 * (number % 7)
    if number % 5 < 2:
        return yielding(number * 3, on_loop=on_loop, timeout_s=timeout_s)
    return Listening().probe(on_loop=on_loop, timeout_s=0.001 * (number % 7))


async def _leave_at_some_point(engine: Engine, probe: Probe, number: int) -> None:
    running = asyncio.create_task(run(engine, probe))
    if number % 4 == 0:
        for _ in range(1 + number % 9):
            await asyncio.sleep(0)
        running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("together", [1, 7, 40])
async def test_a_storm_leaves_nothing_behind(open_engine: OpenEngine, together: int) -> None:
    """Ends, deadlines, cancellation and a full pool in every mixture; each is told once."""
    tasks_before = len(asyncio.all_tasks())
    probes = [_of_some_kind(number) for number in range(200)]

    async def row(engine: Engine, first: int) -> None:
        for number in range(first, len(probes), together):
            await _leave_at_some_point(engine, probes[number], number)

    async with asyncio.timeout(20), open_engine(max_threads=2, max_queued=5) as engine:
        async with asyncio.TaskGroup() as group:
            for first in range(together):
                group.create_task(row(engine, first))
        await settled(engine)

    assert [probe.ends for probe in probes] == [1] * len(probes)
    assert len(asyncio.all_tasks()) == tasks_before


_PLANS = st.tuples(
    st.sampled_from(["value", "items", "waits"]),
    st.booleans(),  # on the loop
    st.none() | st.integers(1, 8),  # turns of the loop after which the caller leaves
    st.none() | st.sampled_from([0.0, 0.001]),  # seconds until the deadline
)


@settings(max_examples=40)
@given(plans=st.lists(_PLANS, max_size=10))
def test_every_execution_ends_once_whatever_its_callers_do(
    open_engine: OpenEngine, plans: list[tuple[str, bool, int | None, float | None]]
) -> None:
    probes: list[Probe] = []

    async def one(engine: Engine, plan: tuple[str, bool, int | None, float | None]) -> None:
        kind, on_loop, leaves_after, timeout_s = plan
        if kind == "waits":
            # What waits must be told to end by somebody.
            timeout_s = timeout_s if leaves_after is None and timeout_s is not None else 0.002
            probe = Listening().probe(on_loop=on_loop, timeout_s=timeout_s)
        else:
            count = 150 if kind == "items" else 0
            probe = yielding(count, on_loop=on_loop, timeout_s=timeout_s)
        probes.append(probe)
        running = asyncio.create_task(run(engine, probe))
        for _ in range(leaves_after or 0):
            await asyncio.sleep(0)
        if leaves_after is not None:
            running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async def all_of_them() -> int:
        async with asyncio.timeout(10), open_engine(max_threads=2, max_queued=3) as engine:
            await asyncio.gather(*(one(engine, plan) for plan in plans))
            await settled(engine)
            return len(asyncio.all_tasks())

    tasks_after = asyncio.run(all_of_them())

    assert [probe.ends for probe in probes] == [1] * len(plans)
    assert tasks_after == 1
