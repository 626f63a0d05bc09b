"""A map that keeps what was used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

_V = TypeVar("_V")


class Recent(Generic[_V]):
    """Values by name, of which those that were not used for longest make room for new ones.

    For names that callers make up, whose number nothing else bounds. Safe to use from any thread.

    Args:
        limit: How many there may be, at least 1.
    """

    __slots__ = ("_limit", "_lock", "_values")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}.")
        self._limit = limit
        self._values: OrderedDict[str, _V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def use(self, name: str) -> _V | None:
        """The value of this name, used just now; ``None`` where there is none."""
        with self._lock:
            value = self._values.get(name)
            if value is not None:
                self._values.move_to_end(name)
            return value

    def keep(self, name: str, value: _V) -> None:
        """Keep a value under this name, used just now."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            if len(self._values) > self._limit:
                self._values.popitem(last=False)

    def forget(self, name: str) -> None:
        """Keep nothing under this name."""
        with self._lock:
            self._values.pop(name, None)
