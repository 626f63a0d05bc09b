from __future__ import annotations

import dataclasses
import enum
from collections import namedtuple
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.dspy.plain import PlainData
from tests.unit.handlers.dspy.programs import City, Guide

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 1


@dataclasses.dataclass
class Point:
    x: int
    color: Color


Pair = namedtuple("Pair", "left right")  # noqa: PYI024  (the kind without types exists, too)


def answer(value: Any) -> Any:
    return PlainData(dspy, lambda instance: f"ref of {type(instance).__name__}").answer(value)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("text", "text"),
        (b"bytes", b"bytes"),
        (NOW, NOW),
        (Decimal("0.10"), Decimal("0.10")),
        ([1, (2, {3})], [1, (2, {3})]),
        (frozenset({1}), frozenset({1})),
        (Pair(1, Color.RED), (1, "red")),
        ({"a": {1: [None]}}, {"a": {1: [None]}}),
        (Color.RED, "red"),
        (Size.SMALL, 1),
        (Point(1, Color.RED), {"x": 1, "color": "red"}),
        (City(name="Linz", inhabitants=2), {"name": "Linz", "inhabitants": 2}),
    ],
)
def test_data_stays_data(value: Any, data: Any) -> None:
    found = answer(value)

    assert found == data
    assert type(found) is type(data)


def test_predictions_and_examples_are_objects_of_their_fields() -> None:
    prediction = dspy.Prediction(
        reasoning=dspy.Reasoning(content="because"), cities=[City(name="Linz", inhabitants=2)]
    )

    assert answer(prediction) == {
        "reasoning": "because",
        "cities": [{"name": "Linz", "inhabitants": 2}],
    }
    assert answer([dspy.Example(a=1), dspy.Example(b=2)]) == [{"a": 1}, {"b": 2}]


def test_completions_are_lists_by_field() -> None:
    prediction = dspy.Prediction.from_completions([{"a": 1}, {"a": 2}])

    assert answer(prediction.completions) == {"a": [1, 2]}


def test_types_of_dspy_are_their_fields_and_not_their_form_in_prompts() -> None:
    calls = dspy.ToolCalls.from_dict_list([{"name": "search", "args": {"q": dspy.Code(code="x")}}])

    assert answer(dspy.Image("https://example.org/a.png")) == {"url": "https://example.org/a.png"}
    assert answer(dspy.History(messages=[{"q": "?"}])) == {"messages": [{"q": "?"}]}
    assert answer(dspy.Code(code="print(1)")) == "print(1)"
    assert answer(calls)["tool_calls"][0]["args"] == {"q": "x"}


def test_a_module_or_signature_is_kept_and_answered_as_its_ref() -> None:
    assert answer(Guide()) == "ref of Guide"
    assert answer(dspy.Signature("q -> a")) == "ref of SignatureMeta"


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (object(), "the answer,"),
        ([1, Guide()], "the answer[1]"),
        ({"a": {"b": print}}, "the answer['a']['b']"),
        (dspy.Prediction(x=iter([])), "the answer['x']"),
        (dspy.LM("offline"), "dspy.clients.lm.LM"),
        (int, "builtins.type"),
    ],
)
def test_what_has_no_form_as_data_is_named_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(DSPyError) as caught:
        answer(value)

    assert place in caught.value.message
    assert caught.value.hint


def test_an_answer_that_contains_itself_ends() -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(DSPyError, match="list"):
        answer(circle)


def test_arrays_are_left_to_the_encodings() -> None:
    array = type("ndarray", (), {"__module__": "numpy"})()

    assert answer({"x": array})["x"] is array
