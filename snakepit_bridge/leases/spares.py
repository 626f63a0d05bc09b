"""Files whose room is reserved before anybody asks for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from snakepit_bridge.leases.folder import Folder

if TYPE_CHECKING:
    from concurrent.futures import Executor

SMALLEST = 1024 * 1024
LARGEST = 64 * 1024 * 1024
"""Bytes of the files it is worth for: reserving takes about as long as filling them, and what
nobody asks for any more is room lost."""

IDLE_S = 10.0
"""How long they are kept for somebody."""

MOST = 2
"""Spare files: a call that brings an array and gets one back uses two of about one size."""


class Spares:
    """Keeps a few empty files ready for whoever asks again for the size that was asked for last.

    The system gives out memory page by page, and fills each with zeros; so reserving 16 MiB in
    shared memory takes 5 ms, and writing to it then 3. Nothing is ever used a second time.
    Safe to use from any thread.

    Args:
        reserve: Makes a file of so many bytes in a folder and returns its name; may block.
        executor: Where that is done; a thread of its own by default.
    """

    def __init__(
        self, reserve: Callable[[Folder, int], str], *, executor: Executor | None = None
    ) -> None:
        self._reserve = reserve
        self._lock = threading.Lock()
        self._wanted: tuple[Folder, int] | None = None
        self._ready: list[str] = []
        self._coming = 0
        self._asked = 0.0
        self._thread = executor

    def take(self, folder: Folder, size: int, *, now: float) -> str | None:
        """The name of a file of this size in this folder, for the caller; ``None``: there is none.

        Whoever asks twice for one size finds some the next time.

        Args:
            folder: Where it is to be.
            size: Its bytes.
            now: For ``clear_idle``.
        """
        if not SMALLEST <= size <= LARGEST:
            return None
        with self._lock:
            self._asked = now
            if self._wanted != (folder, size):
                self._forget()
                self._wanted = folder, size
                return None
            found = self._ready.pop() if self._ready else None
            missing = MOST - len(self._ready) - self._coming
            self._coming += missing
            for _ in range(missing):
                self._executor().submit(self._prepare, folder, size)
        return found

    def clear_idle(self, *, now: float) -> None:
        """Remove files that nobody has asked for in a while."""
        with self._lock:
            if now - self._asked >= IDLE_S:
                self._forget()

    def close(self) -> None:
        """Prepare no more; the files go with their folder."""
        with self._lock:
            self._wanted = None
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True, cancel_futures=True)

    def _executor(self) -> Executor:
        """Under the lock."""
        if self._thread is None:
            # Here, because few processes ever need it, and all want to start soon.
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-spares")
        return self._thread

    def _prepare(self, folder: Folder, size: int) -> None:
        try:
            name = self._reserve(folder, size)
        except OSError:
            name = ""  # there is no room, which somebody who asks for it is told
        with self._lock:
            self._coming -= 1
            if name and self._wanted == (folder, size):
                self._ready.append(name)
                return
        if name:
            folder.remove(name)

    def _forget(self) -> None:
        """Under the lock."""
        if self._wanted is not None:
            folder, _ = self._wanted
            for name in self._ready:
                folder.remove(name)
        self._wanted, self._ready = None, []
