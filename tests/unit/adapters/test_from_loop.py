from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from snakepit_bridge.adapters.from_loop import (
    AHEAD,
    end_from_loop,
    items_from_loop,
    value_from_loop,
)
from snakepit_bridge.engine.loop_thread import LoopThread, loop_thread
from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.session.context import current_execution
from tests.unit.engine.probe import Probe

flavour: ContextVar[str] = ContextVar("flavour", default="plain")


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    with loop_thread("adapter", owner="adapter") as opened:
        yield opened


def command() -> Probe:
    """A command under way on this thread, for the rest of the test."""
    probe = Probe(lambda _: None)
    current_execution.set(probe.execution)
    return probe


def in_command(test: Any) -> Any:
    """What a test does to its context variables ends with it."""
    return copy_context().run(test)


# --- one value ------------------------------------------------------------------------------------


def test_a_coroutine_is_run_and_its_value_returned(thread: LoopThread) -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert value_from_loop(thread, where()) == "adapter"


def test_a_coroutine_sees_the_context_of_whoever_waits(thread: LoopThread) -> None:
    async def taste() -> str:
        return flavour.get()

    def ask() -> Any:
        flavour.set("sweet")
        return value_from_loop(thread, taste())

    assert copy_context().run(ask) == "sweet"


@pytest.mark.defect("D39")
@pytest.mark.parametrize(
    "kind", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit]
)
def test_whatever_a_coroutine_raises_is_raised_here_and_the_loop_lives_on(
    thread: LoopThread, kind: type[BaseException]
) -> None:
    """An exit once ended the loop's thread, and every later call with it."""

    async def fail() -> None:
        raise kind

    async def answer() -> str:
        return "alive"

    with pytest.raises(kind):
        value_from_loop(thread, fail())
    with pytest.raises(kind):
        end_from_loop(thread, fail())

    assert value_from_loop(thread, answer()) == "alive"


@pytest.mark.defect("D38")
def test_a_cancelled_command_waits_until_its_coroutine_has_really_ended(
    thread: LoopThread,
) -> None:
    """It once went on at once, and the adapter was cleaned up beneath running code."""
    inside = threading.Event()
    events: list[str] = []

    async def work() -> None:
        try:
            inside.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append("ended")

    def call(probe: Probe) -> None:
        current_execution.set(probe.execution)
        try:
            value_from_loop(thread, work())
        finally:
            events.append("told")

    probe = Probe(lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(copy_context().run, call, probe)
        assert inside.wait(5)
        probe.execution.cancel()
        with pytest.raises(asyncio.CancelledError):
            waiting.result(5)

    assert events == ["ended", "told"]


def test_what_is_done_at_an_end_is_done_whole_although_the_command_is_cancelled(
    thread: LoopThread,
) -> None:
    done: list[str] = []

    async def tidy_up() -> None:
        await asyncio.sleep(0)
        done.append("tidy")

    @in_command
    def _() -> None:
        command().execution.cancel()
        end_from_loop(thread, tidy_up())

    assert done == ["tidy"]


def test_a_command_that_was_cancelled_before_still_begins_what_it_calls(
    thread: LoopThread,
) -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    @in_command
    def _() -> None:
        command().execution.cancel()
        with pytest.raises(asyncio.CancelledError):
            value_from_loop(thread, work())

    assert seen == ["begun", "ended"]


def test_a_command_forgets_the_coroutines_it_waited_for(thread: LoopThread) -> None:
    async def answer() -> int:
        return 1

    @in_command
    def _() -> None:
        execution = command().execution
        value_from_loop(thread, answer())
        assert list(items_from_loop(thread, several(2))) == [0, 1]

        assert execution._cancellation._told == []  # noqa: SLF001  (nobody else could tell)


def test_a_thread_that_is_closed_runs_nothing_and_says_so() -> None:
    async def never() -> None:
        raise NotImplementedError

    class Never:
        def __await__(self) -> Any:
            raise NotImplementedError

    with loop_thread("adapter", owner="adapter") as closed:
        pass

    for work in (never(), Never()):
        with pytest.raises(WrongCallError, match="The adapter is closed"):
            value_from_loop(closed, work)
    with pytest.raises(WrongCallError):
        end_from_loop(closed, never())
    with pytest.raises(WrongCallError):
        next(items_from_loop(closed, several(1)))


# --- items ----------------------------------------------------------------------------------------


async def several(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        yield number


def test_items_come_in_their_order_however_many(thread: LoopThread) -> None:
    assert list(items_from_loop(thread, several(10 * AHEAD))) == list(range(10 * AHEAD))
    assert list(items_from_loop(thread, several(0))) == []


def test_items_may_come_from_anything_that_can_be_iterated(thread: LoopThread) -> None:
    class Countdown:
        def __init__(self) -> None:
            self.left = 3

        def __aiter__(self) -> Countdown:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert list(items_from_loop(thread, Countdown())) == [2, 1, 0]


def test_a_generator_runs_in_one_task_from_its_beginning_to_its_end(thread: LoopThread) -> None:
    """A task for each item once broke whatever spans a yield: timeouts, context variables."""

    async def spanning() -> AsyncIterator[str]:
        token = flavour.set("sweet")
        async with asyncio.timeout(5):
            for _ in range(3):
                yield flavour.get()
                await asyncio.sleep(0)
        flavour.reset(token)
        yield flavour.get()

    assert list(items_from_loop(thread, spanning())) == ["sweet"] * 3 + ["plain"]


@pytest.mark.defect("D39")
@pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt])
def test_a_failure_comes_after_the_items_before_it(
    thread: LoopThread, kind: type[BaseException]
) -> None:
    async def failing() -> AsyncIterator[int]:
        yield 1
        raise kind

    items = items_from_loop(thread, failing())

    assert next(items) == 1
    with pytest.raises(kind):
        next(items)
    assert list(items_from_loop(thread, several(1))) == [0]


def test_what_cannot_be_iterated_after_all_says_so(thread: LoopThread) -> None:
    class Empty:
        def __aiter__(self) -> Any:
            return None

    with pytest.raises(TypeError, match="not an async iterator"):
        list(items_from_loop(thread, Empty()))


def test_the_code_is_only_so_far_ahead(thread: LoopThread) -> None:
    made: list[int] = []
    filled = threading.Event()

    async def counting() -> AsyncIterator[int]:
        for number in range(10 * AHEAD):
            made.append(number)
            if len(made) == AHEAD + 1:
                filled.set()
            yield number

    items = items_from_loop(thread, counting())
    assert next(items) == 0
    assert filled.wait(5)
    # One item is on its way to the thread, one is waiting for room.
    assert len(made) <= AHEAD + 2
    items.close()

    assert len(made) <= AHEAD + 2


def test_leaving_early_closes_the_generator_before_going_on(thread: LoopThread) -> None:
    events: list[str] = []

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            events.append("closed")

    items = items_from_loop(thread, endless())
    assert next(items) == 1

    items.close()
    events.append("left")

    assert events == ["closed", "left"]


def test_leaving_early_closes_a_generator_that_waits(thread: LoopThread) -> None:
    events: list[str] = []

    async def slow() -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.Event().wait()
        finally:
            events.append("closed")

    items = items_from_loop(thread, slow())
    assert next(items) == 1

    items.close()

    assert events == ["closed"]


def test_code_that_will_not_be_cancelled_ends_when_it_has_its_next_item(
    thread: LoopThread,
) -> None:
    events: list[str] = []

    async def stubborn() -> AsyncIterator[int]:
        yield 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("refused")
        try:
            while True:
                yield 2
        finally:
            events.append("closed")

    items = items_from_loop(thread, stubborn())
    assert next(items) == 1

    items.close()

    assert events == ["refused", "closed"]


def test_a_cancelled_command_tears_its_generator_out_of_no_clean_up(thread: LoopThread) -> None:
    inside, ended = threading.Event(), threading.Event()

    async def slow() -> AsyncIterator[int]:
        yield 1
        try:
            inside.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            ended.set()

    @in_command
    def _() -> None:
        execution = command().execution
        items = items_from_loop(thread, slow())
        assert next(items) == 1
        assert inside.wait(5)
        execution.cancel()
        items.close()
        assert ended.is_set()


def test_items_that_are_left_are_lost_with_their_loop() -> None:
    with loop_thread("adapter", owner="adapter") as thread:
        items = items_from_loop(thread, several(AHEAD))
        assert next(items) == 0

    assert list(items) == list(range(1, AHEAD))
