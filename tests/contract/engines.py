"""What the suites over every engine share: the engines, code for them, ways to run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing
from functools import cache
from typing import Any

import pytest

from snakepit_bridge.engine import Engine, Execution, inline_engine
from snakepit_bridge.engine.loop_thread import LoopThread, loop_thread
from snakepit_bridge.errors import BridgeError
from tests.unit.engine.probe import Probe

OpenEngine = Callable[..., AbstractAsyncContextManager[Engine]]
"""Takes ``max_threads``, ``max_queued`` and ``close_timeout_s``."""


_KEPT = ExitStack()


@cache
def _other_loop() -> LoopThread:
    # It outlives the engines, and with them code that does not listen.
    return _KEPT.enter_context(loop_thread("test-loop", owner="engine"))


def with_loop_thread(**options: Any) -> AbstractAsyncContextManager[Engine]:
    """``async`` code on another thread's loop."""
    return inline_engine(loop_thread=_other_loop(), **options)


ENGINES: dict[str, OpenEngine] = {"inline": inline_engine, "loop thread": with_loop_thread}

EVERY_ENGINE = pytest.mark.parametrize("open_engine", ENGINES.values(), ids=ENGINES)

DEF_OR_ASYNC = pytest.mark.parametrize("on_loop", [False, True], ids=["def", "async def"])

VALUE_OR_STREAM = pytest.mark.parametrize("streams", [False, True], ids=["value", "stream"])


async def run(engine: Engine, probe: Probe) -> Any:
    """The value, or the list of the items."""
    async with asyncio.timeout(5):
        if probe.execution.job.streams:
            items: list[object] = []
            await read(engine, probe, items)
            return items
        return await engine.run(probe.execution)


async def read(engine: Engine, probe: Probe, items: list[object]) -> None:
    """Add the items of a stream to a list, as they come."""
    async with asyncio.timeout(5), aclosing(engine.stream(probe.execution)) as stream:
        async for item in stream:
            items.append(item)  # noqa: PERF401  (a comprehension would lose what came before)


def returning(value: object, *, on_loop: bool) -> Probe:
    async def later(_: Execution) -> object:
        await asyncio.sleep(0)
        return value

    return Probe(later if on_loop else lambda _: value, runs_on_loop=on_loop)


def raising(error: BridgeError, *, on_loop: bool) -> Probe:
    def fail(_: Execution) -> None:
        raise error

    async def fail_later(_: Execution) -> None:
        await asyncio.sleep(0)
        raise error

    return Probe(fail_later if on_loop else fail, runs_on_loop=on_loop)


def yielding(
    count: int, *, on_loop: bool, error: BridgeError | None = None, timeout_s: float | None = None
) -> Probe:
    def items(_: Execution) -> Generator[int, None, None]:
        yield from range(count)
        if error is not None:
            raise error

    async def items_later(execution: Execution) -> AsyncGenerator[int, None]:
        for number in items(execution):
            await asyncio.sleep(0)
            yield number

    code = items_later if on_loop else items
    return Probe(code, streams=True, runs_on_loop=on_loop, timeout_s=timeout_s)
