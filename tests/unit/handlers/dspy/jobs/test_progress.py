from __future__ import annotations

from typing import Any

from snakepit_bridge.handlers.dspy.jobs.progress import MOST_CANDIDATES, Progress


class Watch:
    """A progress on a clock of the test's own."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.now = 0.0
        self.progress = Progress(self.events.append, monotonic=lambda: self.now)

    def done(self) -> list[int]:
        return [each["done"] for each in self.events if each["event"] == "progress"]


def test_progress_is_told_no_more_often_than_can_be_read() -> None:
    watch = Watch()
    watch.progress.expect(100)
    for _ in range(99):
        watch.now += 0.01
        watch.progress.judged()

    assert len(watch.done()) == 20
    watch.progress.judged()
    assert watch.events[-1] == {"event": "progress", "done": 100, "total": 100}


def test_the_last_is_always_told_once() -> None:
    watch = Watch()
    for _ in range(3):
        watch.progress.judged()
    watch.progress.flush()
    watch.progress.flush()

    assert watch.done() == [1, 3]


def test_more_may_be_done_than_was_expected() -> None:
    watch = Watch()
    watch.progress.expect(1)
    watch.progress.judged()
    watch.progress.judged()
    watch.progress.expect_more(5)
    watch.progress.expect(3)

    assert watch.progress.shown()["progress"] == {"done": 2, "total": 7}


def test_the_best_candidate_is_known() -> None:
    watch = Watch()
    assert watch.progress.best_score is None
    for score in (50.0, 75.0, 25.0):
        watch.progress.scored(score, is_full=True)
    watch.progress.scored(99.0, is_full=False)

    assert [each["event"] for each in watch.events] == [*["candidate"] * 3, "score"]
    assert watch.events[2] == {
        "event": "candidate",
        "number": 3,
        "score": 25.0,
        "best_score": 75.0,
    }
    shown = watch.progress.shown()
    assert (shown["best_score"], shown["candidates"]) == (75.0, 3)
    assert shown["scores"] == [50.0, 75.0, 25.0]


def test_scores_are_kept_up_to_a_limit() -> None:
    watch = Watch()
    for _ in range(MOST_CANDIDATES + 5):
        watch.progress.scored(1.0, is_full=True)

    shown = watch.progress.shown()
    assert (shown["candidates"], len(shown["scores"])) == (MOST_CANDIDATES + 5, MOST_CANDIDATES)
