from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import aclosing, closing
from contextvars import ContextVar
from typing import Any

import pytest

from snakepit_bridge.adapters.from_thread import AHEAD, all_of, items_from_thread

flavour: ContextVar[str] = ContextVar("flavour", default="plain")


async def all_from(items: Iterable[Any]) -> list[Any]:
    async with asyncio.timeout(5), aclosing(items_from_thread(items)) as taken:
        return [item async for item in taken]


@pytest.mark.parametrize("items", [[1, 2], (1, 2), {1, 2}, frozenset({1, 2}), range(1, 3)])
async def test_a_collection_yields_its_items(items: Iterable[int]) -> None:
    assert await all_from(items) == [1, 2]


async def test_a_generator_runs_on_one_thread_from_its_beginning_to_its_end() -> None:
    """Each item once had a thread of its own, and a generator lost its context variables."""

    def spanning() -> Iterator[object]:
        token = flavour.set("sweet")
        for _ in range(3 * AHEAD):
            yield threading.current_thread(), flavour.get()
        flavour.reset(token)

    taken = await all_from(spanning())

    assert len(taken) == 3 * AHEAD
    ((thread, taste),) = set(taken)
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert taste == "sweet"


async def test_the_code_sees_the_context_of_whoever_takes_the_items() -> None:
    def tasting() -> Iterator[str]:
        yield flavour.get()

    token = flavour.set("sour")
    try:
        assert await all_from(tasting()) == ["sour"]
    finally:
        flavour.reset(token)


async def test_blocking_code_holds_up_nothing_else() -> None:
    may_go_on = threading.Event()

    def blocking() -> Iterator[str]:
        assert may_go_on.wait(5)
        yield "went on"

    async with asyncio.TaskGroup() as group:
        taking = group.create_task(all_from(blocking()))
        await asyncio.sleep(0)
        may_go_on.set()

    assert taking.result() == ["went on"]


@pytest.mark.defect("D9", "D39")
@pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt])
async def test_a_failure_comes_after_the_items_before_it(kind: type[BaseException]) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise kind

    items = items_from_thread(failing())

    assert await anext(items) == 1
    with pytest.raises(kind):
        await anext(items)


async def test_what_cannot_be_iterated_after_all_says_so() -> None:
    class Empty:
        def __iter__(self) -> Any:
            return None

    with pytest.raises(TypeError, match="non-iterator"):
        await all_from(Empty())


@pytest.mark.defect("D15", "D16")
async def test_leaving_early_frees_a_thread_that_waits_for_room_and_closes_its_generator() -> None:
    made: list[int] = []
    far_ahead, closed = threading.Event(), threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                made.append(1)
                if len(made) == AHEAD + 1:
                    far_ahead.set()
                yield 1
        finally:
            closed.set()

    async with asyncio.timeout(5), aclosing(items_from_thread(endless())) as items:
        assert await anext(items) == 1
        assert await asyncio.to_thread(far_ahead.wait, 5)

    assert closed.is_set()
    assert len(made) <= 2 * AHEAD + 2


@pytest.mark.defect("D38")
async def test_whoever_is_cancelled_waits_until_the_code_has_really_ended() -> None:
    inside, may_end = threading.Event(), threading.Event()
    events: list[str] = []

    def slow() -> Iterator[int]:
        inside.set()
        assert may_end.wait(5)
        events.append("ended")
        yield 1

    async def take() -> None:
        try:
            await all_from(slow())
        finally:
            events.append("left")

    taking = asyncio.create_task(take())
    assert await asyncio.to_thread(inside.wait, 5)
    taking.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await taking

    assert events == ["ended", "left"]


def test_a_thread_that_outlives_the_loop_ends_in_silence() -> None:
    inside, may_end = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def slow() -> Iterator[int]:
        threads.append(threading.current_thread())
        inside.set()
        assert may_end.wait(5)
        yield 1

    async def leave() -> None:
        taking = asyncio.ensure_future(anext(items_from_thread(slow())))
        await asyncio.to_thread(inside.wait, 5)
        for _ in range(2):  # the second one ends the wait for the thread
            taking.cancel()
            await asyncio.sleep(0)

    asyncio.run(leave())
    may_end.set()
    threads[0].join(5)

    assert not threads[0].is_alive()


def test_a_generator_that_is_left_early_is_closed() -> None:
    closed: list[str] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append("generator")

    with closing(all_of(endless())) as items:
        assert next(items) == 1

    assert closed == ["generator"]


def test_what_cannot_be_closed_is_just_left() -> None:
    with closing(all_of([1, 2])) as items:
        assert next(items) == 1
