from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.models.options import LMOptions, merged
from tests.unit.handlers.dspy.workshop import CANARY


def test_a_text_is_the_name_of_a_model() -> None:
    assert merged(None, "openai/gpt-4o-mini").given() == {"model": "openai/gpt-4o-mini"}


def test_without_a_model_the_rest_stays() -> None:
    old = merged(None, {"model": "openai/a", "api_key": "env:X", "top_p": 0.5})

    new = merged(old, {"temperature": 1, "top_p": None})

    assert new.given() == {"model": "openai/a", "api_key": "env:X", "temperature": 1.0}


def test_a_new_model_takes_nothing_of_the_old_one_along() -> None:
    """The key of one provider must not go to another."""
    old = merged(None, {"model": "openai/a", "api_key": CANARY, "temperature": 0.1})

    assert merged(old, {"model": "groq/b"}).given() == {"model": "groq/b"}
    assert merged(old, "groq/b").given() == {"model": "groq/b"}


def test_a_key_is_not_shown_but_its_reference_is() -> None:
    literal = merged(None, {"model": "openai/a", "api_key": CANARY})
    reference = merged(None, {"model": "openai/a", "api_key": "env:OPENAI_API_KEY"})

    assert literal.shown()["api_key"] == "***"
    assert CANARY not in repr(literal)
    assert reference.shown()["api_key"] == "env:OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"temperature": 0.5}, "'model' is missing"),
        ({"model": "openai/a", "temprature": 1, "stpo": "x"}, "'temprature', 'stpo'"),
        ({"model": "openai/a", "wholly": 1}, "'wholly'"),
        ({"model": "openai/a", "temperature": "hot"}, "temperature"),
        ({"model": "openai/a", "extra_headers": {}}, "extra_headers"),
        ({"model": "huggingface/https://evil.example"}, "no name"),
        ({"model": "open ai"}, "no name"),
        ({"model": ""}, "no name"),
        ("", "no name"),
        ({"model": "openai/a", "api_key": " "}, "'api_key' is empty"),
        ({"model": "openai/a", "answers": []}, "'offline' alone"),
        ({"model": "offline", "api_key": "x", "timeout": 3}, "'api_key', 'timeout'"),
    ],
)
def test_wrong_options_are_named(change: Any, said: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        merged(None, change)

    assert said in caught.value.message
    assert caught.value.details["argument"] == "lm"


def test_misspelt_options_are_answered_with_the_near_ones() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        merged(None, {"model": "openai/a", "temprature": 1})

    assert caught.value.hint == "Did you mean 'temperature'?"


def test_options_are_compared_by_value() -> None:
    assert merged(None, "offline") == LMOptions(model="offline")
