"""Events cross from one loop to another in order, and nobody gets far ahead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.handlers.dspy.streaming.channel import EventChannel


def numbered(number: int) -> dict[str, Any]:
    return {"event": "token", "number": number}


async def all_of(channel: EventChannel) -> list[dict[str, Any]]:
    events = []
    while batch := await channel.take():
        events += batch
    return events


async def there(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a loop of another thread."""
    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, asyncio.run, work())


async def test_many_events_of_another_loop_arrive_in_order() -> None:
    channel = EventChannel(capacity=7)

    async def produce() -> None:
        for number in range(5000):
            if number % 3:
                await channel.put(numbered(number))
            else:
                channel.tell(numbered(number))
        channel.finish()

    task = asyncio.create_task(there(produce))
    events = await all_of(channel)
    await task
    assert [event["number"] for event in events] == list(range(5000))


async def test_events_of_the_same_loop_arrive_in_order() -> None:
    channel = EventChannel(capacity=2)

    async def produce() -> None:
        for number in range(100):
            await channel.put(numbered(number))
        channel.finish()

    task = asyncio.create_task(produce())
    events = await all_of(channel)
    await task
    assert [event["number"] for event in events] == list(range(100))


async def test_several_producers_keep_the_order_of_each() -> None:
    channel = EventChannel(capacity=3)

    async def produce() -> None:
        async def one(producer: int) -> None:
            for number in range(300):
                await channel.put({"producer": producer, "number": number})

        await asyncio.gather(*(one(producer) for producer in range(5)))
        channel.finish()

    task = asyncio.create_task(there(produce))
    events = await all_of(channel)
    await task
    for producer in range(5):
        mine = [event["number"] for event in events if event["producer"] == producer]
        assert mine == list(range(300))


async def test_threads_tell_without_a_loop() -> None:
    channel = EventChannel()

    def tell() -> None:
        for number in range(200):
            channel.tell(numbered(number))

    threads = [threading.Thread(target=tell) for _ in range(3)]
    for thread in threads:
        thread.start()
    events: list[dict[str, Any]] = []
    while len(events) < 600:
        events += await channel.take()
    channel.finish()
    assert await channel.take() == []
    for thread in threads:
        thread.join()
    assert sorted(event["number"] for event in events) == sorted(list(range(200)) * 3)


async def test_the_first_event_wakes_a_reader_that_waits() -> None:
    channel = EventChannel()
    reader = asyncio.create_task(channel.take())
    await asyncio.sleep(0)
    assert not reader.done()
    await channel.put(numbered(0))
    assert await reader == [numbered(0)]


async def test_a_producer_waits_while_as_many_as_may_be_are_unread() -> None:
    channel = EventChannel(capacity=2)
    put = []

    async def produce() -> None:
        for number in range(5):
            await channel.put(numbered(number))
            put.append(number)

    task = asyncio.create_task(produce())
    await turns()
    assert put == [0, 1]
    assert await channel.take() == [numbered(0), numbered(1)]
    await turns()
    assert put == [0, 1], "what was taken is unread until the reader comes back"
    reader = asyncio.create_task(channel.take())
    await turns()
    # The reader may be woken by the first while the second is being put.
    assert (await reader)[0] == numbered(2)
    channel.close()
    await task
    assert put == [0, 1, 2, 3, 4]


async def test_room_for_some_wakes_those_who_wait() -> None:
    channel = EventChannel(capacity=3)
    for number in range(3):
        channel.tell(numbered(number))
    waiting = asyncio.create_task(channel.put(numbered(3)))
    await turns()
    assert await channel.take() == [numbered(0), numbered(1), numbered(2)]
    assert not waiting.done()
    rest = await channel.take()
    assert rest == [numbered(3)]
    await waiting


async def test_what_nobody_reads_is_left_out_and_counted() -> None:
    channel = EventChannel(capacity=1, most_told=3)
    for number in range(10):
        channel.tell(numbered(number))
    *events, note = await channel.take()
    assert events == [numbered(0), numbered(1), numbered(2)]
    assert note["event"] == "status"
    assert note["message"].startswith("7 events were left out")
    channel.finish()
    assert await channel.take() == []


async def test_events_before_the_end_are_read_and_the_end_is_told_once_more() -> None:
    channel = EventChannel()
    channel.tell(numbered(0))
    channel.finish()
    assert await channel.take() == [numbered(0)]
    assert await channel.take() == []
    assert await channel.take() == []


async def test_the_end_wakes_a_reader_that_waits() -> None:
    channel = EventChannel()
    reader = asyncio.create_task(channel.take())
    await asyncio.sleep(0)
    channel.finish()
    assert await reader == []


async def test_a_reader_that_goes_frees_a_producer_on_another_loop() -> None:
    channel = EventChannel(capacity=1)
    waits = threading.Event()

    async def produce() -> None:
        await channel.put(numbered(0))
        asyncio.get_running_loop().call_soon(waits.set)
        for number in range(1, 1000):
            await channel.put(numbered(number))

    task = asyncio.create_task(there(produce))
    await asyncio.to_thread(waits.wait)
    channel.close()
    await task
    channel.tell(numbered(-1))
    channel.finish()
    assert await channel.take() == []


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    channel = EventChannel()
    reader = asyncio.create_task(channel.take())
    await asyncio.sleep(0)
    channel.tell(numbered(0))
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await channel.take() == [numbered(0)]


def test_a_producer_whose_reader_has_no_loop_any_more_goes_on() -> None:
    async def made() -> tuple[EventChannel, asyncio.Task[Any]]:
        channel = EventChannel()
        reader = asyncio.create_task(channel.take())
        await asyncio.sleep(0)
        return channel, reader

    with loop_thread("producer") as thread:
        channel, _reader = asyncio.run(made())
        thread.run(channel.put(numbered(0)))
        thread.run(channel.put(numbered(1)))


async def turns() -> None:
    """Let everything on this loop happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)
