"""Somebody asleep on a loop, whom any thread may wake."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress


class Waiter:
    """Waits on the loop it was made on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.woken = asyncio.Event()

    def wake(self) -> None:
        """End the wait; from any thread."""
        with suppress(RuntimeError):  # its loop has closed
            self._loop.call_soon_threadsafe(self.woken.set)


def wake(waiting: Iterable[Waiter]) -> None:
    """Wake all of them."""
    for waiter in waiting:
        waiter.wake()
