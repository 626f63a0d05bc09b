"""The last of what a worker has printed."""

from __future__ import annotations

import threading

KEPT_BYTES = 4096
"""Elixir keeps as much, and shows it when the worker crashes."""


class OutputTail:
    """The end of a stream of bytes. Safe to use from any thread."""

    def __init__(self) -> None:
        self._data = b""
        self._size_bytes = 0
        self._grown = threading.Condition()

    def append(self, data: bytes) -> None:
        """Add what was printed."""
        with self._grown:
            self._data = (self._data + data)[-KEPT_BYTES:]
            self._size_bytes += len(data)
            self._grown.notify_all()

    @property
    def size_bytes(self) -> int:
        """How much was printed in all."""
        with self._grown:
            return self._size_bytes

    def text(self) -> str:
        """The end of it, at most 4096 bytes."""
        with self._grown:
            return self._data.decode(errors="replace")

    def wait_for(self, text: str, *, timeout_s: float = 5.0) -> None:
        """Block until this text is in the part that is kept.

        Raises:
            TimeoutError: It did not come in time.
        """
        wanted = text.encode()
        with self._grown:
            if not self._grown.wait_for(lambda: wanted in self._data, timeout_s):
                shown = self._data.decode(errors="replace")
                message = f"{text!r} was not printed within {timeout_s} s, but:\n{shown}"
                raise TimeoutError(message)
