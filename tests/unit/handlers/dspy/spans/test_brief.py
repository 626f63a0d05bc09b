from __future__ import annotations

import enum
import json
from collections import OrderedDict
from typing import Any

import dspy
import msgspec
import pytest

from snakepit_bridge.errors import QuotaExceededError
from snakepit_bridge.handlers.dspy.spans.brief import (
    MAX_CHARACTERS,
    MAX_ITEMS,
    MAX_NAME,
    brief,
    brief_error,
    brief_name,
)
from tests.unit.handlers.dspy.programs import City
from tests.unit.handlers.dspy.workshop import CANARY


class Colour(enum.StrEnum):
    RED = "red"


class Hostile:
    """Raises at every touch."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError

    def __iter__(self) -> Any:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**5000, "<int of 5001 bits>"),
        ("text", "text"),
        (Colour.RED, "red"),
        ("half \ud800", "half \\ud800"),
        ((1, [2]), [1, [2]]),
        (frozenset({3}), [3]),
        (OrderedDict(a=1), {"a": 1}),
        ({1: "x", Colour.RED: 2, (1,): 3}, {"1": "x", "red": 2, "<tuple>": 3}),
        (City(name="Linz", inhabitants=9), {"name": "Linz", "inhabitants": 9}),
        (dspy.Prediction(answer="42"), {"answer": "42"}),
        (b"bytes", "<bytes>"),
        (dspy.Predict("q -> a"), "<Predict>"),
    ],
)
def test_values_become_data_that_json_carries(value: Any, data: Any) -> None:
    assert brief(value) == data
    assert json.loads(msgspec.json.encode(brief(value))) == data


def test_no_code_of_a_value_is_run() -> None:
    assert brief([Hostile()]) == ["<Hostile>"]


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        ["x" * 1000] * 1000,
        list(range(1_000_000)),
        {"x" * 500 + str(number): number for number in range(5000)},
        [[["x"] * 100] * 100] * 100,
        set(range(100_000)),
        tuple(range(100_000)),
    ],
    ids=["text", "texts", "list", "names", "nested", "set", "tuple"],
)
def test_large_values_are_cut(value: Any) -> None:
    assert len(json.dumps(brief(value))) < MAX_CHARACTERS + MAX_ITEMS * 10


def test_values_that_contain_themselves_end() -> None:
    value: list[Any] = []
    value.append(value)

    assert "<list>" in json.dumps(brief(value))


def test_secrets_are_replaced_wherever_they_stand() -> None:
    text = json.dumps(brief({CANARY: [CANARY, f"x {CANARY} y"]}, [CANARY]))

    assert CANARY not in text
    assert "x *** y" in text


def test_a_secret_at_the_place_of_a_cut_is_not_shown_by_half() -> None:
    for before in range(4970, 4990):
        assert CANARY[:12] not in brief("x" * before + CANARY + "y" * 20_000, [CANARY])


def test_names_and_errors_are_short_and_without_secrets() -> None:
    assert len(brief_name("x" * 9000)) <= MAX_NAME
    assert brief_name(f"openai/{CANARY}", [CANARY]) == "openai/***"
    assert brief_error(LookupError(f"no {CANARY}"), [CANARY]) == "LookupError: no ***"
    assert brief_error(LookupError()) == "LookupError"
    assert brief_error(QuotaExceededError("Too much.")) == "QuotaExceededError: Too much."
    assert len(brief_error(LookupError("x" * 90_000))) <= MAX_CHARACTERS
