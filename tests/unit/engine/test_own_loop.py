from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.engine.job import Execution
from snakepit_bridge.engine.own_loop import pump_here, value_here
from snakepit_bridge.engine.stream_buffer import StreamBuffer, StreamClosedError
from snakepit_bridge.errors import BridgeError
from tests.unit.engine.probe import Probe


def here(_: Execution) -> threading.Thread:
    return threading.current_thread()


async def here_later(_: Execution) -> threading.Thread:
    await asyncio.sleep(0)
    return threading.current_thread()


def several(_: Execution) -> Iterator[int]:
    yield from range(3)


async def several_later(_: Execution) -> AsyncIterator[int]:
    for number in range(3):
        await asyncio.sleep(0)
        yield number


def fail(_: Execution) -> None:
    raise BridgeError("no")


async def fail_later(_: Execution) -> None:
    await asyncio.sleep(0)
    raise BridgeError("no")


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "on_loop"), [(here, False), (here_later, True)])
def test_code_of_either_kind_runs_on_the_thread_that_calls(
    code: Callable[[Execution], Any], *, on_loop: bool
) -> None:
    probe = Probe(code, runs_on_loop=on_loop)

    assert value_here(probe.execution) is threading.current_thread()


@pytest.mark.parametrize(("code", "on_loop"), [(fail, False), (fail_later, True)])
def test_what_the_work_raises_is_raised(code: Callable[[Execution], Any], *, on_loop: bool) -> None:
    with pytest.raises(BridgeError, match="no"):
        value_here(Probe(code, runs_on_loop=on_loop).execution)


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_async_code_is_cancelled_with_its_execution(moment: str) -> None:
    ended: list[str] = []

    async def wait(execution: Execution) -> None:
        if moment == "meanwhile":
            threading.Thread(target=execution.cancel).start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("whole")

    probe = Probe(wait, runs_on_loop=True)
    if moment == "before":
        probe.execution.cancel()
    with pytest.raises(asyncio.CancelledError):
        value_here(probe.execution)

    assert ended == ["whole"]


def test_a_cancellation_that_comes_after_the_end_is_nobodys_business() -> None:
    told: list[Callable[[], object]] = []

    class Late(Execution):
        """One that is being cancelled while its code ends."""

        def on_cancel(self, tell: Callable[[], object]) -> Callable[[], None]:
            told.append(tell)
            return lambda: None

    job = Probe(here_later, runs_on_loop=True).execution.job
    value_here(Late(job, here_later, clock=SystemClock(), on_end=lambda: None))
    (tell,) = told

    tell()


# --- items ----------------------------------------------------------------------------------------


async def _read(buffer: StreamBuffer) -> list[object]:
    items: list[object] = []
    while batch := await buffer.take():
        items += batch
    return items


@pytest.mark.parametrize(("code", "on_loop"), [(several, False), (several_later, True)])
async def test_items_of_either_kind_arrive_in_their_order(
    code: Callable[[Execution], Any], *, on_loop: bool
) -> None:
    probe = Probe(code, streams=True, runs_on_loop=on_loop)
    buffer = StreamBuffer(capacity=1)

    def pump() -> None:
        pump_here(probe.execution, buffer)
        buffer.finish()

    async with asyncio.timeout(5):
        pumping = asyncio.create_task(asyncio.to_thread(pump))
        assert await _read(buffer) == [0, 1, 2]
        await pumping


async def _stopped(probe: Probe, stop: Callable[[StreamBuffer], Awaitable[object]]) -> None:
    """Pump on another thread until the buffer is full, then stop it."""
    buffer = StreamBuffer(capacity=2)
    async with asyncio.timeout(5):
        pumping = asyncio.create_task(asyncio.to_thread(pump_here, probe.execution, buffer))
        await stop(buffer)
        with pytest.raises((StreamClosedError, asyncio.CancelledError)):
            await pumping


@pytest.mark.defect("D15")
@pytest.mark.parametrize("on_loop", [False, True])
async def test_code_that_waits_for_room_ends_when_nobody_reads_and_cleans_up_undisturbed(
    *, on_loop: bool
) -> None:
    """Async code was once torn out of its cleaning up by the cancellation that came with it."""
    full, ended = threading.Event(), threading.Event()

    def endless(_: Execution) -> Iterator[int]:
        try:
            while True:
                yield 1
                full.set()
        finally:
            ended.set()

    async def endless_later(_: Execution) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                full.set()
        finally:
            for _turn in range(3):
                await asyncio.sleep(0)
            ended.set()

    probe = Probe(endless_later if on_loop else endless, streams=True, runs_on_loop=on_loop)

    async def stop(buffer: StreamBuffer) -> None:
        assert await asyncio.to_thread(full.wait, 5)
        # In this order, as an engine does it.
        probe.execution.cancel()
        buffer.close()

    await _stopped(probe, stop)

    assert ended.is_set()


async def test_async_code_that_waits_for_something_else_is_cancelled() -> None:
    inside, ended = threading.Event(), threading.Event()

    async def silent(_: Execution) -> AsyncIterator[int]:
        try:
            inside.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            ended.set()

    probe = Probe(silent, streams=True, runs_on_loop=True)

    async def stop(_: StreamBuffer) -> None:
        assert await asyncio.to_thread(inside.wait, 5)
        probe.execution.cancel()

    await _stopped(probe, stop)

    assert ended.is_set()
