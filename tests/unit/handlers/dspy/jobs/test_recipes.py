from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.recipes import (
    RECIPES,
    check_given,
    missing_package,
    recipe_of,
)


@pytest.mark.parametrize("name", RECIPES)
def test_each_is_a_class_of_dspy(name: str) -> None:
    assert issubclass(getattr(dspy.teleprompt, name), dspy.teleprompt.Teleprompter)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("MIPROv2", "MIPROv2"),
        ("dspy.GEPA", "GEPA"),
        ("dspy.teleprompt.COPRO", "COPRO"),
        ("BootstrapRS", "BootstrapFewShotWithRandomSearch"),
    ],
)
def test_names_are_those_of_dspy(name: str, found: str) -> None:
    assert recipe_of(name).name == found


def test_a_name_that_is_none_gets_the_nearest() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        recipe_of("MIPRO")
    assert caught.value.hint == "Did you mean 'MIPROv2'?"
    with pytest.raises(InvalidArgumentError) as caught:
        recipe_of("os.system")
    assert "LabeledFewShot" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("LabeledFewShot", {"metric": "m"}, "takes no 'metric'"),
        ("COPRO", {}, "needs a 'metric'"),
        ("COPRO", {"teacher": "x", "validation": [1]}, "no 'validation'; .*no 'teacher'; .*needs"),
        ("GEPA", {"metric": "m", "prompt_lm": {}}, "no 'prompt_lm'"),
        ("MIPROv2", {"metric": "m", "reflection_lm": {}}, "no 'reflection_lm'"),
    ],
)
def test_what_it_does_not_take_is_refused(name: str, given: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        check_given(recipe_of(name), given)


def test_what_it_takes_passes() -> None:
    check_given(recipe_of("BootstrapFewShot"), {"metric": None, "teacher": "x"})
    check_given(recipe_of("GEPA"), {"metric": "m", "reflection_lm": {}, "validation": [1]})


def test_a_missing_package_comes_with_the_command_that_installs_it() -> None:
    error = missing_package(recipe_of("MIPROv2"))

    assert error.code is ErrorCode.WRONG_CALL
    assert "pip install" in error.hint
