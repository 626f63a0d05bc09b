from __future__ import annotations

import asyncio
from typing import Any

import pytest

from snakepit_bridge.errors import CommandCancelledError, HandlerFailedError, WrongCallError
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFile
from snakepit_bridge.handlers.dspy.jobs.job import Job
from snakepit_bridge.handlers.dspy.jobs.journal import JobJournal
from snakepit_bridge.handlers.dspy.jobs.task import State, Task
from tests.unit.handlers.dspy.jobs.yard import Yard, stage, yard


class File(CheckpointFile):
    """A file in memory."""

    def __init__(self) -> None:
        self.needed: bool | None = None

    def close(self, *, needed: bool) -> None:
        self.needed = needed


def job(here: Yard, work: Any = lambda: 7, answer: Any = None, **parts: Any) -> Job:
    task = Task(kind="evaluate", work=work, answer=answer or (lambda value: {"value": value}))
    return Job(task, stage(here, **parts))


async def carried_out(made: Job, **parts: Any) -> Any:
    await asyncio.to_thread(made.carry_out, **parts)
    return await made.result()


async def names(made: Job) -> list[str]:
    return [event["event"] async for event in made.events(0)]


async def test_work_becomes_an_answer() -> None:
    async with yard() as here:
        made = job(here)
        assert made.state is State.QUEUED
        result = await carried_out(made)

        assert (result["value"], result["usage"]["calls"]) == (7, 0)
        assert str(made.state) == "done"
        assert await names(made) == ["started", "done"]
        assert not made.cancel()


async def test_whatever_is_raised_is_the_jobs_error() -> None:
    def leave() -> None:
        raise SystemExit(3)

    async with yard() as here:
        made = job(here, leave)

        with pytest.raises(HandlerFailedError, match="SystemExit"):
            await carried_out(made)
        assert made.status()["error"]["code"] == "HANDLER_FAILED"


async def test_an_error_holds_no_frames() -> None:
    """They would keep every program of the job, and its progress bars, as long as the job."""

    def fail() -> None:
        raise LookupError("gone")

    async with yard() as here:
        made = job(here, fail)
        await asyncio.to_thread(made.carry_out)

        (error,) = [made._error]  # noqa: SLF001
        assert error is not None
        assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


async def test_an_answer_that_cannot_be_made_fails_the_job() -> None:
    def refuse(_: Any) -> Any:
        raise WrongCallError("no room")

    async with yard() as here:
        made = job(here, answer=refuse)

        with pytest.raises(WrongCallError, match="no room"):
            await carried_out(made)


async def test_work_that_swallows_its_end_is_cancelled_all_the_same() -> None:
    async with yard() as here:
        kept: list[Any] = []

        def give_up() -> None:
            assert made.cancel()

        made = job(here, give_up, kept.append)

        with pytest.raises(CommandCancelledError):
            await carried_out(made)
        assert kept == []
        assert made.state is State.CANCELLED


async def test_what_is_cancelled_before_its_turn_never_begins() -> None:
    async with yard() as here:
        done: list[int] = []
        made = job(here, lambda: done.append(1))
        made.close()

        with pytest.raises(CommandCancelledError):
            await carried_out(made)
        assert done == []
        assert await names(made) == ["cancelled"]


async def test_it_tells_its_owner_when_it_is_let_go() -> None:
    async with yard() as here:
        told: list[Job] = []
        made = Job(Task(kind="evaluate", work=dict, answer=dict), stage(here), on_close=told.append)
        made.close()

        assert told == [made]


@pytest.mark.parametrize(("work", "needed"), [(dict, False), (int.bit_length, True)])
async def test_a_checkpoint_is_needed_until_the_job_is_done(work: Any, *, needed: bool) -> None:
    async with yard() as here:
        made, file = job(here, work), File()
        await asyncio.to_thread(made.carry_out, file)

        assert file.needed is needed
        assert "checkpoint" in made.status()


async def test_only_some_jobs_have_a_journal() -> None:
    async with yard() as here:
        made = job(here, journal=JobJournal({}))

        assert made.has_journal
        assert made.journal.entries == 0
        with pytest.raises(WrongCallError):
            _ = job(here).journal
        await carried_out(made)
        assert await names(made) == ["started", "checkpoint", "done"]


async def test_secrets_are_not_logged() -> None:
    async with yard() as here:
        made = job(here, lambda: print("the key is sk-1234567"), hidden=["sk-1234567"])  # noqa: T201
        await carried_out(made)

        (log,) = [event async for event in made.events(0) if event["event"] == "log"]
        assert log["text"] == "the key is ***"
