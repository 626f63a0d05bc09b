from __future__ import annotations

import json
from typing import Any

import pytest

from snakepit_bridge.handlers.dspy.jobs.clean import encoded, whole, with_texts


class Odd:
    def __str__(self) -> str:
        return "odd \ud800"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, None, "ü"]}, {"a": [1, None, "ü"]}),
        ({"\ud800": ("\udfff!", {"b": "\ud800"})}, {"?": ["?!", {"b": "?"}]}),
        ([Odd(), "\ud800"], ["odd ?", "?"]),
        (Odd(), "odd ?"),
    ],
)
def test_json_is_made_of_every_text(value: Any, said: Any) -> None:
    assert json.loads(encoded(value)) == said


def test_keys_may_be_in_order() -> None:
    assert encoded({"b": 1, "a": "\ud800"}, order="sorted") == b'{"a":"?","b":1}'


def test_texts_change_and_nothing_else() -> None:
    value = {"a": ["b", 1, ("c",)], 2: None}

    assert with_texts(value, str.upper) == {"A": ["B", 1, ["C"]], 2: None}
    assert value == {"a": ["b", 1, ("c",)], 2: None}
    assert whole("plain") == "plain"
