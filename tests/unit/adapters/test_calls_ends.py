from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, ClassVar

import pytest

from snakepit_bridge.adapters.base import tool
from snakepit_bridge.engine.job import Execution
from snakepit_bridge.errors import BridgeError, HandlerFailedError
from tests.unit.adapters.at_work import Journal, anew, at_work
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import call

# --- what goes wrong ------------------------------------------------------------------------------

UNWANTED: list[type[BaseException]] = [
    StopIteration,
    StopAsyncIteration,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
]


def failing(kind: type[BaseException]) -> type:
    """An adapter all of whose tools raise."""

    class Failing:
        @tool()
        def plain(self) -> None:
            raise kind

        @tool()
        def handing(self) -> Any:
            async def work() -> None:
                raise kind

            return work()

        @tool()
        async def coroutine(self) -> None:
            raise kind

        @tool()
        def generator(self) -> Iterator[int]:
            raise kind
            yield

        @tool()
        async def async_generator(self) -> AsyncIterator[int]:
            raise kind
            yield

        @tool()
        async def fine(self) -> str:
            return "fine"

    return Failing


@pytest.mark.defect("D9", "D39")
@pytest.mark.parametrize("kind", [ValueError, *UNWANTED])
async def test_whatever_a_tool_raises_is_its_failure_and_the_bridge_lives_on(
    kind: type[BaseException],
) -> None:
    async with at_work(failing(kind)) as bridge:
        for name in ("plain", "handing", "coroutine"):
            with pytest.raises(HandlerFailedError) as caught:
                await bridge.value(name)
            # Python itself lets no coroutine raise what ends an iteration.
            changed = kind is StopIteration and name != "plain"
            assert caught.value.foreign_type == ("RuntimeError" if changed else kind.__name__)
        assert await bridge.value("fine") == "fine"


@pytest.mark.defect("D9", "D39")
@pytest.mark.parametrize("kind", [ValueError, *UNWANTED])
async def test_whatever_a_streaming_tool_raises_is_its_failure(kind: type[BaseException]) -> None:
    async with at_work(failing(kind)) as bridge:
        for name in ("plain", "generator", "async_generator"):
            with pytest.raises(HandlerFailedError) as caught:
                await bridge.items(name)
            # Nor a generator.
            changed = kind in (StopIteration, StopAsyncIteration)
            assert caught.value.foreign_type in {kind.__name__, "RuntimeError" if changed else ""}
        assert await bridge.value("fine") == "fine"


class Fragile:
    """An adapter whose objects fail at a place of the test's choice."""

    journal: ClassVar[Journal]
    place: ClassVar[str]

    def __init__(self) -> None:
        self.reach("__init__")

    def set_session_context(self, context: Any) -> None:
        self.reach("set_session_context")

    def initialize(self) -> None:
        self.reach("initialize")

    def cleanup(self) -> None:
        self.journal.note("cleanup")

    def reach(self, here: str) -> None:
        if here == self.place:
            raise LookupError(here)

    @tool()
    def plain(self) -> None:
        raise NotImplementedError

    @tool()
    async def on_loop(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("place", ["__init__", "set_session_context", "initialize"])
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("name", ["plain", "on_loop"])
async def test_an_object_that_is_not_ready_answers_nothing_and_is_cleaned_up_if_it_exists(
    place: str, name: str, *, streams: bool
) -> None:
    cls = anew(Fragile, place=place)

    async with at_work(cls) as bridge:
        with pytest.raises(HandlerFailedError) as caught:
            await (bridge.items(name) if streams else bridge.value(name))

    assert caught.value.foreign_type == "LookupError"
    assert cls.journal.notes == ([] if place == "__init__" else ["cleanup"])


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["plain", "on_loop"])
async def test_a_clean_up_that_fails_is_logged_and_costs_no_answer(
    caplog: pytest.LogCaptureFixture, kind: type[BaseException], name: str
) -> None:
    class Untidy:
        def cleanup(self) -> None:
            raise kind

        @tool()
        def plain(self) -> int:
            return 1

        @tool()
        async def on_loop(self) -> int:
            return 1

    with caplog.at_level(logging.ERROR):
        async with at_work(Untidy) as bridge:
            assert await bridge.value(name) == 1

    assert "Untidy.cleanup() failed" in caplog.text
    assert kind.__name__ in caplog.text


async def test_a_failure_of_the_bridge_itself_keeps_its_code() -> None:
    class Limited:
        @tool()
        def work(self) -> None:
            text = "not now"
            raise BridgeError(text)

    async with at_work(Limited) as bridge:
        with pytest.raises(BridgeError, match="not now") as caught:
            await bridge.value("work")

    assert not isinstance(caught.value, HandlerFailedError)


# --- their end ------------------------------------------------------------------------------------


class Held:
    """An adapter whose tools wait until the test lets them go on, and whose end is noted."""

    journal: ClassVar[Journal]
    inside: ClassVar[threading.Event]
    may_end: ClassVar[threading.Event]

    def cleanup(self) -> None:
        self.journal.note("cleanup")

    @tool()
    def plain(self) -> None:
        self.inside.set()
        assert self.may_end.wait(5)
        self.journal.note("ended")

    @tool()
    async def coroutine(self) -> None:
        try:
            self.inside.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.journal.note("ended")

    @tool()
    def handing(self) -> Awaitable[None]:
        return self.coroutine()

    @tool()
    def generator(self) -> Iterator[int]:
        try:
            self.inside.set()
            while True:
                yield 1
        finally:
            self.journal.note("ended")

    @tool()
    async def async_generator(self) -> AsyncIterator[int]:
        try:
            self.inside.set()
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            self.journal.note("ended")

    @tool()
    def handed_generator(self) -> AsyncIterator[int]:
        return self.async_generator()

    @tool()
    async def generator_from_async(self) -> Any:
        return self.generator()


def held() -> Any:
    return anew(Held, inside=threading.Event(), may_end=threading.Event())


@pytest.mark.defect("D38")
@pytest.mark.parametrize("name", ["coroutine", "handing"])
async def test_a_cancelled_call_is_cleaned_up_once_its_code_has_ended(name: str) -> None:
    cls = held()

    async with at_work(cls) as bridge:
        calling = asyncio.create_task(bridge.value(name))
        assert await asyncio.to_thread(cls.inside.wait, 5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await bridge.at_rest()

    assert cls.journal.notes == ["ended", "cleanup"]


@pytest.mark.defect("D38")
async def test_a_thread_that_is_left_behind_cleans_up_when_it_has_come_to_its_end() -> None:
    cls = held()

    async with at_work(cls) as bridge:
        calling = asyncio.create_task(bridge.value("plain"))
        assert await asyncio.to_thread(cls.inside.wait, 5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert bridge.engine.load().abandoned == 1
        assert cls.journal.notes == []
        cls.may_end.set()
        await bridge.at_rest()

    assert cls.journal.notes == ["ended", "cleanup"]


@pytest.mark.defect("D15", "D16")
@pytest.mark.parametrize(
    "name", ["generator", "async_generator", "handed_generator", "generator_from_async"]
)
@pytest.mark.parametrize("on_loop_thread", [True, False])
async def test_a_stream_that_nobody_reads_any_more_is_closed_and_cleaned_up_once(
    name: str, *, on_loop_thread: bool
) -> None:
    cls = held()

    async with at_work(cls, on_loop_thread=on_loop_thread) as bridge:
        chunks = bridge.handler.stream(call(name))
        assert (await anext(chunks)).value == 1
        # Nobody reads on, so the code is waiting for room when it is told.
        await busy(bridge.engine, in_flight=1)
        await chunks.aclose()
        await bridge.at_rest()

    assert cls.journal.notes == ["ended", "cleanup"]


@pytest.mark.defect("D16")
async def test_a_stream_that_is_read_to_its_end_or_fails_is_cleaned_up_once() -> None:
    journal = Journal()

    class Short:
        def cleanup(self) -> None:
            journal.note("cleanup")

        @tool()
        def fine(self) -> Iterator[int]:
            yield 1

        @tool()
        def broken(self) -> Iterator[int]:
            yield 1
            raise LookupError

        @tool()
        async def broken_on_loop(self) -> AsyncIterator[int]:
            yield 1
            raise LookupError

    async with at_work(Short) as bridge:
        assert await bridge.items("fine") == [1]
        for name in ("broken", "broken_on_loop"):
            with pytest.raises(HandlerFailedError):
                await bridge.items(name)

    assert journal.notes == ["cleanup"] * 3


@pytest.mark.parametrize("name", ["plain", "coroutine"])
async def test_an_async_clean_up_is_done_whole_for_a_cancelled_call(name: str) -> None:
    """Of plain tools it was once cancelled at its first wait, together with the call."""

    class Tidy(held()):  # type: ignore[misc]
        async def cleanup(self) -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            self.journal.note("cleanup")

        @tool()
        def plain(self) -> Any:
            return self.coroutine()

    async with at_work(Tidy) as bridge:
        calling = asyncio.create_task(bridge.value(name))
        assert await asyncio.to_thread(Tidy.inside.wait, 5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await bridge.at_rest()

    assert Tidy.journal.notes == ["ended", "cleanup"]


async def test_a_clean_up_that_is_cancelled_itself_ends_its_call() -> None:
    class Stuck:
        inside = threading.Event()

        async def cleanup(self) -> None:
            self.inside.set()
            await asyncio.Event().wait()

        @tool()
        async def work(self) -> None:
            """Ends at once."""

    async with at_work(Stuck) as bridge:
        calling = asyncio.create_task(bridge.value("work"))
        assert await asyncio.to_thread(Stuck.inside.wait, 5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await bridge.at_rest()


async def test_a_tool_learns_that_its_call_was_cancelled() -> None:
    inside, told = threading.Event(), threading.Event()

    class Listening:
        @tool()
        def work(self) -> None:
            from snakepit_bridge.session.context import current_execution

            execution = current_execution.get()
            assert isinstance(execution, Execution)
            execution.on_cancel(told.set)
            inside.set()
            assert told.wait(5)

    async with at_work(Listening) as bridge:
        calling = asyncio.create_task(bridge.value("work"))
        assert await asyncio.to_thread(inside.wait, 5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await bridge.at_rest()

    assert told.is_set()
