"""A bounded pool of threads whose queue can be left again."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from snakepit_bridge.errors import PoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    _Steps = tuple[Callable[[], None], Callable[[], None]]

log = logging.getLogger(__name__)

_SERVE: Final = True
_END: Final = False
"""What a thread is called for."""


class ThreadPool:
    """Runs callables on at most ``max_threads`` threads, at most ``max_queued`` of them waiting.

    Threads start when they are first needed and live until ``close``. The oldest idle thread comes
    first: callables that run one after another run on one thread, which is what libraries want that
    belong to the thread they were first used on. A callable that waits can be withdrawn; one that
    runs cannot be stopped, and keeps its thread until it returns.

    Args:
        max_threads: Threads, at least 1.
        max_queued: Callables that may wait beyond the running ones, at least 0.
    """

    def __init__(self, *, max_threads: int, max_queued: int) -> None:
        if max_threads < 1 or max_queued < 0:
            text = (
                f"max_threads={max_threads} must be at least 1, max_queued={max_queued} at least 0"
            )
            raise ValueError(text)
        self.max_threads = max_threads
        self.max_queued = max_queued
        self._lock = threading.Lock()
        # All of these belong to the lock.
        self._waiting: OrderedDict[object, _Steps] = OrderedDict()
        self._threads: list[threading.Thread] = []
        # Where each thread is called, by its number: waking it this way is done in C, where a
        # condition takes several times as long.
        self._calls: list[SimpleQueue[bool]] = []
        self._idle: list[int] = []  # a heap of numbers
        self._running = 0
        self._closed = False

    @property
    def running(self) -> int:
        """Callables that run now."""
        return self._running

    @property
    def queued(self) -> int:
        """Callables that wait for a thread, the ones a waking thread is about to take included."""
        return len(self._waiting)

    def submit(self, key: object, call: Callable[[], None], *, after: Callable[[], None]) -> None:
        """Have a thread run ``call``, in the order of submission, and then ``after``.

        Args:
            key: Hashable, under which ``withdraw`` finds it.
            call: Must not raise.
            after: Tells that it is over, once its place is free: who hears of it may submit again.

        Raises:
            PoolFullError: The queue is full, or the system gives the first thread no place.
        """
        with self._lock:
            if self._closed:
                text = "the pool is closed"
                raise RuntimeError(text)
            under_way = self._running + len(self._waiting)
            if under_way >= self.max_threads + self.max_queued:
                raise self._full()
            self._waiting[key] = call, after
            if self._idle:
                self._calls[heappop(self._idle)].put(_SERVE)
            elif len(self._threads) < self.max_threads:
                self._start_thread_for(key)

    def withdraw(self, key: object) -> bool:
        """Take a waiting callable out of the queue; false when it runs or has run."""
        with self._lock:
            return self._waiting.pop(key, None) is not None

    def close(self, *, timeout_s: float) -> int:
        """Drop what waits, let what runs end, and say how many threads still run after all.

        The threads are daemons: one that never returns does not keep the process alive.
        """
        with self._lock:
            self._closed = True
            self._waiting.clear()
            threads = list(self._threads)
            for calls in self._calls:
                calls.put(_END)
        until = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return sum(thread.is_alive() for thread in threads)

    def _full(self) -> PoolFullError:
        error = PoolFullError(
            f"All {self.max_threads} threads are busy and {len(self._waiting)} commands wait.",
            {
                "threads": self.max_threads,
                "queued": len(self._waiting),
                "hint": "Send it again later, or raise --max-threads or --max-queued.",
            },
        )
        error.retry_after_s = 1.0
        return error

    def _start_thread_for(self, key: object) -> None:
        try:
            self._start_thread()
        except RuntimeError as error:
            # The system has no more threads. One of those that run comes to it later.
            self._calls.pop()
            if not self._threads:
                del self._waiting[key]
                raise _no_threads() from error

    def _start_thread(self) -> None:
        number = self._new_number()
        thread = threading.Thread(
            target=self._serve, args=(number,), name=f"bridge-job-{number}", daemon=True
        )
        thread.start()
        self._threads.append(thread)

    def _new_number(self) -> int:
        self._calls.append(SimpleQueue())
        return len(self._calls) - 1

    def _serve(self, number: int) -> None:
        steps = self._next(number)
        while True:
            if steps is None:
                if self._calls[number].get() is _END:
                    return
                steps = self._next(number)
                continue
            call, after = steps
            _contain(call)
            steps = self._next(number, has_run=True)
            _contain(after)
            # Else the last callable, and all it holds, lives until the next one comes.
            del call, after

    def _next(self, number: int, *, has_run: bool = False) -> _Steps | None:
        """What a thread is to run now; where there is nothing it is idle from here on."""
        with self._lock:
            if has_run:
                self._running -= 1
            if not self._waiting:
                heappush(self._idle, number)
                return None
            _, steps = self._waiting.popitem(last=False)
            self._running += 1
            return steps


def _no_threads() -> PoolFullError:
    text = "The system gives this process no thread."
    error = PoolFullError(text, {"hint": "Raise its limit of processes, or of memory."})
    error.retry_after_s = 1.0
    return error


def _contain(step: Callable[[], None]) -> None:
    """A thread outlives whatever its callables do: a pool that loses threads stands still."""
    try:
        step()
    except BaseException:
        log.exception("a callable raised in a thread of the pool")
