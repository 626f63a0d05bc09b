from __future__ import annotations

import dspy
import pytest

from snakepit_bridge.handlers.dspy.call_shape import misfit, named_arguments, shape_of, takes
from tests.unit.handlers.dspy.programs import City, Guide


def test_a_module_takes_what_its_constructor_takes() -> None:
    assert takes(Guide) == "greeting?, repeats?"
    assert takes(dspy.Predict) == "signature, callbacks?"


def test_a_method_takes_what_follows_self() -> None:
    assert takes(Guide().forward) == "name, loud?"


@pytest.mark.parametrize("target", [dspy.Signature, int, object])
def test_where_the_parameters_cannot_be_known_everything_fits(target: type) -> None:
    assert shape_of(target) is None
    assert misfit(target, (1, 2), {"x": 3}) == ""
    assert takes(target) == ""
    assert named_arguments(target, (1,), {"x": 3}) == {"x": 3}


def test_a_builtin_without_a_signature_has_no_shape() -> None:
    assert shape_of({}.update) is None
    assert shape_of(print) is not None


def test_models_with_a_constructor_of_their_own_take_what_it_takes() -> None:
    assert misfit(dspy.Image, ("https://example.org/a.png",), {}) == ""
    assert misfit(City, (), {"name": "Linz"}) == ""


def test_positional_arguments_get_their_names() -> None:
    named = named_arguments(dspy.Predict, ("q -> a",), {"n": 3})

    assert named == {"signature": "q -> a", "n": 3}


def test_positional_arguments_that_do_not_fit_have_none() -> None:
    assert named_arguments(Guide, (1, 2, 3), {"x": 4}) == {"x": 4}


def test_what_does_not_fit_is_said() -> None:
    assert "signature" in misfit(dspy.Predict, (), {})
    assert "'nmae'" in misfit(Guide().forward, (), {"name": "Ada", "nmae": "Ada"})
