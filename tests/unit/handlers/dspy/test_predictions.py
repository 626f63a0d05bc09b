from __future__ import annotations

from typing import Any

import dspy

from snakepit_bridge.handlers.dspy.plain import PlainData
from snakepit_bridge.handlers.dspy.predictions import record_of


def record(result: Any) -> dict[str, Any]:
    return record_of(dspy, result, PlainData(dspy, lambda _: "kept-0123456789abcdef"))


def test_a_prediction_is_told_with_its_reasoning() -> None:
    assert record(dspy.Prediction(reasoning="9 + 9.", answer=18)) == {
        "outputs": {"reasoning": "9 + 9.", "answer": 18},
        "reasoning": "9 + 9.",
        "completions": [{"reasoning": "9 + 9.", "answer": 18}],
    }


def test_every_candidate_is_told() -> None:
    result = dspy.Prediction.from_completions({"answer": ["a", "b"], "why": ["1", "2"]})

    assert record(result) == {
        "outputs": {"answer": "a", "why": "1"},
        "reasoning": None,
        "completions": [{"answer": "a", "why": "1"}, {"answer": "b", "why": "2"}],
    }


def test_a_result_of_another_kind_is_told_as_such() -> None:
    assert record([1, 2]) == {"outputs": {"result": [1, 2]}, "reasoning": None, "completions": []}
    assert record(dspy.Predict("q -> a"))["outputs"] == {"result": "kept-0123456789abcdef"}


def test_reasoning_of_another_kind_is_an_output_like_any_other() -> None:
    assert record(dspy.Prediction(reasoning=["a", "b"]))["reasoning"] is None


def test_a_prediction_without_fields_has_none() -> None:
    assert record(dspy.Prediction.from_completions({}))["completions"] == []
