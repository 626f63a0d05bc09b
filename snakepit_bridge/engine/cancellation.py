"""A wish that something ends, heard by whoever waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancellation:
    """Asked for once, from any thread; it cannot force anything."""

    __slots__ = ("_lock", "_told", "is_wanted")

    def __init__(self) -> None:
        self.is_wanted = False
        """Whether it has been asked for."""
        self._lock = threading.Lock()
        self._told: list[Callable[[], object]] = []

    def ask(self) -> None:
        """Tell everybody who waits for it, each once. Later calls do nothing."""
        with self._lock:
            if self.is_wanted:
                return
            self.is_wanted = True
            told, self._told = self._told, []
        for tell in told:
            tell()

    def subscribe(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call ``told`` once when it is asked for; at once if it has been.

        Args:
            told: Must not block or raise; it is called on the thread that asks.

        Returns:
            Takes the subscription back; may be called any number of times.
        """
        with self._lock:
            if not self.is_wanted:
                self._told.append(told)
                return lambda: self._forget(told)
        told()
        return _nothing

    def _forget(self, told: Callable[[], object]) -> None:
        with self._lock:
            if told in self._told:
                self._told.remove(told)


def _nothing() -> None:
    """Nothing is subscribed."""
