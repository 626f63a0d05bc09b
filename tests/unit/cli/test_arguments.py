from __future__ import annotations

from typing import Any

import click
import pytest

from snakepit_bridge.cli.arguments import arguments_from, quoting_hint, value_from
from snakepit_bridge.errors import BridgeError, InvalidArgumentError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Ada", "Ada"),
        ("", ""),
        ("3", 3),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("{not json", "{not json"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("a=b", "a=b"),
        ("[" * 100_000, "[" * 100_000),
        (str(2**80), 2**80),
    ],
)
def test_a_value_is_json_where_it_can_be_and_text_where_not(text: str, value: Any) -> None:
    assert value_from(text) == value
    assert arguments_from([f"key={text}"], None) == {"key": value}


def test_words_come_on_top_of_the_json_object() -> None:
    arguments = arguments_from(["b=3"], '{"a": 1, "b": 2}')

    assert arguments == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("words", "example"),
    [
        (["name", "Ada"], "name=Ada"),
        (["a=1", "name", "Ada"], "name=Ada"),
        (["name"], "name=VALUE"),
        (["name", "b=1"], "name=VALUE"),
        (["=Ada"], "=Ada=VALUE"),
    ],
)
def test_a_word_without_equals_is_answered_with_how_to_write_it(
    words: list[str], example: str
) -> None:
    with pytest.raises(click.UsageError) as caught:
        arguments_from(words, None)

    assert f"did you mean {example!r}?" in caught.value.message


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(click.UsageError, match="'a' is given twice"):
        arguments_from(["a=1", "a=2"], None)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "must be a JSON object"), ("{", "--args is no JSON"), ("[" * 100_000, "is no JSON")],
)
def test_what_is_no_json_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        arguments_from([], text)


@pytest.mark.parametrize(
    ("why", "value", "hint"),
    [
        (
            "is wrong: expected `str`, got `int`",
            3,
            """For text that looks like JSON write a='"3"'.""",
        ),
        ("is wrong: expected `str`, got `int`", "x", ""),
        ("is wrong: expected `int`, got `str`", "x", ""),
        ("is missing", 3, ""),
    ],
)
def test_text_that_was_read_as_json_is_answered_with_how_to_quote_it(
    why: str, value: Any, hint: str
) -> None:
    error = InvalidArgumentError("Wrong arguments.", {"arguments": {"a": why, "b": why}})

    assert quoting_hint(error, {"a": value}) == hint


@pytest.mark.parametrize("details", [{}, {"arguments": "all"}])
def test_other_failures_need_no_quoting(details: dict[str, Any]) -> None:
    assert quoting_hint(BridgeError("no", details), {"a": 3}) == ""
