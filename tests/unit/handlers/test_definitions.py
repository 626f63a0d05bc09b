from __future__ import annotations

import pytest

from snakepit_bridge.handlers.definitions import is_public, is_public_path, lies_under, refusal


@pytest.mark.parametrize(
    ("module", "area", "is_inside"),
    [
        ("dspy", "dspy", True),
        ("dspy.predict.predict", "dspy.predict", True),
        ("dspyish", "dspy", False),
        ("dspy.predictor", "dspy.predict", False),
        ("dspy", "dspy.predict", False),
    ],
)
def test_areas_end_at_a_dot(module: str, area: str, *, is_inside: bool) -> None:
    assert lies_under(module, area) is is_inside


def test_a_public_name_is_one_name_without_underscores_in_front() -> None:
    assert is_public("norm_")
    assert not any(map(is_public, ["", "_norm", "__class__", "a.b", "a b", "1"]))


def test_a_public_path_has_public_names_only() -> None:
    assert is_public_path("numpy.linalg")
    assert not any(map(is_public_path, ["numpy._core", "numpy.", ".numpy", ""]))


def test_a_refusal_names_the_thing_and_the_next_step() -> None:
    error = refusal("os.system", "lies in 'os'", "Do without.")

    assert str(error) == "'os.system' lies in 'os'. Do without."
    assert error.details["name"] == "os.system"
