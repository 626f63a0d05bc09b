from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterator
from contextvars import ContextVar

import pytest

from snakepit_bridge.errors import CommandCancelledError, PoolFullError, WrongCallError
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.runner import Runner
from snakepit_bridge.handlers.dspy.runs import Halt, Run
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

_colour: ContextVar[str] = ContextVar("colour", default="none")


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner(max_threads=1, max_queued=1)
    yield made
    made.close()


def a_run() -> Run:
    return Run(SessionManager(EmbeddedHost()).get_or_create("s"), Ledger())


async def _where(runner: Runner) -> tuple[bool, str, str]:
    await asyncio.sleep(0)
    return runner.is_here, threading.current_thread().name, _colour.get()


async def test_coroutines_run_on_a_loop_of_their_own(runner: Runner) -> None:
    _colour.set("red")

    assert await runner.run(_where(runner)) == (True, "bridge-dspy", "red")
    assert not runner.is_here
    # From there it is a plain await.
    assert (await runner.run(runner.run(_where(runner))))[0]


def test_threads_wait_for_coroutines(runner: Runner) -> None:
    _colour.set("blue")

    assert runner.wait(_where(runner)) == (True, "bridge-dspy", "blue")


async def test_functions_run_on_threads(runner: Runner) -> None:
    _colour.set("green")

    def where() -> tuple[str, str]:
        return threading.current_thread().name.partition("-")[0], _colour.get()

    assert await runner.in_thread(where) == ("bridge", "green")


class Odd(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, Odd])
async def test_what_is_raised_there_is_raised_here(
    runner: Runner, kind: type[BaseException]
) -> None:
    async def fail() -> None:
        raise kind("there")

    def fail_in_thread() -> None:
        raise kind("there")

    with pytest.raises(kind, match="there"):
        await runner.run(fail())
    with pytest.raises(kind, match="there"):
        await runner.in_thread(fail_in_thread)
    with pytest.raises(kind, match="there"):
        await asyncio.to_thread(lambda: runner.wait(fail()))


async def test_an_error_that_no_future_takes_is_told(runner: Runner) -> None:
    with pytest.raises(RuntimeError, match="StopIteration: 3"):
        await runner.in_thread(lambda: next(_ended_with(3)))


def _ended_with(value: int) -> Generator[None, None, int]:
    return value
    yield


async def test_being_cancelled_waits_until_the_work_has_ended(runner: Runner) -> None:
    loop, begun, ended = asyncio.get_running_loop(), asyncio.Event(), []

    async def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    task = asyncio.create_task(runner.run(work()))
    async with asyncio.timeout(5):
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert ended == [True]


async def test_a_function_that_waits_for_a_thread_can_be_taken_back(runner: Runner) -> None:
    may_end, called = threading.Event(), []
    first = asyncio.create_task(runner.in_thread(lambda: may_end.wait(5)))
    await asyncio.sleep(0)
    second = asyncio.create_task(runner.in_thread(lambda: called.append(True)))
    await asyncio.sleep(0)
    with pytest.raises(PoolFullError):
        await runner.in_thread(lambda: None)

    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    may_end.set()

    assert await first is True
    assert await runner.in_thread(lambda: 7) == 7
    assert called == []


async def test_a_function_that_runs_is_waited_for(runner: Runner) -> None:
    loop, begun, may_end, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), []

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(5)
        ended.append(True)

    task = asyncio.create_task(runner.in_thread(work))
    async with asyncio.timeout(5):
        await begun.wait()
        task.cancel()
        loop.call_soon(may_end.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    assert ended == [True]


def test_a_cancelled_run_ends_what_a_thread_waits_for(runner: Runner) -> None:
    run = a_run()

    async def work() -> None:
        run.cancel()
        await asyncio.Event().wait()

    with pytest.raises(Halt) as caught:
        runner.wait(work(), run)

    assert isinstance(caught.value.error, CommandCancelledError)


async def test_waiting_would_block_a_loop(runner: Runner) -> None:
    with pytest.raises(WrongCallError):
        runner.wait(_where(runner))


async def test_closing_ends_what_runs() -> None:
    runner, loop, begun = Runner(), asyncio.get_running_loop(), asyncio.Event()

    async def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        await asyncio.Event().wait()

    task = asyncio.create_task(runner.run(work()))
    waiting = asyncio.create_task(asyncio.to_thread(lambda: runner.wait(work())))
    async with asyncio.timeout(5):
        await begun.wait()
        await asyncio.to_thread(runner.close)
        for each in (task, waiting):
            with pytest.raises((CommandCancelledError, WrongCallError)):
                await each
    with pytest.raises(WrongCallError, match="closing"):
        await runner.run(_where(runner))
