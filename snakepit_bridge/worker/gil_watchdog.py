"""A watchdog that ends the process when native code lets no other thread run."""

from __future__ import annotations

import asyncio
import faulthandler
import functools
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from snakepit_bridge.adapters.unread_stderr import open_stderr

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BEATS = 8
"""How often the watchdog is calmed within its time."""


@asynccontextmanager
async def gil_watchdog(timeout_s: float) -> AsyncIterator[None]:
    """Have the process ended when the running loop stands still for so long, within the block.

    The watchdog needs no Python: a thread that waits in C writes the stack of every thread to
    standard error, and ends the process with code 1. It stays armed when the block is left.
    """
    calming = asyncio.create_task(_calm(timeout_s))
    try:
        yield
    finally:
        calming.cancel()
        with suppress(asyncio.CancelledError):
            await calming


def arm(timeout_s: float) -> None:
    """Have the process ended in so many seconds, unless this is called again before."""
    # It needs a thread. Where none can be had now, the next to call this may be luckier.
    with suppress(RuntimeError):
        faulthandler.dump_traceback_later(timeout_s, exit=True, file=_stderr())


@functools.cache
def _stderr() -> int:
    """Where the stacks go. Nobody may read them, and that must not keep the process alive."""
    return open_stderr()


async def _calm(timeout_s: float) -> None:
    while True:
        arm(timeout_s)
        await asyncio.sleep(timeout_s / BEATS)
