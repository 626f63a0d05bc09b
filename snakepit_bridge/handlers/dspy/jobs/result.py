"""The end of a job, for as many as wait for it."""

from __future__ import annotations

import copy
import threading
from typing import Any

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.dspy.jobs.waiting import Waiter, wake

Outcome = dict[str, Any] | BridgeError
"""The answer of a job, or why there is none."""


class Result:
    """What a job has come to. Safe from any thread and any loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: Outcome | None = None
        self._waiting: set[Waiter] = set()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def is_settled(self) -> bool:
        """Whether the job has ended."""
        return self._outcome is not None

    def settle(self, outcome: Outcome) -> None:
        """The end; another one after it counts for nothing."""
        with self._lock:
            if self._outcome is None:
                self._outcome = outcome
            waiting, self._waiting = self._waiting, set()
        wake(waiting)

    async def get(self) -> dict[str, Any]:
        """Wait for the end.

        Raises:
            BridgeError: Why there is no answer.
        """
        outcome = self._outcome or await self._awaited()
        if isinstance(outcome, BridgeError):
            raise _fresh(outcome)
        return outcome

    async def _awaited(self) -> Outcome:
        waiter = Waiter()
        with self._lock:
            if self._outcome is None:
                self._waiting.add(waiter)
            else:
                waiter.woken.set()
        try:
            await waiter.woken.wait()
        finally:
            with self._lock:
                self._waiting.discard(waiter)
        assert self._outcome is not None  # nobody wakes a waiter before
        return self._outcome


def _fresh(error: BridgeError) -> BridgeError:
    """The same error for one reader: each raise adds frames to it, each command its metadata."""
    fresh = copy.copy(error)
    fresh.details = dict(error.details)
    return fresh
