from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from snakepit_bridge.adapters.base import BaseAdapter, tool
from snakepit_bridge.adapters.calls import STREAMS_ELSEWHERE
from snakepit_bridge.adapters.session_context import SessionContext
from snakepit_bridge.handlers.command import Command
from tests.ids import shown
from tests.unit.adapters.at_work import Journal, anew, at_work


class Plain:
    @tool()
    def add(self, left: int, right: int = 1) -> int:
        return left + right

    @tool()
    async def multiply(self, left: int, right: int = 2) -> int:
        await asyncio.sleep(0)
        return left * right


# --- what is called -------------------------------------------------------------------------------


async def test_the_marked_methods_of_a_plain_class_are_called_with_their_arguments() -> None:
    async with at_work(Plain) as bridge:
        assert await bridge.value("add", left=1, right=2) == 3
        assert await bridge.value("add", left=1) == 2
        assert await bridge.value("multiply", left=3) == 6


@pytest.mark.defect("D8")
async def test_a_base_adapter_needs_no_execute_tool() -> None:
    class Echo(BaseAdapter):
        @tool()
        def echo(self, text: str) -> dict[str, Any]:
            return {"text": text, "session": self.session_id}

    async with at_work(Echo) as bridge:
        assert await bridge.value("echo", text="hi") == {"text": "hi", "session": "s"}


@pytest.mark.parametrize("on_loop_thread", [True, False])
async def test_an_execute_tool_gets_its_arguments_by_the_names_that_snakepit_uses(
    *, on_loop_thread: bool
) -> None:
    class Sync:
        def execute_tool(self, *, tool_name: str, arguments: Any, context: Any) -> Any:
            return [tool_name, arguments, context]

    class Async:
        async def execute_tool(self, *, tool_name: str, arguments: Any, context: Any) -> Any:
            return [tool_name, arguments, context]

    for cls in (Sync, Async):
        async with at_work(cls, on_loop_thread=on_loop_thread) as bridge:
            command = Command(
                name="any.name", session_id="s", args={"x": 1}, metadata={"asked_by": "Ada"}
            )
            name, arguments, context = (await bridge.handler.run(command)).value
        assert (name, arguments) == ("any.name", {"x": 1})
        assert isinstance(context, SessionContext)
        assert context.session_id == "s"
        assert context.request_metadata == {"asked_by": "Ada"}
        assert context.stub is None


async def test_the_context_is_set_before_anything_else_and_is_the_one_of_the_call() -> None:
    class Curious:
        def set_session_context(self, context: SessionContext) -> None:
            self.told = context

        def initialize(self) -> None:
            self.seen = self.told

        def execute_tool(self, tool_name: str, arguments: Any, context: Any) -> bool:
            return self.seen is context is self.told

    async with at_work(Curious) as bridge:
        assert await bridge.value("anything")


async def test_arguments_may_be_changed_by_the_tool() -> None:
    class Greedy:
        def execute_tool(self, tool_name: str, arguments: dict[str, Any], context: Any) -> Any:
            return arguments.pop("x"), arguments

    async with at_work(Greedy) as bridge:
        assert await bridge.value("take", x=1) == (1, {})


async def test_an_awaitable_that_plain_code_hands_back_is_awaited_elsewhere() -> None:
    class Handing:
        def execute_tool(self, tool_name: str, arguments: Any, context: Any) -> Awaitable[str]:
            async def work() -> str:
                await asyncio.sleep(0)
                return threading.current_thread().name

            return work()

    async with at_work(Handing, on_loop_thread=False) as bridge:
        assert await bridge.value("work") == "adapter"


@pytest.mark.defect("D45")
async def test_plain_code_of_a_call_runs_on_one_thread_that_may_block() -> None:
    journal = Journal()

    class Slow:
        def __init__(self) -> None:
            journal.note("init")

        def set_session_context(self, context: Any) -> None:
            journal.note("context")

        def initialize(self) -> None:
            journal.note("initialize")

        def cleanup(self) -> None:
            journal.note("cleanup")

        @tool()
        def work(self) -> None:
            journal.note("work")

    async with at_work(Slow) as bridge:
        await bridge.value("work")

    assert journal.notes == ["init", "context", "initialize", "work", "cleanup"]
    (thread,) = journal.threads
    assert thread.name.startswith("bridge-job")


async def test_async_code_of_a_call_runs_on_the_loop_it_belongs_to() -> None:
    journal = Journal()

    class Quick:
        def __init__(self) -> None:
            journal.note("init")
            asyncio.get_running_loop()  # raises where there is none

        async def initialize(self) -> None:
            journal.note("initialize")

        async def cleanup(self) -> None:
            journal.note("cleanup")

        @tool()
        async def work(self) -> None:
            journal.note("work")

    async with at_work(Quick) as bridge:
        await bridge.value("work")
        (thread,) = journal.threads
        assert thread.name == "adapter"
    async with at_work(Quick, on_loop_thread=False) as bridge:
        await bridge.value("work")

    assert journal.notes == ["init", "initialize", "work", "cleanup"] * 2
    assert threading.current_thread() in journal.threads


async def test_plain_tools_may_have_async_hooks_and_async_tools_plain_ones() -> None:
    journal = Journal()

    class AsyncHooks:
        async def initialize(self) -> None:
            await asyncio.sleep(0)
            journal.note("initialize")

        async def cleanup(self) -> None:
            await asyncio.sleep(0)
            journal.note("cleanup")

        @tool()
        def work(self) -> None:
            journal.note("work")

    class PlainHooks:
        def initialize(self) -> None:
            journal.note("initialize")

        def cleanup(self) -> None:
            journal.note("cleanup")

        @tool()
        async def work(self) -> None:
            journal.note("work")

    for cls in (AsyncHooks, PlainHooks):
        async with at_work(cls) as bridge:
            await bridge.value("work")

    assert journal.notes == ["initialize", "work", "cleanup"] * 2


# --- streams --------------------------------------------------------------------------------------


class Streams:
    """Tools that answer with many items, in every form there is."""

    @tool()
    def generator(self) -> Iterator[int]:
        yield from (1, 2)

    @tool()
    async def async_generator(self) -> AsyncIterator[int]:
        for item in (1, 2):
            await asyncio.sleep(0)
            yield item

    @tool()
    def handed_generator(self) -> AsyncIterator[int]:
        return self.async_generator()

    @tool()
    def handed_later(self) -> Awaitable[Any]:
        async def work() -> list[int]:
            return [1, 2]

        return work()

    @tool()
    async def generator_from_async(self) -> Any:
        return self.generator()

    @tool()
    async def async_generator_from_async(self) -> Any:
        return self.async_generator()

    @tool()
    def a_list(self) -> list[int]:
        return [1, 2]

    @tool()
    async def a_tuple(self) -> tuple[int, ...]:
        return (1, 2)

    @tool()
    def an_iterator(self) -> Iterator[int]:
        return iter([1, 2])


@pytest.mark.parametrize(
    "name", [name for name in vars(Streams) if not name.startswith("_")], ids=lambda name: name
)
@pytest.mark.parametrize("on_loop_thread", [True, False])
async def test_what_a_tool_yields_are_the_items_of_a_stream(
    name: str, *, on_loop_thread: bool
) -> None:
    async with at_work(Streams, on_loop_thread=on_loop_thread) as bridge:
        assert await bridge.items(name) == [1, 2]


ONE_ITEM = [
    {"a": 1},
    "text",
    "",
    b"bytes",
    bytearray(b"bytes"),
    memoryview(b"bytes"),
    None,
    7,
    1.5,
    SimpleNamespace(data=1),
]


@pytest.mark.defect("D11")
@pytest.mark.parametrize("value", ONE_ITEM, ids=shown)
async def test_a_value_that_nobody_means_as_a_stream_is_one_item(value: object) -> None:
    class Single:
        @tool()
        def plain(self) -> object:
            return value

        @tool()
        async def on_loop(self) -> object:
            return value

    async with at_work(Single) as bridge:
        assert await bridge.items("plain") == [value]
        assert await bridge.items("on_loop") == [value]


@pytest.mark.parametrize(
    "name",
    [
        "generator",
        "async_generator",
        "handed_generator",
        "generator_from_async",
        "async_generator_from_async",
    ],
)
async def test_a_tool_that_yields_says_so_to_whoever_asks_for_one_value(name: str) -> None:
    async with at_work(Streams) as bridge:
        assert await bridge.value(name) == STREAMS_ELSEWHERE

    assert STREAMS_ELSEWHERE == {"error": "Streaming tool called on non-streaming endpoint."}


class Begun:
    """An adapter whose tools hand back generators that they have looked into."""

    journal: ClassVar[Journal]

    def cleanup(self) -> None:
        self.journal.note("cleanup")

    @tool()
    def plain(self) -> Iterator[int]:
        items = self.items()
        next(items)
        return items

    @tool()
    async def on_loop(self) -> Any:
        items = self.async_items()
        await anext(items)
        return items

    @tool()
    def handed(self) -> Any:
        return self.on_loop()

    def items(self) -> Iterator[int]:
        try:
            yield 1
        finally:
            self.journal.note("closed")

    async def async_items(self) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            self.journal.note("closed")


@pytest.mark.parametrize("name", ["plain", "on_loop", "handed"])
async def test_a_generator_that_was_begun_is_closed_when_one_value_was_asked_for(name: str) -> None:
    cls = anew(Begun)

    async with at_work(cls) as bridge:
        assert await bridge.value(name) == STREAMS_ELSEWHERE

    assert cls.journal.notes == ["closed", "cleanup"]
