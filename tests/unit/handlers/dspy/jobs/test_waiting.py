from __future__ import annotations

import asyncio
import threading

from snakepit_bridge.handlers.dspy.jobs.waiting import Waiter, wake


async def test_any_thread_wakes_those_who_wait() -> None:
    waiters = [Waiter(), Waiter()]
    thread = threading.Thread(target=wake, args=(waiters,))
    thread.start()
    async with asyncio.timeout(5):
        for each in waiters:
            await each.woken.wait()
    thread.join()


def test_a_loop_that_has_closed_has_nobody_to_wake() -> None:
    async def begin() -> Waiter:
        return Waiter()

    waiter = asyncio.run(begin())
    waiter.wake()

    assert not waiter.woken.is_set()
