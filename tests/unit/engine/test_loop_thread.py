from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar, copy_context

import pytest

from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.errors import CommandCancelledError, WrongCallError

flavour: ContextVar[str] = ContextVar("flavour", default="plain")


async def answer() -> str:
    return threading.current_thread().name


async def fail() -> None:
    text = "no"
    raise LookupError(text)


def test_work_runs_on_the_thread_while_the_caller_waits() -> None:
    with loop_thread("test-loop") as thread:
        assert thread.run(answer()) == "test-loop"


def test_what_work_raises_is_raised_to_the_caller() -> None:
    with loop_thread("test-loop") as thread, pytest.raises(LookupError, match="no"):
        thread.run(fail())


def test_work_sees_the_context_variables_of_the_caller() -> None:
    async def taste() -> str:
        return flavour.get()

    token = flavour.set("sweet")
    try:
        with loop_thread("test-loop") as thread:
            assert thread.run(taste()) == "sweet"
    finally:
        flavour.reset(token)


def test_threads_do_not_wait_for_each_other() -> None:
    all_inside = asyncio.Barrier(5)

    async def meet() -> bool:
        async with asyncio.timeout(5):
            await all_inside.wait()
        return True

    with loop_thread("test-loop") as thread, ThreadPoolExecutor(5) as callers:
        met = list(callers.map(lambda _: thread.run(meet()), range(5)))

    assert met == [True] * 5


def test_closing_leaves_what_was_opened_after_all_work_has_ended() -> None:
    order: list[str] = []

    @asynccontextmanager
    async def resource() -> AsyncIterator[str]:
        yield "resource"
        order.append("resource left")

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("work ended")

    with loop_thread("test-loop") as thread:
        opened = thread.open(resource())
        thread.start(linger())
        thread.run(answer())

    assert opened == "resource"
    assert order == ["work ended", "resource left"]


def test_who_waits_is_told_when_the_thread_closes() -> None:
    inside = threading.Event()

    async def hang() -> None:
        inside.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as caller:
        with loop_thread("test-loop") as thread:
            waiting = caller.submit(thread.run, hang())
            assert inside.wait(5)

        with pytest.raises(CommandCancelledError, match="closed"):
            waiting.result(5)


def test_a_closed_thread_says_so() -> None:
    with loop_thread("test-loop") as thread:
        pass

    with pytest.raises(WrongCallError, match="closed"):
        thread.run(answer())
    with pytest.raises(WrongCallError, match="closed"):
        thread.start(answer())
    thread.close()


async def test_nobody_blocks_a_loop_of_their_own() -> None:
    with loop_thread("test-loop") as thread, pytest.raises(WrongCallError) as caught:
        thread.run(answer())

    assert "async with" in caught.value.hint


def test_closing_is_not_held_up_by_work_that_will_not_end() -> None:
    order: list[str] = []
    left = asyncio.Event()

    @asynccontextmanager
    async def resource() -> AsyncIterator[None]:
        yield
        order.append("resource left")
        left.set()

    async def refuse() -> None:
        while not left.is_set():
            with suppress(asyncio.CancelledError):
                await left.wait()
        order.append("work ended")

    with loop_thread("test-loop", unwind_s=0) as thread:
        thread.open(resource())
        thread.start(refuse())
        thread.run(answer())

    assert order == ["resource left", "work ended"]


def test_the_thread_keeps_no_process_alive() -> None:
    async def is_daemon() -> bool:
        return threading.current_thread().daemon

    with loop_thread("test-loop") as thread:
        assert thread.run(is_daemon())


# --- tasks for other threads ----------------------------------------------------------------------


def test_only_the_thread_itself_is_here() -> None:
    async def is_here() -> bool:
        return thread.is_here

    with loop_thread("test-loop") as thread:
        assert not thread.is_here
        assert thread.run(is_here())


def test_a_task_runs_on_the_thread_in_the_context_of_whoever_begins_it() -> None:
    seen: list[tuple[str, str]] = []
    done = threading.Event()

    async def look() -> None:
        seen.append((threading.current_thread().name, flavour.get()))
        flavour.set("changed")
        done.set()

    def begin() -> str:
        flavour.set("sweet")
        thread.task(look())
        assert done.wait(5)
        return flavour.get()

    with loop_thread("test-loop") as thread:
        assert copy_context().run(begin) == "sweet"

    assert seen == [("test-loop", "sweet")]


def test_a_task_that_is_cancelled_at_once_still_makes_its_first_step_and_its_last() -> None:
    steps: list[str] = []
    done = threading.Event()

    async def work() -> None:
        steps.append("first")
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("last")
            done.set()

    with loop_thread("test-loop") as thread:
        thread.task(work()).cancel()
        assert done.wait(5)

    assert steps == ["first", "last"]


def test_a_task_that_is_cancelled_twice_cleans_up_all_the_same() -> None:
    """The second time once tore it out of its cleaning up."""
    inside, done = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            inside.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            done.set()

    with loop_thread("test-loop") as thread:
        task = thread.task(work())
        assert inside.wait(5)
        task.cancel()
        task.cancel()
        assert done.wait(5)


def test_cancelling_a_task_that_has_ended_changes_nothing_even_after_its_loop() -> None:
    done = threading.Event()

    async def work() -> None:
        done.set()

    with loop_thread("test-loop") as thread:
        task = thread.task(work())
        assert done.wait(5)
        task.cancel()
        assert thread.run(answer()) == "test-loop"
    task.cancel()


def test_a_closed_thread_begins_no_task() -> None:
    with loop_thread("test-loop", owner="adapter") as thread:
        pass

    with pytest.raises(WrongCallError, match="The adapter is closed"):
        thread.task(fail())
