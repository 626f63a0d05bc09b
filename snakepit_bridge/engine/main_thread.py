"""The main thread as a place for code that works nowhere else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from snakepit_bridge.engine.pool import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from snakepit_bridge.engine.job import Job


class MainThread(ThreadPool):
    """Runs callables one at a time on the thread that calls ``serve_here``.

    Args:
        wants: Which jobs belong here.
        max_queued: Callables that may wait beyond the running one.
    """

    def __init__(self, *, wants: Callable[[Job], bool], max_queued: int = 1000) -> None:
        super().__init__(max_threads=1, max_queued=max_queued)
        self.wants = wants
        self._number = self._new_number()
        self._left = threading.Event()
        self._left.set()

    def serve_here(self) -> None:
        """Run callables on this thread until ``close``; what was submitted before waits for it."""
        self._left.clear()
        try:
            self._serve(self._number)
        finally:
            self._left.set()

    def close(self, *, timeout_s: float) -> int:
        """As of any pool; 1 when the thread is still inside a callable after that time."""
        super().close(timeout_s=0.0)
        return 0 if self._left.wait(timeout_s) else 1

    def _start_thread(self) -> None:
        """The thread is there already, or comes when it is ready."""
