from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.dspy.jobs.evaluation import GAVE_UP, PART, evaluate
from snakepit_bridge.handlers.dspy.jobs.examples import examples_from
from tests.unit.handlers.dspy.programs import Failing, Guide

ROWS = examples_from(dspy, [{"name": "Ada"}, {"name": "Bob"}], ["name"])


class Moody(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    def forward(self, name: str) -> Any:
        if name == "Bob":
            raise LookupError("not him")
        return name


def test_the_score_is_in_percent() -> None:
    found = evaluate(dspy, Guide(), ROWS, lambda example, *_: float(example.name == "Ada"))

    assert (found.score, found.failed) == (50.0, 0)
    assert found.told(lambda value: dict(value.items()))["results"][0] == {
        "example": {"name": "Ada"},
        "prediction": {"text": "Hello, Ada!"},
        "score": 1.0,
    }


def test_feedback_is_answered() -> None:
    def metric(*_: Any) -> Any:
        return dspy.Prediction(score=0.5, feedback="hm")

    row = evaluate(dspy, Guide(), ROWS, metric).told(str)["results"][0]

    assert (row["score"], row["feedback"]) == (0.5, "hm")


def test_a_run_that_failed_has_no_prediction() -> None:
    with dspy.context(num_threads=1):
        found = evaluate(dspy, Moody(), ROWS, lambda *_: 1.0)

    assert (found.score, found.failed) == (50.0, 1)
    assert [prediction for _, prediction, _ in found.rows] == ["Ada", None]


def test_when_everything_fails_there_is_no_score() -> None:
    with pytest.raises(DSPyError, match="all 2 runs"):
        evaluate(dspy, Failing(), ROWS, lambda *_: 1.0)


def test_many_examples_are_evaluated_part_by_part() -> None:
    rows = examples_from(dspy, [{"name": str(number)} for number in range(PART + 3)], ["name"])

    found = evaluate(dspy, Guide(), rows, lambda example, *_: float(example.name == "0"))

    assert [example.name for example, _, _ in found.rows] == [str(n) for n in range(PART + 3)]
    assert found.score == round(100 / (PART + 3), 2)


def test_failures_count_over_all_parts() -> None:
    names = ["Bob", *["Ada"] * (PART - 1), "Bob"]
    rows = examples_from(dspy, [{"name": name} for name in names], ["name"])

    assert evaluate(dspy, Moody(), rows, lambda *_: 1.0, max_errors=3).failed == 2
    with pytest.raises(Exception, match=GAVE_UP):
        evaluate(dspy, Moody(), rows, lambda *_: 1.0, max_errors=2)


def test_dspy_still_says_so_when_it_gives_up() -> None:
    """The job replaces this message by the reason."""
    with pytest.raises(Exception, match=GAVE_UP):
        evaluate(dspy, Failing(), ROWS, lambda *_: 1.0, max_errors=1)


def test_what_is_no_data_is_told_in_brief() -> None:
    """Everything else has been paid for."""

    def refuse(value: Any) -> Any:
        if "Bob" in repr(value):
            raise DSPyError("no data")
        return "fine"

    found = evaluate(dspy, Guide(), ROWS, lambda *_: 1.0)
    rows = found.told(refuse, hidden=["Hello, Bob"])["results"]

    assert [row["example"] for row in rows] == ["fine", {"name": "Bob"}]
    assert rows[1]["prediction"] == {"text": "***!"}
