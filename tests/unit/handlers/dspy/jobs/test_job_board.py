from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.errors import PoolFullError, SessionError
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFolder
from snakepit_bridge.handlers.dspy.jobs.job import Job
from snakepit_bridge.handlers.dspy.jobs.job_board import JobBoard
from snakepit_bridge.handlers.dspy.jobs.journal import JobJournal
from snakepit_bridge.handlers.dspy.jobs.task import State, Task
from tests.unit.handlers.dspy.jobs.yard import Yard, stage, yard


class Holding:
    """Counts what is held."""

    def __init__(self) -> None:
        self.held: list[str] = []

    @contextmanager
    def __call__(self, session_id: str) -> Iterator[None]:
        self.held.append(session_id)
        try:
            yield
        finally:
            self.held.remove(session_id)


def board(here: Yard, path: Path | None = None, **limits: Any) -> tuple[JobBoard, Holding]:
    holding = Holding()
    instances = here.sessions.instances
    return JobBoard(instances, CheckpointFolder(path), hold=holding, **limits), holding


def job(here: Yard, on: JobBoard, work: Any = dict, **parts: Any) -> Job:
    task = Task(kind="evaluate", work=work, answer=lambda _: {})
    return Job(task, stage(here, **parts), on_close=on.forget)


async def test_as_many_run_at_once_as_may() -> None:
    async with yard() as here:
        on, holding = board(here, max_running=3, max_waiting=3)
        meeting = threading.Barrier(3)
        jobs = [job(here, on, lambda: meeting.wait(5)) for _ in range(6)]
        for each in jobs:
            on.submit(each)
        async with asyncio.timeout(10):
            for each in jobs:
                await each.result()
        await asyncio.to_thread(on.join)

        assert [each.state for each in jobs] == [State.DONE] * 6
        assert holding.held == []


async def test_a_full_board_takes_nothing() -> None:
    async with yard() as here:
        on, holding = board(here, max_running=1, max_waiting=0)
        gate = threading.Event()
        first = job(here, on, lambda: gate.wait(5))
        on.submit(first)

        with pytest.raises(PoolFullError) as caught:
            on.submit(job(here, on))
        assert caught.value.retry_after_s == 5
        assert holding.held == ["one"]
        assert on.of_session("one") == [first]
        gate.set()
        await asyncio.to_thread(on.join)
        assert first.name.startswith("job-")


async def test_a_job_whose_session_has_ended_is_not_taken() -> None:
    async with yard() as here:
        on, holding = board(here)
        here.sessions.end("one")

        with pytest.raises(SessionError):
            on.submit(job(here, on))
        assert holding.held == []
        assert on.of_session("one") == []


async def test_closing_ends_those_that_run_and_those_that_wait() -> None:
    async with yard() as here:
        on, holding = board(here, max_running=1)
        entered = threading.Event()
        running = job(here, on)

        def work() -> None:
            entered.set()
            while True:
                # What DSPy's code does over and over.
                here.found(running.name)._run.check()  # noqa: SLF001

        running._task = Task(kind="evaluate", work=work, answer=dict)  # noqa: SLF001
        waiting = job(here, on)
        on.submit(running)
        on.submit(waiting)
        assert await asyncio.to_thread(entered.wait, 5)
        await asyncio.to_thread(on.close)

        assert (running.state, waiting.state) == (State.CANCELLED, State.CANCELLED)
        assert holding.held == []


async def test_the_jobs_of_a_session_are_forgotten_with_it() -> None:
    async with yard() as here:
        on, _ = board(here)
        on.submit(job(here, on))
        await asyncio.to_thread(on.join)
        here.sessions.end("one")

        assert on.of_session("one") == []


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_job_cancelled_before_its_thread_begins_leaves_no_file(
    tmp_path: Path, *, is_cancelled: bool
) -> None:
    async with yard() as here:
        on, _ = board(here, tmp_path)
        made = job(here, on, int.bit_length, journal=JobJournal({}))
        carry_out = made.carry_out

        def late(*args: Any) -> None:
            if is_cancelled:
                made.cancel()
            carry_out(*args)

        made.carry_out = late  # type: ignore[assignment, method-assign]
        on.submit(made)
        await asyncio.to_thread(on.join)

        assert len(list(tmp_path.iterdir())) == (0 if is_cancelled else 1)  # noqa: ASYNC240
