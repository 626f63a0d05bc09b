from __future__ import annotations

import dataclasses
import enum
import uuid
from datetime import UTC, datetime
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.states.data import JsonForm, without_secrets_in
from tests.unit.handlers.dspy.programs import City


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


ONE = uuid.UUID(int=1)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"a": [1, 2.5, True, None, "ä"]}, {"a": [1, 2.5, True, None, "ä"]}),
        ((1, (2,)), [1, [2]]),
        (Color.RED, "red"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (ONE, str(ONE)),
        (Point(1), {"x": 1}),
        (City(name="Linz", inhabitants=2), {"name": "Linz", "inhabitants": 2}),
        (dspy.Example(question="Why?"), {"question": "Why?"}),
    ],
)
def test_what_has_a_json_form_gets_it(value: Any, form: Any) -> None:
    found = JsonForm(dspy).of(value)

    assert found == form
    assert type(found) is type(form)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"demos": [{"image": b"bytes"}]}, "$.demos[0].image is a builtins.bytes"),
        ([float("nan")], "$[0] is nan"),
        ({"a": {1: 2}}, "$.a has the key 1"),
        ({"a": "\ud800"}, "$.a has a lone surrogate"),
        ({"\ud800": 1}, "has a lone surrogate"),
        ({"a": {1, 2}}, "$.a is a builtins.set"),
        ([City], "$[0] is a pydantic"),
    ],
)
def test_what_has_none_is_refused_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        JsonForm(dspy).of(value)

    assert place in caught.value.message


def test_what_contains_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(InvalidArgumentError, match="nested too deeply"):
        JsonForm(dspy).of(circle)


def test_secrets_are_replaced_wherever_they_are() -> None:
    value = {"sk-secret": ["text with sk-secret", 1, None]}

    assert without_secrets_in(value, ["sk-secret"]) == {"***": ["text with ***", 1, None]}
    assert without_secrets_in(value, []) is value
