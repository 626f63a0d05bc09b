"""How much of what may be kept is taken."""

from __future__ import annotations

import threading

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.leases import refusals
from snakepit_bridge.leases.limits import MAX_LEASES


class Quota:
    """Counts data and their bytes. Safe to use from any thread.

    Args:
        max_bytes: Of all data together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bytes = self._count = 0

    def take(self, size: int) -> None:
        """Count some data, before there is a file for them.

        Raises:
            InvalidArgumentError: The size is below 0.
            QuotaExceededError: They are too large, or too many, beside the others.
        """
        if size < 0:
            raise InvalidArgumentError(f"{size} bytes are less than none.", {"bytes": size})
        if size > self._max_bytes:
            raise refusals.too_large(size, self._max_bytes)
        with self._lock:
            if self._count >= MAX_LEASES:
                raise refusals.too_many(MAX_LEASES)
            if self._bytes + size > self._max_bytes:
                raise refusals.full(size, self._bytes, self._max_bytes)
            self._count += 1
            self._bytes += size

    def give_back(self, size: int) -> None:
        """Count some data no longer."""
        with self._lock:
            self._count -= 1
            self._bytes -= size
