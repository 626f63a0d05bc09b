"""Counts of the requests that an object serves on several threads."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class RequestTracker:
    """How many requests there were, how many there are now, on how many threads.

    Remembers nothing of a request or a thread that has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = 0
        self._threads_seen = 0
        self._active: Counter[int] = Counter()
        # Freed with each thread, as a set of their ids would not be.
        self._here = threading.local()

    @contextmanager
    def track_request(self, request_id: str | None = None) -> Iterator[int]:
        """Count a request while the block runs.

        Args:
            request_id: For the log.

        Yields:
            Its running number, from 1.
        """
        # An iterator may end on another thread than it began on.
        thread = threading.get_ident()
        number = self._began(thread)
        log.debug("request %d (%s) began", number, request_id)
        try:
            yield number
        finally:
            self._ended(thread)
            log.debug("request %d (%s) ended", number, request_id)

    def get_stats(self) -> dict[str, int]:
        """The counts: all requests, threads busy now, requests now, threads so far."""
        with self._lock:
            return {
                "total_requests": self._total,
                "active_threads": len(self._active),
                "total_active_requests": self._active.total(),
                "threads_seen": self._threads_seen,
            }

    def _began(self, thread: int) -> int:
        first_here = not getattr(self._here, "seen", False)
        self._here.seen = True
        with self._lock:
            self._total += 1
            self._threads_seen += first_here
            self._active[thread] += 1
            return self._total

    def _ended(self, thread: int) -> None:
        with self._lock:
            self._active[thread] -= 1
            if not self._active[thread]:
                del self._active[thread]
