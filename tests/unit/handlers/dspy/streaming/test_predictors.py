"""Predictors have the names DSPy gives them."""

from __future__ import annotations

import dspy

from snakepit_bridge.handlers.dspy.streaming.predictors import Predictors, output_fields


def test_a_program_gives_its_predictors_their_names() -> None:
    program = dspy.ReAct("question -> answer", tools=[])
    predictors = Predictors(dspy, program)
    assert predictors.fields == {
        "react": ("next_thought", "next_tool_name", "next_tool_args"),
        "extract.predict": ("reasoning", "answer"),
    }
    assert predictors.name_of(program.extract.predict) == "extract.predict"


def test_a_copy_that_may_be_of_two_is_named_by_its_class() -> None:
    signature = dspy.Signature("question -> answer")

    class Twins(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def __init__(self) -> None:
            super().__init__()
            self.one = dspy.Predict(signature)
            self.two = dspy.Predict(signature)

    program = Twins()
    predictors = Predictors(dspy, program)
    assert predictors.name_of(program.two) == "two"
    assert predictors.name_of(program.two.deepcopy()) == "Predict"


def test_what_is_no_module_has_none() -> None:
    assert Predictors(dspy, object()).fields == {}
    assert output_fields(None) == ()
