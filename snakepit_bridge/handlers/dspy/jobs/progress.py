"""How far a job has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

INTERVAL_S = 0.05
"""Between two events of progress; more often than 20 times a second nobody can read."""

MOST_CANDIDATES = 1000
"""Candidates whose scores a status shows."""


class Progress:
    """Counts judgements and candidates. Safe from any thread.

    Args:
        tell: Takes the events.
        monotonic: Seconds from an arbitrary start.
    """

    def __init__(
        self,
        tell: Callable[[dict[str, Any]], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._done = 0
        self._total: int | None = None
        self._told_at = -INTERVAL_S
        self._told_done = 0
        self._scores: list[float] = []
        self._best: float | None = None
        self._candidates = 0

    @property
    def best_score(self) -> float | None:
        """Of the candidates that were evaluated in full, in percent."""
        return self._best

    def shown(self) -> dict[str, Any]:
        """As a status shows it."""
        with self._lock:
            return {
                "progress": {"done": self._done, "total": self._total},
                "best_score": self._best,
                "candidates": self._candidates,
                "scores": list(self._scores),
            }

    def expect(self, total: int) -> None:
        """So many judgements will be made in all."""
        with self._lock:
            self._total = max(total, self._total or 0)

    def expect_more(self, count: int) -> None:
        """So many judgements will be made from now on, at least."""
        self.expect(self._done + count)

    def judged(self) -> None:
        """One judgement has been made."""
        with self._lock:
            self._done += 1
            if self._total is not None:
                self._total = max(self._total, self._done)
            now = self._monotonic()
            if now - self._told_at < INTERVAL_S and self._done != self._total:
                return
            self._told_at = now
        self.flush()

    def flush(self) -> None:
        """Tell where things stand, if that is news."""
        with self._lock:
            if self._told_done == self._done:
                return
            self._told_done = self._done
            event = {"event": "progress", "done": self._done, "total": self._total}
        self._tell(event)

    def scored(self, score: float, *, is_full: bool) -> None:
        """An evaluation has ended.

        Args:
            score: In percent.
            is_full: Whether it was that of a candidate on all examples, not on some.
        """
        self.flush()
        if not is_full:
            self._tell({"event": "score", "score": score})
            return
        with self._lock:
            self._candidates += 1
            number = self._candidates
            self._best = score if self._best is None else max(score, self._best)
            if len(self._scores) < MOST_CANDIDATES:
                self._scores.append(score)
            best = self._best
        told = {"number": number, "score": score, "best_score": best}
        self._tell({"event": "candidate", **told})
