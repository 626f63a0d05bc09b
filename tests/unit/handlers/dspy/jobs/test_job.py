from __future__ import annotations

import asyncio
import gc
import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from snakepit_bridge.errors import (
    CommandCancelledError,
    DSPyError,
    HandlerFailedError,
    WrongCallError,
)
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFile
from snakepit_bridge.handlers.dspy.jobs.evaluation import GAVE_UP
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
        done: list[Any] = []
        made = job(here, lambda: done.append(1))
        made.close()

        with pytest.raises(CommandCancelledError):
            await carried_out(made, opened=done.append)
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
        await asyncio.to_thread(made.carry_out, lambda _: file)

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


class Unclosable(File):
    """On a disk that fails."""

    def close(self, *, needed: bool) -> None:
        raise OSError("input/output error")


async def test_a_file_that_cannot_be_closed_keeps_nobody_waiting() -> None:
    async with yard() as here:
        made = job(here)
        result = await carried_out(made, opened=lambda _: Unclosable())

        assert result["value"] == 7
        assert (await names(made))[-1] == "done"


async def test_half_a_character_keeps_nobody_waiting() -> None:
    async with yard() as here:
        made = job(here, lambda: sys.stdout.write("half \ud800"))
        async with asyncio.timeout(5):
            await carried_out(made)

            (log,) = [event async for event in made.events(0) if event["event"] == "log"]
        assert log["text"] == "half ?"


async def test_whatever_breaks_at_the_beginning_keeps_nobody_waiting() -> None:
    def refuse(_: Job) -> File:
        raise MemoryError("no room")

    async with yard() as here:
        made = job(here)
        async with asyncio.timeout(5):
            with pytest.raises(HandlerFailedError, match="no room"):
                await carried_out(made, opened=refuse)

            assert await names(made) == ["failed"]


async def test_an_end_that_nobody_can_tell_keeps_nobody_waiting() -> None:
    """What breaks after the end is logged; what was told before stays."""

    class Broken:
        @contextmanager
        def told(self, *_: Any) -> Iterator[Any]:
            yield io.StringIO()
            raise RuntimeError("late")

    async with yard() as here:
        made = job(here)
        made._stage = replace(made._stage, output=Broken())  # noqa: SLF001

        assert (await carried_out(made))["value"] == 7
        assert await names(made) == ["started", "done"]


async def test_the_reason_may_be_anything_that_can_be_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Evaluators swallow what led to the end; some of it is no ``Exception``."""

    class Leaving(BaseException):
        pass

    async with yard() as here:
        module = here.dspy.Module

        class Program(module):  # type: ignore[misc, valid-type]  # dspy ships no types
            def forward(self) -> None:
                raise Leaving("good bye")

        def work() -> None:
            try:
                Program()()
            except Leaving:
                raise RuntimeError(GAVE_UP) from None

        async with asyncio.timeout(5):
            with pytest.raises(HandlerFailedError, match="good bye"):
                await carried_out(job(here, work))
        assert "ended properly" not in caplog.text


async def test_asking_again_and_again_makes_an_error_no_longer() -> None:
    def refuse(_: Any) -> Any:
        raise DSPyError("no room", {"hint": "make some"})

    async with yard() as here:
        made = job(here, answer=refuse)
        await asyncio.to_thread(made.carry_out)
        errors = []
        for _ in range(3):
            with pytest.raises(DSPyError) as caught:
                await made.result()
            errors.append(caught.value)

        assert len({id(each) for each in errors}) == 3
        assert len({each.error_id for each in errors}) == 1
        errors[0].details.clear()
        assert errors[1].details == {"hint": "make some"}
        assert made.status()["error"]["hint"] == "make some"


@pytest.mark.parametrize("is_open", [False, True])
async def test_garbage_is_looked_for_where_a_bar_is_open(
    monkeypatch: pytest.MonkeyPatch, *, is_open: bool
) -> None:
    """A progress bar without an end writes its last line when it is taken away."""
    bars: Any = importlib.import_module("tqdm").tqdm
    swept: list[int] = []
    async with yard() as here:
        made = job(here, int.bit_length)
        await asyncio.to_thread(gc.collect)
        monkeypatch.setattr(gc, "collect", lambda: swept.append(1))
        bar = bars(range(3), file=io.StringIO()) if is_open else None
        await asyncio.to_thread(made.carry_out)
        if bar is not None:
            bar.close()

        assert len(swept) == int(is_open)


async def test_what_threads_tell_at_the_end_comes_before_it() -> None:
    async with yard() as here:
        made = job(here)
        ring = made._stage.ring  # noqa: SLF001
        close = ring.close

        def late(last: dict[str, Any] | None = None) -> None:
            ring.add({"event": "log", "text": "late"})
            close(last)

        ring.close = late  # type: ignore[method-assign]
        await carried_out(made)

        assert await names(made) == ["started", "log", "done"]
