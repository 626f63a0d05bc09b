from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import Any

import pytest

from snakepit_bridge.engine.eager import eager_task

_WHO: ContextVar[str] = ContextVar("_WHO", default="nobody")


async def test_code_that_never_waits_has_ended_when_its_task_is_there() -> None:
    steps: list[str] = []

    async def work() -> None:
        steps.append("ran")

    task = eager_task(work())
    steps.append("returned")

    assert steps == ["ran", "returned"]
    await task


async def test_code_goes_on_after_its_first_wait() -> None:
    go_on = asyncio.Event()
    steps: list[str] = []

    async def work() -> None:
        steps.append("begun")
        await go_on.wait()
        steps.append("went on")
        await asyncio.sleep(0)
        steps.append("ended")

    task = eager_task(work())
    steps.append("returned")
    go_on.set()
    async with asyncio.timeout(5):
        await task

    assert steps == ["begun", "returned", "went on", "ended"]


async def test_the_event_may_come_before_the_tasks_own_first_turn() -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    got: list[str] = []

    async def work() -> None:
        got.append(await ready)

    task = eager_task(work())
    ready.set_result("ready")
    async with asyncio.timeout(5):
        await task

    assert got == ["ready"]


@pytest.mark.parametrize("waits", [False, True])
async def test_what_the_code_raises_is_the_tasks(*, waits: bool) -> None:
    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise LookupError

    task = eager_task(work())

    with pytest.raises(LookupError):
        await task


async def test_the_code_is_in_its_own_task_from_the_start() -> None:
    seen: list[asyncio.Task[None] | None] = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    here = asyncio.current_task()
    task = eager_task(work())
    after = asyncio.current_task()
    await task

    assert seen == [task, task]
    assert after is here


async def test_time_limits_and_groups_in_the_first_step_belong_to_the_code() -> None:
    steps: list[str] = []

    async def child() -> None:
        steps.append("child")

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
        steps.append("ended")

    async with asyncio.timeout(5):
        await eager_task(work())

    assert steps == ["child", "ended"]


async def test_context_variables_are_copied_in_and_never_leak_out() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append(_WHO.get())
        _WHO.set("the code")
        await asyncio.sleep(0)
        seen.append(_WHO.get())

    _WHO.set("the caller")
    task = eager_task(work())
    after = _WHO.get()
    await task

    assert seen == ["the caller", "the code"]
    assert after == "the caller"


async def test_a_cancelled_task_stops_at_its_first_wait() -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("cleaned up")

    task = eager_task(work())
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["cleaned up"]


async def test_cancelling_reaches_what_the_code_waits_for() -> None:
    """A task that is cancelled in the same turn once left what it waited for running."""
    inner = asyncio.create_task(asyncio.Event().wait())

    async def work() -> None:
        await inner

    task = eager_task(work())
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.cancelled()


async def test_code_that_survives_its_cancellation_goes_on() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)

    task = eager_task(work())
    task.cancel()
    async with asyncio.timeout(5):
        await task

    assert not task.cancelled()


async def test_code_that_has_ended_cannot_be_cancelled_any_more() -> None:
    steps: list[str] = []

    async def work() -> None:
        steps.append("ended")

    task = eager_task(work())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert steps == ["ended"]


async def test_code_may_begin_where_there_is_no_task() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    tasks: list[asyncio.Task[None]] = []
    asyncio.get_running_loop().call_soon(lambda: tasks.append(eager_task(work())))
    async with asyncio.timeout(5):
        await done.wait()
        await tasks[0]

    assert asyncio.current_task() is not tasks[0]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there Python itself begins the task")
async def test_what_the_task_runs_is_closed_with_it_and_belongs_to_it_alone() -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("closed")

    task = eager_task(work())
    begun: Any = task.get_coro()
    with pytest.raises(TypeError, match="cannot be awaited"):
        await begun
    begun.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert steps == ["closed"]
