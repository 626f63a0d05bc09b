"""Functions of any kind that run inside a context manager."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager, aclosing
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

Enclosing = Callable[..., AbstractContextManager[Any]]
"""Makes the context manager of one call from the arguments of that call."""


def enclosed(function: F, enclosing: Enclosing) -> F:
    """The function, all of its run inside the context manager: an iterator to its end, too.

    Args:
        function: A function, an ``async`` one, a generator or an ``async`` generator.
        enclosing: Makes the context manager of one call from the arguments of that call.
    """
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, enclosing)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, enclosing)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, enclosing)
    else:
        wrapper = _plain(function, enclosing)
    # Marks of other decorators come along, so the order of decorators does not matter.
    run: F = functools.wraps(function)(wrapper)  # type: ignore[assignment]  # called as it was
    return run


def _plain(function: Callable[..., Any], enclosing: Enclosing) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        with enclosing(*args, **kwargs):
            return function(*args, **kwargs)

    return run


def _coroutine(function: Callable[..., Any], enclosing: Enclosing) -> Any:
    async def run(*args: Any, **kwargs: Any) -> Any:
        with enclosing(*args, **kwargs):
            return await function(*args, **kwargs)

    return run


def _generator(function: Callable[..., Any], enclosing: Enclosing) -> Any:
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with enclosing(*args, **kwargs):
            return (yield from function(*args, **kwargs))

    return run


def _async_generator(function: Callable[..., Any], enclosing: Enclosing) -> Any:
    async def run(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with enclosing(*args, **kwargs):
            async with aclosing(function(*args, **kwargs)) as items:
                async for item in items:
                    yield item

    return run
