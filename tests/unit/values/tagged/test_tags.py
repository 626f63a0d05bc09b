from __future__ import annotations

import pytest

from snakepit_bridge.values.tagged.tags import (
    TagError,
    field,
    is_reserved,
    list_field,
    optional_text,
    shown,
    tag,
    text_field,
    whole_field,
)


def test_a_tag_says_what_it_is_and_of_which_schema() -> None:
    assert tag("tool", name="weather") == {"__type__": "tool", "__schema__": 1, "name": "weather"}


@pytest.mark.parametrize(
    ("members", "reserved"),
    [
        ({}, False),
        ({"type": 1}, False),
        ({"__type__": 1}, True),
        ({"__snakebridge_ref__": 1}, True),
    ],
)
def test_keys_of_tags_are_reserved(members: dict[str, object], *, reserved: bool) -> None:
    assert is_reserved(members) is reserved


def test_the_first_field_there_is_counts() -> None:
    members = {"value": 2, "data": 1, "text": "a", "list": [1], "null": None}

    assert field(members, "data", "value") == 1
    assert field(members, "elements", "value") == 2
    assert text_field(members, "none", "text") == "a"
    assert list_field(members, "list") == [1]
    assert whole_field(members, "value") == 2
    assert optional_text(members, "null") == optional_text(members, "none") == ""
    assert optional_text(members, "text") == "a"


def test_a_field_that_is_missing_or_of_another_kind_is_named() -> None:
    members = {"a": True, "b": ["x"], "c": "y" * 50}

    for refuse, message in (
        (lambda: field(members, "x", "y"), 'without "x"'),
        (lambda: text_field(members, "x", "b"), "whose \"b\" is of type 'list', not text"),
        (lambda: whole_field(members, "a"), 'whose "a" is True, not an integer'),
        (lambda: list_field(members, "c"), f"whose \"c\" is '{'y' * 40}...', not a list"),
        (lambda: optional_text(members, "a"), 'whose "a" is True, not text'),
    ):
        with pytest.raises(TagError) as caught:
            refuse()
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1.5, "1.5"),
        (-7, "-7"),
        (10**15, "of type 'int'"),
        (10**9_000, "of type 'int'"),
        ("grün", "'gr\\xfcn'"),
        ({}, "of type 'dict'"),
    ],
    ids=["null", "float", "int", "long", "endless", "text", "dict"],
)
def test_values_are_shown_in_few_characters(value: object, text: str) -> None:
    assert shown(value) == text
