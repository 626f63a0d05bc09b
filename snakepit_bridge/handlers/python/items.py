"""The items of an iterable, one by one or in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import ExitStack, suppress
from types import GeneratorType
from typing import Any

from snakepit_bridge.session.tool_calls import ToolCalls

CLOSING_S = 5.0
"""How long an asynchronous iterator may take to close."""

_TOOLS = ToolCalls()


def items_of(iterable: Any) -> Generator[Any, None, None]:
    """Yield what the iterable yields, when it is asked for; an asynchronous one, too.

    Closing this closes an iterator that was opened here, and every generator. An asynchronous one
    is cancelled when the command is, or its deadline passes.
    """
    if hasattr(type(iterable), "__aiter__"):
        yield from _from_async(aiter(iterable))
        return
    iterator = iter(iterable)
    with ExitStack() as stack:
        close = getattr(iterator, "close", None)
        # A file that iterates itself stays open: its ref is still good.
        if callable(close) and (iterator is not iterable or isinstance(iterator, GeneratorType)):
            stack.callback(close)
        yield from iterator


def batches_of(items: Iterator[Any], size: int) -> Generator[list[Any], None, None]:
    """Yield lists of so many items; the last one may be shorter."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _from_async(iterator: AsyncIterator[Any]) -> Generator[Any, None, None]:
    async def following() -> tuple[Any, ...]:
        try:
            return (await anext(iterator),)
        except StopAsyncIteration:
            return ()

    async def close() -> None:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(aclose(), CLOSING_S)

    # One loop for all items: what an iterator has begun on one goes on there.
    with asyncio.Runner() as runner:
        try:
            while item := _TOOLS.call(following, is_async=True, runner=runner):
                yield item[0]
        finally:
            runner.run(close())
