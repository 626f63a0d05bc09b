"""Executions on the thread that calls, whatever their kind: ``async`` code gets a loop there."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from snakepit_bridge.engine.job import Execution
    from snakepit_bridge.engine.stream_buffer import StreamBuffer


def value_here(execution: Execution) -> Any:
    """Run the code to its end and return its value.

    Raises:
        BridgeError: What the work raised.
        asyncio.CancelledError: The execution was cancelled while ``async`` code ran.
    """
    if not execution.job.runs_on_loop:
        return execution.work(execution)
    return asyncio.run(_until_cancelled(execution.work(execution), execution))


def pump_here(execution: Execution, buffer: StreamBuffer) -> None:
    """Run the code to its end and put its items into the buffer; raises as ``value_here``.

    Raises:
        StreamClosedError: The consumer is gone.
    """
    if execution.job.runs_on_loop:
        asyncio.run(_until_cancelled(_pump(execution, buffer), execution))
        return
    with closing(execution.work(execution)) as items:
        for item in items:
            buffer.put(item)


async def _pump(execution: Execution, buffer: StreamBuffer) -> None:
    async with aclosing(execution.work(execution)) as items:
        async for item in items:
            await buffer.put_on_loop(item)


async def _until_cancelled(work: Coroutine[Any, Any, Any], execution: Execution) -> Any:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        with suppress(RuntimeError):  # the work has ended, and its loop with it
            loop.call_soon_threadsafe(task.cancel)

    take_back = execution.on_cancel(cancel)
    try:
        return await task
    finally:
        take_back()
