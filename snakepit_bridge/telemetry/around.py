"""A callable inside a context manager, whatever kind of callable it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from typing import Any, Literal

Kind = Literal["function", "coroutine", "generator", "async generator"]

OpenBlock = Callable[[], AbstractContextManager[Any]]


def kind_of(call: Callable[..., Any]) -> Kind:
    """What kind of callable this is."""
    if inspect.isasyncgenfunction(call):
        return "async generator"
    if inspect.iscoroutinefunction(call):
        return "coroutine"
    return "generator" if inspect.isgeneratorfunction(call) else "function"


def around(call: Callable[..., Any], block: OpenBlock, *, kind: Kind) -> Callable[..., Any]:
    """A callable of the same kind, whose code runs inside a block from its start to its end.

    Args:
        call: What to call.
        block: Opens the block; once for each call.
        kind: What the call returns: its value, or what it is to be awaited or iterated for.
    """
    return _WRAPPERS[kind](call, block)


def _around_function(call: Callable[..., Any], block: OpenBlock) -> Callable[..., Any]:
    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return call(*args, **kwargs)

    return wrapper


def _around_coroutine(call: Callable[..., Any], block: OpenBlock) -> Callable[..., Any]:
    @functools.wraps(call)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return await call(*args, **kwargs)

    return wrapper


def _around_generator(call: Callable[..., Any], block: OpenBlock) -> Callable[..., Any]:
    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        # One thread and one context run the whole generator, so what is set may stay set.
        with block():
            yield from call(*args, **kwargs)

    return wrapper


def _around_async_generator(call: Callable[..., Any], block: OpenBlock) -> Callable[..., Any]:
    @functools.wraps(call)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            async with aclosing(call(*args, **kwargs)) as items:
                async for item in items:
                    yield item

    return wrapper


_WRAPPERS: dict[Kind, Callable[[Callable[..., Any], OpenBlock], Callable[..., Any]]] = {
    "function": _around_function,
    "coroutine": _around_coroutine,
    "generator": _around_generator,
    "async generator": _around_async_generator,
}
