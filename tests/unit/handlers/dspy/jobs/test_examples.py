from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.examples import MOST, examples_from, input_names
from tests.unit.handlers.dspy.programs import Failing, Guide


def test_rows_become_examples_with_inputs() -> None:
    (example,) = examples_from(dspy, [{"q": "?", "a": 42, "base": "kept"}], ["q"])

    assert example.toDict() == {"q": "?", "a": 42, "base": "kept"}
    assert example.inputs().toDict() == {"q": "?"}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "it is empty"),
        ([{"a": 1}], "row 0 lacks 'q'"),
        ([{"q": 1}, "text", {1: 2}, {"": 1}], "row 1 is no object but 'str'; row 2 has keys"),
        ([{}] * 7, "row 4 lacks 'q'; and 2 more"),
    ],
)
def test_wrong_rows_are_named(rows: list[Any], why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why) as caught:
        examples_from(dspy, rows, ["q"], argument="validation")

    assert "'validation'" in caught.value.message
    assert len(caught.value.details.get("rows", [])) <= 5


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="100001 rows"):
        examples_from(dspy, [{}] * (MOST + 1), [])


@pytest.mark.parametrize(
    ("program", "names"),
    [
        (dspy.Predict("q, n: int -> a"), ["q", "n"]),
        (dspy.ChainOfThought("q -> a"), ["q"]),
        (dspy.ReAct("q -> a", tools=[]), ["q"]),
        (Guide(), ["name"]),
    ],
)
def test_a_program_tells_what_it_takes(program: Any, names: list[str]) -> None:
    assert input_names(dspy, program, None) == names


def test_a_program_that_does_not_tell_is_asked_for() -> None:
    with pytest.raises(InvalidArgumentError, match="does not tell"):
        input_names(dspy, Failing(), None)

    assert input_names(dspy, Failing(), ["q"]) == ["q"]


def test_inputs_that_the_program_does_not_take_are_named() -> None:
    program = dspy.Predict("question -> answer")

    with pytest.raises(InvalidArgumentError, match="no 'qestion'") as caught:
        input_names(dspy, program, ["qestion"])
    assert caught.value.hint == "Did you mean 'question'?"
    assert input_names(dspy, Guide(), ["name", "loud"]) == ["name", "loud"]
    with pytest.raises(InvalidArgumentError, match="empty") as caught:
        input_names(dspy, program, [])
    assert caught.value.hint == "It takes: question."
    assert input_names(dspy, program, ["question"]) == ["question"]


def test_a_program_without_forward_does_not_tell() -> None:
    class Awaited(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        async def aforward(self, question: str) -> str:
            return question

    with pytest.raises(InvalidArgumentError, match="does not tell"):
        input_names(dspy, Awaited(), None)
    assert input_names(dspy, Awaited(), ["question"]) == ["question"]
