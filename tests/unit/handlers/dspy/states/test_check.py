from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.handlers.dspy.states.check import MOST_SHOWN, Place, StateCheck


def checked(program: Any, state: dict[str, Any], *, drops_lm: bool = False) -> StateCheck:
    check = StateCheck(dspy, drops_lm=drops_lm)
    check.check(Place("step"), program, state)
    return check


def test_what_fits_has_no_problems() -> None:
    program = dspy.Predict("question -> answer")

    check = checked(program, {**program.dump_state(), "config": {"temperature": 1, "stop": ["a"]}})

    assert (check.problems, check.warnings) == ([], [])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("temperature", "hot"),
        ("max_tokens", 1.5),
        ("stop", [1]),
        ("api_key", "x"),
        ("api_base", "x"),
        ("messages", []),
    ],
)
def test_options_are_those_of_single_calls_with_their_types(option: str, value: Any) -> None:
    program = dspy.Predict("question -> answer")

    (problem,) = checked(program, {**program.dump_state(), "config": {option: value}}).problems

    assert option in problem
    assert "'step.config" in problem


def test_a_language_model_is_a_problem_or_a_warning() -> None:
    program = dspy.Predict("question -> answer")
    state = {**program.dump_state(), "lm": {"model": "openai/x"}}

    refused, dropped = checked(program, state), checked(program, state, drops_lm=True)

    assert (len(refused.problems), len(refused.warnings)) == (1, 0)
    assert (len(dropped.problems), len(dropped.warnings)) == (0, 1)


def test_hints_are_looked_for_as_long_as_they_are_shown() -> None:
    check = StateCheck(dspy, drops_lm=False)

    for _ in range(MOST_SHOWN + 1):
        check.unknown("option", "'temperatur'", "temperatur", ["temperature"])

    assert check.problems[0].endswith("is unknown (did you mean 'temperature'?)")
    assert check.problems[MOST_SHOWN].endswith("is unknown")


def test_very_long_names_are_cut() -> None:
    program = dspy.Predict("question -> answer")
    long = "x" * 100_000
    field = {"name": long, "prefix": "", "description": ""}
    state = {
        **program.dump_state(),
        long: 1,
        "config": {long: 1},
        "signature": {"instructions": "", "fields": [field] * 100},
    }

    assert sum(map(len, checked(program, state).problems)) < 10_000
