"""A watchdog that ends the process when native code lets no other thread run."""

from __future__ import annotations

import asyncio
import faulthandler
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BEATS = 8
"""How often the watchdog is calmed within its time."""

_STDERR = 2


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
    # The number of stderr, for somebody may have put something without one into sys.stderr.
    faulthandler.dump_traceback_later(timeout_s, exit=True, file=_STDERR)


async def _calm(timeout_s: float) -> None:
    while True:
        arm(timeout_s)
        await asyncio.sleep(timeout_s / BEATS)
