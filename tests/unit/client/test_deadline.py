from __future__ import annotations

import asyncio

import pytest

from snakepit_bridge.client.deadline import GUARD_S, Deadline
from snakepit_bridge.errors import CommandDeadlineError


async def answer() -> str:
    return "answer"


async def never() -> None:
    await asyncio.Event().wait()


async def test_an_answer_passes_through() -> None:
    assert await Deadline("demo.run", None).bound(answer()) == "answer"
    assert await Deadline("demo.run", 5).bound(answer()) == "answer"


async def test_the_wait_ends_after_the_deadline() -> None:
    with pytest.raises(CommandDeadlineError, match=r"'demo\.run'") as caught:
        await Deadline("demo.run", -GUARD_S).bound(never())

    assert caught.value.details["command"] == "demo.run"


async def test_an_answer_that_is_there_is_taken_even_after_the_deadline() -> None:
    assert await Deadline("demo.run", -5).bound(answer()) == "answer"


async def test_being_cancelled_is_not_taken_for_the_deadline() -> None:
    task = asyncio.create_task(Deadline("demo.run", 5).bound(never()))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_pause_is_allowed_that_leaves_some_time() -> None:
    assert Deadline("demo.run", 5).allows(1)
    assert not Deadline("demo.run", 5).allows(6)
    assert Deadline("demo.run", None).allows(1e9)


async def test_what_remains_is_what_was_given() -> None:
    remaining_s = Deadline("demo.run", 5).remaining_s

    assert remaining_s is not None
    assert 0 < remaining_s <= 5
    assert Deadline("demo.run", None).remaining_s is None


@pytest.mark.parametrize("timeout_s", [float("inf"), float("nan"), float("-inf")])
async def test_a_deadline_that_is_no_moment_is_refused(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Deadline("demo.run", timeout_s)


def test_a_caller_is_free_within_a_second_of_the_deadline() -> None:
    assert GUARD_S < 1
