from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator

import pytest

from snakepit_bridge.client.blocking_stream import blocking_items
from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.errors import CommandCancelledError, WrongCallError


class Source:
    """Counts, and says when it was closed."""

    def __init__(self) -> None:
        self.yielded = 0
        self.closed = threading.Event()

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            while True:
                self.yielded += 1
                yield self.yielded
        finally:
            self.closed.set()


def test_items_come_as_they_are_asked_for_and_no_sooner() -> None:
    source = Source()

    with loop_thread("test-loop") as thread:
        items = blocking_items(thread, source.items())
        assert source.yielded == 0
        assert [next(items), next(items)] == [1, 2]
        assert source.yielded == 2
        items.close()

        assert source.closed.wait(5)


def test_the_end_of_the_items_is_the_end_of_the_generator() -> None:
    async def items() -> AsyncGenerator[str, None]:
        yield "only"

    with loop_thread("test-loop") as thread:
        assert list(blocking_items(thread, items())) == ["only"]


def test_what_the_items_raise_is_raised_to_the_reader() -> None:
    async def items() -> AsyncGenerator[str, None]:
        yield "one"
        text = "broke"
        raise LookupError(text)

    with loop_thread("test-loop") as thread:
        stream = blocking_items(thread, items())
        assert next(stream) == "one"
        with pytest.raises(LookupError, match="broke"):
            next(stream)


def test_a_stream_that_nobody_holds_any_more_is_closed() -> None:
    source = Source()

    with loop_thread("test-loop") as thread:
        items = blocking_items(thread, source.items())
        next(items)
        del items
        gc.collect()

        assert source.closed.wait(5)


def test_a_stream_may_be_dropped_on_the_thread_of_its_own_loop() -> None:
    """Waiting there for the end of the stream would wait for ever."""
    source = Source()

    with loop_thread("test-loop") as thread:
        held = [blocking_items(thread, source.items())]
        next(held[0])

        async def drop() -> None:
            held.clear()
            gc.collect()

        thread.run(drop())

        assert source.closed.wait(5)


def test_a_stream_ends_with_the_client() -> None:
    source = Source()

    with loop_thread("test-loop") as thread:
        items = blocking_items(thread, source.items())
        next(items)

    assert source.closed.is_set()
    with pytest.raises(WrongCallError, match="closed"):
        next(items)


def test_closing_waits_for_a_step_that_is_still_being_cancelled() -> None:
    """Two steps at once would be an error of the generator."""
    inside, unwound = threading.Event(), threading.Event()

    async def items() -> AsyncGenerator[int, None]:
        try:
            inside.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            unwound.set()

    raised: list[BaseException] = []

    with loop_thread("test-loop") as thread:
        stream = blocking_items(thread, items())

        def read() -> None:
            try:
                next(stream)
            except CommandCancelledError as error:
                raised.append(error)

        async def cancel_readers() -> None:
            for task in asyncio.all_tasks():
                if "_Stream.next" in repr(task):
                    task.cancel()

        reader = threading.Thread(target=read)
        reader.start()
        assert inside.wait(5)
        thread.run(cancel_readers())
        reader.join(5)

        assert unwound.wait(5)
    assert len(raised) == 1
