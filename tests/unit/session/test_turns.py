from __future__ import annotations

import asyncio
import threading

import pytest

from snakepit_bridge.session.turns import Turnstile


async def _lined_up(turnstile: Turnstile, count: int) -> None:
    """Return once so many wait."""
    async with asyncio.timeout(5):
        while turnstile.waiting < count:  # noqa: ASYNC110  (the row tells nobody that it grows)
            await asyncio.sleep(0)


async def test_tasks_take_turns_in_the_order_of_asking() -> None:
    turnstile, order = Turnstile(), list[str]()

    async def pass_through(name: str) -> None:
        await turnstile.enter()
        order.append(name)
        turnstile.leave()

    await turnstile.enter()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(pass_through(name))
        await _lined_up(turnstile, 3)
        assert order == []
        turnstile.leave()

    assert order == ["a", "b", "c"]


async def test_a_task_may_let_in_a_thread_and_a_thread_a_task() -> None:
    turnstile = Turnstile()
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        turnstile.enter_from_thread()
        inside.set()
        go_on.wait(5)
        turnstile.leave()

    await turnstile.enter()
    holder = threading.Thread(target=hold)
    holder.start()
    await _lined_up(turnstile, 1)
    assert not inside.is_set()
    turnstile.leave()
    async with asyncio.timeout(5):
        assert await asyncio.to_thread(inside.wait, 5)
        waiting = asyncio.create_task(turnstile.enter())
        await _lined_up(turnstile, 1)
        assert not waiting.done()
        go_on.set()
        await waiting
        await asyncio.to_thread(holder.join, 5)

    turnstile.leave()


async def test_a_thread_that_finds_nobody_inside_goes_on_at_once() -> None:
    turnstile = Turnstile()

    turnstile.enter_from_thread()

    assert turnstile.waiting == 0
    turnstile.leave()


async def test_a_cancelled_task_gives_up_its_place() -> None:
    turnstile = Turnstile()
    await turnstile.enter()
    gone = asyncio.create_task(turnstile.enter())
    next_one = asyncio.create_task(turnstile.enter())
    await _lined_up(turnstile, 2)

    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    turnstile.leave()

    async with asyncio.timeout(5):
        await next_one


async def test_a_task_cancelled_on_its_turn_passes_the_turn_on() -> None:
    turnstile = Turnstile()
    await turnstile.enter()
    chosen = asyncio.create_task(turnstile.enter())
    next_one = asyncio.create_task(turnstile.enter())
    await _lined_up(turnstile, 2)

    turnstile.leave()  # the turn is granted, but the task has not seen it
    chosen.cancel()
    with pytest.raises(asyncio.CancelledError):
        await chosen

    async with asyncio.timeout(5):
        await next_one


async def test_those_who_gave_up_are_not_remembered() -> None:
    """They used to stay in the row for as long as one call kept its turn."""
    turnstile = Turnstile()
    await turnstile.enter()
    waiting = [asyncio.create_task(turnstile.enter()) for _ in range(100)]
    await _lined_up(turnstile, 100)

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert turnstile.waiting == 0


async def test_one_who_left_may_enter_again() -> None:
    turnstile = Turnstile()
    for _ in range(3):
        async with asyncio.timeout(5):
            await turnstile.enter()
        turnstile.leave()
