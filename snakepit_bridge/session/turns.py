"""One at a time, in the order of asking, for threads and tasks alike."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Turnstile:
    """A lock that a task may wait for and a thread may release.

    ``asyncio.Lock`` belongs to one loop and ``threading.Lock`` blocks it; the code of an exclusive
    command may end on a thread long after the task that asked for it is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[Callable[[], bool]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    async def enter(self) -> None:
        """Wait for the turn; being cancelled gives up the place in the row."""
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[None] = loop.create_future()
        wait = _Wait(lambda: loop.call_soon_threadsafe(_grant, granted))
        if self._take_or_queue(wait):
            return
        try:
            await granted
        except asyncio.CancelledError:
            if wait.give_up():
                self._drop(wait)
            else:
                self.leave()
            raise

    def enter_from_thread(self) -> None:
        """Block until the turn comes."""
        event = threading.Event()
        if not self._take_or_queue(_Wait(event.set)):
            event.wait()

    def leave(self) -> None:
        """Pass the turn to the next; from any thread."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._taken = False
                    return
                grant = self._waiting.popleft()
            if grant():
                return

    def _drop(self, wait: _Wait) -> None:
        # Else those who gave up pile up for as long as one call keeps its turn.
        with self._lock, suppress(ValueError):
            self._waiting.remove(wait.grant)

    def _take_or_queue(self, wait: _Wait) -> bool:
        with self._lock:
            if self._taken:
                self._waiting.append(wait.grant)
                return False
            self._taken = True
            return True


class _Wait:
    """One place in the row: granted or given up, whichever comes first."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._decided = False

    def grant(self) -> bool:
        """Give the turn to whoever waits; false when nobody waits any more."""
        if not self._decide():
            return False
        self._wake()
        return True

    def give_up(self) -> bool:
        """Leave the row; false when the turn had come already."""
        return self._decide()

    def _decide(self) -> bool:
        with self._lock:
            first, self._decided = not self._decided, True
            return first


def _grant(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
