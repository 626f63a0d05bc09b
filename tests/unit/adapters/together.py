"""Threads that are inside a method together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from snakepit_bridge.adapters.thread_safety import ThreadSafetyChecker


@contextmanager
def another_thread_inside(checker: ThreadSafetyChecker, method: str) -> Iterator[None]:
    inside, may_leave = threading.Event(), threading.Event()

    def stay() -> None:
        with checker.track_execution(method):
            inside.set()
            may_leave.wait(5)

    with ThreadPoolExecutor(1, thread_name_prefix="other") as pool:
        call = pool.submit(stay)
        assert inside.wait(5)
        try:
            yield
        finally:
            may_leave.set()
            call.result(5)
