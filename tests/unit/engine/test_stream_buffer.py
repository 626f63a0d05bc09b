from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.engine.stream_buffer import StreamBuffer, StreamClosedError


async def _consume(buffer: StreamBuffer) -> list[object]:
    items: list[object] = []
    while batch := await buffer.take():
        items += batch
    return items


async def test_all_that_is_there_is_taken_at_once() -> None:
    buffer = StreamBuffer(capacity=10)
    await buffer.put_on_loop(1)
    await buffer.put_on_loop(2)

    assert await buffer.take() == [1, 2]


async def test_the_end_comes_after_the_items_and_stays() -> None:
    buffer = StreamBuffer(capacity=10)
    await buffer.put_on_loop(1)

    buffer.finish()
    buffer.finish()

    assert await buffer.take() == [1]
    assert await buffer.take() == []
    assert await buffer.take() == []


async def test_a_consumer_that_waits_is_woken_by_an_item_and_by_the_end() -> None:
    buffer = StreamBuffer(capacity=10)

    async with asyncio.timeout(5):
        item = asyncio.create_task(buffer.take())
        await asyncio.sleep(0)
        await buffer.put_on_loop("item")
        assert await item == ["item"]
        end = asyncio.create_task(buffer.take())
        await asyncio.sleep(0)
        buffer.finish()
        assert await end == []


async def test_an_item_finds_a_consumer_that_has_given_up_and_waits_for_the_next() -> None:
    buffer = StreamBuffer(capacity=10)
    first = asyncio.create_task(buffer.take())
    await asyncio.sleep(0)

    first.cancel()
    await buffer.put_on_loop("item")
    await asyncio.gather(first, return_exceptions=True)

    assert await buffer.take() == ["item"]


async def test_a_task_that_is_ahead_waits_for_room() -> None:
    buffer = StreamBuffer(capacity=2)
    put: list[int] = []

    async def produce() -> None:
        for number in range(5):
            await buffer.put_on_loop(number)
            put.append(number)
        buffer.finish()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(produce())
        await asyncio.sleep(0)
        before = list(put)
        items = await _consume(buffer)

    assert before == [0, 1]
    assert items == [0, 1, 2, 3, 4]


async def test_a_thread_is_never_more_than_twice_the_capacity_ahead() -> None:
    buffer = StreamBuffer(capacity=3)
    put: list[int] = []
    taken: list[object] = []
    ahead: list[int] = []

    def produce() -> None:
        for number in range(300):
            buffer.put(number)
            put.append(number)
        buffer.finish()

    async with asyncio.timeout(5):
        producing = asyncio.create_task(asyncio.to_thread(produce))
        while batch := await buffer.take():
            ahead.append(len(put) - len(taken))
            taken += batch
        await producing

    assert taken == list(range(300))
    assert max(ahead) <= 6


@pytest.mark.parametrize("moment", ["before", "while it waits"])
async def test_a_thread_learns_that_the_consumer_is_gone(moment: str) -> None:
    buffer = StreamBuffer(capacity=1)
    full = threading.Event()

    def produce() -> None:
        buffer.put("first")
        full.set()
        buffer.put("second")

    if moment == "before":
        buffer.close()
    async with asyncio.timeout(5):
        producing = asyncio.create_task(asyncio.to_thread(produce))
        if moment == "while it waits":
            await asyncio.to_thread(full.wait, 5)
            buffer.close()
        with pytest.raises(StreamClosedError):
            await producing


@pytest.mark.parametrize("moment", ["before", "while it waits"])
async def test_a_task_learns_that_the_consumer_is_gone(moment: str) -> None:
    buffer = StreamBuffer(capacity=1)

    async def produce() -> None:
        await buffer.put_on_loop("first")
        await buffer.put_on_loop("second")

    if moment == "before":
        buffer.close()
    async with asyncio.timeout(5):
        producing = asyncio.create_task(produce())
        await asyncio.sleep(0)
        buffer.close()
        with pytest.raises(StreamClosedError):
            await producing


async def test_a_task_that_is_cancelled_as_the_buffer_closes_learns_of_it_once() -> None:
    """Where the cancellation came second, it once tore the task out of its cleaning up."""
    buffer = StreamBuffer(capacity=10)
    ended: list[str] = []

    async def produce() -> None:
        try:
            while True:
                await buffer.put_on_loop("item")
                if len(ended) < 1:
                    ended.append("begun")
                    asyncio.get_running_loop().call_soon(producing.cancel)
                    buffer.close()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    producing = asyncio.create_task(produce())
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await producing

    assert ended == ["begun", "cleaned up"]


async def test_closing_drops_what_nobody_will_read() -> None:
    buffer = StreamBuffer(capacity=3)
    await buffer.put_on_loop("dropped")

    buffer.close()
    buffer.finish()

    assert await buffer.take() == []


@given(count=st.integers(0, 50), capacity=st.integers(1, 8), from_thread=st.booleans())
def test_every_item_arrives_once_and_in_order(
    *, count: int, capacity: int, from_thread: bool
) -> None:
    async def once() -> list[object]:
        buffer = StreamBuffer(capacity=capacity)

        def produce() -> None:
            for number in range(count):
                buffer.put(number)
            buffer.finish()

        async def produce_on_loop() -> None:
            for number in range(count):
                await buffer.put_on_loop(number)
            buffer.finish()

        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(produce) if from_thread else produce_on_loop())
            return await _consume(buffer)

    assert asyncio.run(once()) == list(range(count))
