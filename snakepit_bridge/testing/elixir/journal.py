"""A list that grows while others wait for what comes into it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

from snakepit_bridge.clock import Clock, SystemClock

_T = TypeVar("_T")


class Journal(Sequence[_T], Generic[_T]):
    """What has happened, in order; safe to use from any thread.

    Args:
        what: The word for one entry, for error messages.
        clock: What the waiting is measured with.
    """

    def __init__(self, what: str, *, clock: Clock | None = None) -> None:
        self._what = what
        self._clock = clock or SystemClock()
        self._entries: list[_T] = []
        self._grown = threading.Condition()

    def append(self, entry: _T) -> None:
        """Add an entry, and wake whoever waits."""
        with self._grown:
            self._entries.append(entry)
            self._grown.notify_all()

    def clear(self) -> None:
        """Forget all entries; waiting begins with the next one."""
        with self._grown:
            self._entries = []
            self._grown.notify_all()

    def wait_for(
        self,
        predicate: Callable[[_T], object],
        *,
        count: int = 1,
        timeout_s: float = 5.0,
    ) -> _T:
        """Block until an entry is as asked; entries that are here already count.

        Args:
            predicate: Says of one entry whether it counts.
            count: How many have to.
            timeout_s: Bounds the waiting.

        Returns:
            The last of the ``count`` entries.

        Raises:
            TimeoutError: They did not come in time.
        """
        until = self._clock.monotonic() + timeout_s
        looked_at = found = 0
        while True:
            fresh = self._beyond(looked_at, until - self._clock.monotonic())
            looked_at += len(fresh)
            for entry in fresh:
                found += bool(predicate(entry))
                if found == count:
                    return entry
            if not fresh:
                text = f"{found} of {count} came within {timeout_s} s, among {looked_at}"
                raise TimeoutError(f"{text} {self._what}s in all.")

    async def arrival(
        self,
        predicate: Callable[[_T], object],
        *,
        count: int = 1,
        timeout_s: float = 5.0,
    ) -> _T:
        """As ``wait_for``, while the loop of the caller goes on."""
        return await asyncio.to_thread(self.wait_for, predicate, count=count, timeout_s=timeout_s)

    def matching(self, predicate: Callable[[_T], object]) -> list[_T]:
        """The entries that are as asked, until now."""
        return [entry for entry in self if predicate(entry)]

    def _beyond(self, position: int, timeout_s: float) -> list[_T]:
        """What follows after a position; empty when nothing comes in time."""
        with self._grown:
            self._grown.wait_for(lambda: len(self._entries) > position, max(0.0, timeout_s))
            return self._entries[position:]

    def __iter__(self) -> Iterator[_T]:
        with self._grown:
            return iter(tuple(self._entries))

    def __len__(self) -> int:
        with self._grown:
            return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> _T: ...

    @overload
    def __getitem__(self, index: slice) -> list[_T]: ...

    def __getitem__(self, index: int | slice) -> _T | list[_T]:
        with self._grown:
            return self._entries[index]

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} {self._what}s>"
