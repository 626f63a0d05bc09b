from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import pytest

from snakepit_bridge.telemetry.around import Kind, around, kind_of


class Watched:
    """A block that keeps what happened."""

    def __init__(self) -> None:
        self.happened: list[object] = []

    @contextmanager
    def block(self) -> Iterator[None]:
        self.happened.append("begin")
        try:
            yield
        finally:
            self.happened.append("end")

    def function(self, value: int) -> list[int]:
        self.happened.append(value)
        return [value]

    async def coroutine(self, value: int) -> list[int]:
        return self.function(value)

    def generator(self, value: int) -> Generator[int, None, None]:
        yield from self.function(value)

    async def async_generator(self, value: int) -> AsyncGenerator[int, None]:
        for each in self.function(value):
            yield each


async def values_of(kind: Kind, returned: Any) -> list[int]:
    if kind == "coroutine":
        returned = await returned
    if kind == "async generator":
        return [each async for each in returned]
    return list(returned)


KINDS: list[Kind] = ["function", "coroutine", "generator", "async generator"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_code_runs_inside_the_block_from_its_start_to_its_end(kind: Kind) -> None:
    watched = Watched()
    call: Callable[..., Any] = getattr(watched, kind.replace(" ", "_"))

    wrapped = around(call, watched.block, kind=kind)

    assert kind_of(call) == kind_of(wrapped) == kind
    assert wrapped.__name__ == call.__name__
    assert await values_of(kind, wrapped(3)) == [3]
    assert watched.happened == ["begin", 3, "end"]


async def test_the_block_ends_with_a_stream_that_is_closed_early() -> None:
    watched = Watched()
    wrapped = around(watched.async_generator, watched.block, kind="async generator")

    async with aclosing(wrapped(1)) as items:
        await anext(items)
        during = list(watched.happened)

    assert during == ["begin", 1]
    assert watched.happened == ["begin", 1, "end"]


async def test_the_kind_counts_that_is_said_not_the_one_that_it_looks_like() -> None:
    """One function may stand for code of all kinds."""
    watched = Watched()

    def any_of_them(value: int) -> Any:
        return watched.coroutine(value)

    wrapped = around(any_of_them, watched.block, kind="coroutine")

    assert await wrapped(2) == [2]
    assert watched.happened == ["begin", 2, "end"]
