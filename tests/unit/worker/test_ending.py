from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from snakepit_bridge.worker.ending import Ending, Limits
from snakepit_bridge.worker.exit_codes import ExitCode

AT_ONCE = Limits(close_s=0.0, close_alone_s=0.0, leave_s=0.0)
NEVER = Limits(close_s=60.0, close_alone_s=60.0, leave_s=0.0)


@pytest.fixture(autouse=True)
def _switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


async def test_the_first_wish_decides_how_the_process_ends() -> None:
    codes: SimpleQueue[int] = SimpleQueue()
    ending = Ending(AT_ONCE, leave=codes.put)

    ending.ask(ExitCode.HOST_LOST, "the host is lost")
    ending.ask(ExitCode.DONE, "a signal came")
    async with asyncio.timeout(5):
        await ending.asked()

    assert codes.get(timeout=5) == ending.code == ExitCode.HOST_LOST


async def test_the_loop_hears_of_a_wish_from_another_thread() -> None:
    ending = Ending(NEVER, leave=lambda _: None)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(ending.asked())
        await asyncio.sleep(0)
        await asyncio.to_thread(ending.ask, ExitCode.DONE, "somebody wished it")

    ending.closed()


def test_a_wish_after_the_loop_has_closed_is_fulfilled() -> None:
    codes: SimpleQueue[int] = SimpleQueue()
    ending = Ending(AT_ONCE, leave=codes.put)

    async def begin_to_listen() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await ending.asked()

    asyncio.run(begin_to_listen())
    ending.ask(ExitCode.DONE, "a signal came")

    assert codes.get(timeout=5) == ExitCode.DONE


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.PARENT_GONE])
def test_what_closes_too_slowly_is_ended_by_force_after_cleaning_up(
    code: ExitCode, capfd: pytest.CaptureFixture[str]
) -> None:
    done: SimpleQueue[object] = SimpleQueue()
    ending = Ending(AT_ONCE, leave=done.put)
    ending.before_leaving(lambda: done.put("cleaned up"))

    ending.ask(code, "it is time")

    assert [done.get(timeout=5), done.get(timeout=5)] == ["cleaned up", code]
    assert "Ended by force: closing took too long.\n" in capfd.readouterr().err


def test_what_closes_in_time_is_not_called_forced(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    codes: SimpleQueue[int] = SimpleQueue()
    ending = Ending(NEVER, leave=codes.put)

    with caplog.at_level(logging.INFO):
        ending.ask(ExitCode.PARENT_GONE, "the parent has ended")
        ending.closed()
        assert codes.get(timeout=5) == ExitCode.PARENT_GONE

    assert "Ended by force" not in capfd.readouterr().err
    assert "the parent has ended; the worker ends with code 71" in caplog.text


@pytest.mark.parametrize(
    ("code", "is_alone"),
    [(ExitCode.DONE, False), (ExitCode.HOST_LOST, True), (ExitCode.PARENT_GONE, True)],
)
def test_who_is_left_alone_cleans_up_behind_it_before_anything_else(
    code: ExitCode, *, is_alone: bool
) -> None:
    done: SimpleQueue[object] = SimpleQueue()
    ending = Ending(AT_ONCE, leave=done.put, when_alone=lambda: done.put("cleaned up"))

    ending.ask(code, "it is time")

    if is_alone:
        assert done.get(timeout=5) == "cleaned up"
    assert done.get(timeout=5) == code
