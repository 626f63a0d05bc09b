from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.jobs.events import EventRing


async def read(ring: EventRing, after: int = 0) -> list[dict[str, Any]]:
    async with asyncio.timeout(5):
        return [event async for event in ring.follow(after)]


def filled(count: int, **limits: Any) -> EventRing:
    ring = EventRing(**limits)
    for number in range(count):
        ring.add({"event": "log", "text": str(number)})
    return ring


async def test_events_are_numbered_and_dated() -> None:
    ring = filled(2)
    ring.close()

    events = await read(ring)

    assert [(each["seq"], each["text"]) for each in events] == [(1, "0"), (2, "1")]
    assert all("T" in each["time"] for each in events)
    assert ring.last == 2


async def test_a_reader_goes_on_where_it_left_off() -> None:
    ring = filled(5)
    ring.close()

    assert [each["seq"] for each in await read(ring, after=3)] == [4, 5]
    assert await read(ring, after=9) == []


async def test_a_long_past_is_read_whole() -> None:
    ring = filled(1000)
    ring.close()

    assert [each["seq"] for each in await read(ring)] == list(range(1, 1001))


async def test_what_is_no_longer_kept_is_said() -> None:
    ring = filled(10, max_events=4)
    ring.close()

    first, *rest = await read(ring, after=2)

    assert (first["event"], first["count"], first["seq"]) == ("missed", 4, 6)
    assert [each["seq"] for each in rest] == [7, 8, 9, 10]


async def test_long_events_are_kept_up_to_their_length() -> None:
    ring = EventRing(max_bytes=2000)
    for _ in range(5):
        ring.add({"event": "log", "text": "x" * 900})
    ring.close()

    assert [each["event"] for each in await read(ring)] == ["missed", "log", "log"]


async def test_what_no_json_can_say_is_kept_all_the_same() -> None:
    ring = EventRing()
    ring.add({"event": "tool_call", "args": {"value": object()}})
    ring.close()

    assert len(await read(ring)) == 1


async def test_what_comes_after_the_end_is_dropped() -> None:
    ring = filled(1)
    ring.close()
    ring.add({"event": "log", "text": "late"})

    assert len(await read(ring)) == 1


async def test_readers_wait_for_events_of_other_threads() -> None:
    ring = EventRing()
    readers = [asyncio.create_task(read(ring)) for _ in range(5)]
    await asyncio.sleep(0)

    def write() -> None:
        for number in range(2000):
            ring.add({"event": "log", "text": str(number)})
        ring.close()

    thread = threading.Thread(target=write)
    thread.start()
    results = await asyncio.gather(*readers)
    thread.join()

    for events in results:
        assert [each["seq"] for each in events] == list(range(1, 2001))


async def test_a_reader_that_goes_disturbs_nobody() -> None:
    ring = EventRing()
    leaving = asyncio.create_task(read(ring))
    staying = asyncio.create_task(read(ring))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})

    ring.add({"event": "log", "text": "still here"})
    ring.close()

    assert [each["text"] for each in await staying] == ["still here"]


def test_a_reader_whose_loop_has_closed_disturbs_nobody() -> None:
    ring = EventRing()

    async def begin() -> asyncio.Task[list[dict[str, Any]]]:
        reading = asyncio.create_task(read(ring))
        await asyncio.sleep(0)
        return reading

    loop = asyncio.new_event_loop()
    reading = loop.run_until_complete(begin())
    loop.close()
    ring.add({"event": "log", "text": "alone"})

    assert ring.last == 1
    coroutine = reading.get_coro()
    assert coroutine is not None
    coroutine.close()


async def test_a_reader_changes_nothing_for_others() -> None:
    ring = filled(1)
    ring.close()
    (first,) = await read(ring)
    first.clear()

    assert len((await read(ring))[0]) == 4


async def test_whatever_is_told_is_kept() -> None:
    ring = EventRing()
    circle: dict[str, Any] = {}
    circle["self"] = circle

    class Unspeakable:
        def __repr__(self) -> str:
            raise ValueError("not telling")

    for value in ("half \ud800", circle, {(1, 2): 3}, Unspeakable(), 10**400):
        ring.add({"event": "tool_call", "args": {"value": value}})
    ring.close()
    events = await read(ring)

    assert [each["event"] for each in events] == ["tool_call"] * 5
    assert events[0]["args"] == {"value": "half ?"}
    assert events[3]["args"] == {"value": "<Unspeakable>"}
    for each in events:
        msgspec.json.encode(each)


async def test_the_last_event_is_the_last() -> None:
    """Threads that are still at work tell what they do until the very end."""
    ring, is_over = EventRing(), threading.Event()

    def write() -> None:
        while not is_over.is_set():
            ring.add({"event": "log", "text": "busy"})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    async for event in ring.follow():
        if event["seq"] > 100:
            break
    ring.close({"event": "done"})
    ring.close({"event": "done again"})
    is_over.set()
    for thread in threads:
        thread.join()

    *_, last = await read(ring, after=ring.last - 1)
    assert last["event"] == "done"
    assert last["seq"] == ring.last


class Turnstile:
    """A lock that lets somebody else in as soon as it is free."""

    def __init__(self, enter: Callable[[], object]) -> None:
        self._lock = threading.Lock()
        self._enter: Callable[[], object] | None = enter

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        enter, self._enter = self._enter, None
        if enter is not None:
            enter()


async def test_nobody_gets_between_the_last_event_and_the_end() -> None:
    ring = filled(1)
    late = {"event": "log", "text": "late"}
    ring._lock = Turnstile(lambda: ring.add(late))  # type: ignore[assignment]  # noqa: SLF001
    ring.close({"event": "done"})

    assert [each["event"] for each in await read(ring)] == ["log", "done"]
