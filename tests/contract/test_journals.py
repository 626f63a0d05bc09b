"""What every ``Journal`` does: the real one, and the one that tests put in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from snakepit_bridge.handlers.dspy.jobs.journal import JobJournal, read_checkpoint
from snakepit_bridge.handlers.dspy.runs import Journal
from tests.unit.handlers.dspy.kept import Kept

Entries = Sequence[tuple[str, Any]]


def _job_journal(earlier: Entries) -> Journal:
    first = JobJournal({"optimizer": "GEPA"})
    for key, outputs in earlier:
        first.keep(key, outputs)
    checkpoint = read_checkpoint(first.content())
    return JobJournal(checkpoint.spec, entries=checkpoint.entries)


def _in_memory(earlier: Entries) -> Journal:
    kept = Kept()
    for key, outputs in earlier:
        kept.keep(key, outputs)
    return Kept(kept.entries)


@pytest.fixture(params=[_job_journal, _in_memory], ids=["of a job", "in memory"])
def made(request: pytest.FixtureRequest) -> Callable[[Entries], Journal]:
    make: Callable[[Entries], Journal] = request.param
    return make


def test_nothing_is_found_in_a_new_journal(made: Callable[[Entries], Journal]) -> None:
    assert made([]).find("a") is None


def test_each_answer_is_handed_out_once_in_its_order(made: Callable[[Entries], Journal]) -> None:
    journal = made([("a", ["first"]), ("b", [{"text": "x"}]), ("a", ["second"])])

    assert [journal.find("a") for _ in range(3)] == [["first"], ["second"], None]
    assert journal.find("b") == [{"text": "x"}]


def test_what_is_kept_now_is_for_those_who_come_later(made: Callable[[Entries], Journal]) -> None:
    journal = made([])

    journal.keep("a", ["mine"])

    assert journal.find("a") is None
