from __future__ import annotations

import asyncio
from contextlib import aclosing

from snakepit_bridge.telemetry.event import Event, event_now
from snakepit_bridge.telemetry.subscription import Subscription


def event(name: str) -> Event:
    return event_now(name, {})


async def test_events_are_read_in_their_order_until_the_end() -> None:
    subscription = Subscription(asyncio.get_running_loop(), limit=10)

    taken = [subscription.offer(event(name)) for name in "abc"]
    subscription.end()

    assert taken == [True] * 3
    async with asyncio.timeout(5):
        assert [each.name async for each in subscription.events()] == ["a", "b", "c"]


async def test_what_finds_the_queue_full_is_refused_until_there_is_a_place_again() -> None:
    subscription = Subscription(asyncio.get_running_loop(), limit=2)

    taken = [subscription.offer(event(name)) for name in "abc"]
    async with asyncio.timeout(5), aclosing(subscription.events()) as events:
        first = await anext(events)
        taken.append(subscription.offer(event("d")))

    assert taken == [True, True, False, True]
    assert first.name == "a"
    assert len(subscription) == 2


async def test_a_reader_waits_for_the_next_event() -> None:
    subscription = Subscription(asyncio.get_running_loop(), limit=10)

    async with asyncio.timeout(5), aclosing(subscription.events()) as events:
        reading = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not reading.done()
        await asyncio.to_thread(subscription.offer, event("a"))

        assert (await reading).name == "a"


async def test_a_reader_who_waits_learns_of_the_end() -> None:
    subscription = Subscription(asyncio.get_running_loop(), limit=10)

    async def read() -> list[Event]:
        return [each async for each in subscription.events()]

    async with asyncio.timeout(5):
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        await asyncio.to_thread(subscription.end)

        assert await reading == []


class CountingLoop:
    """A loop that counts how often it is woken from another thread."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def call_soon_threadsafe(self, callback: object) -> None:
        self.calls.append(callback)


def test_many_events_wake_the_loop_once() -> None:
    loop = CountingLoop()
    subscription = Subscription(loop, limit=1000)  # type: ignore[arg-type]  # as much of one as is used

    for _ in range(1000):
        subscription.offer(event("a"))

    assert len(loop.calls) == 1


def test_events_of_a_closed_loop_are_kept_without_a_word() -> None:
    loop = asyncio.new_event_loop()
    subscription = Subscription(loop, limit=10)
    loop.close()

    assert subscription.offer(event("a"))
    assert len(subscription) == 1
