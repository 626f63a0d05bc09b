from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.json.duplicate_keys import keys_and_levels, refuse_duplicate_keys
from snakepit_bridge.values.refusals import CannotReadError


def _refuse(data: bytes) -> None:
    refuse_duplicate_keys(data, json.loads(data))


@pytest.mark.parametrize(
    "data",
    [
        b"1",
        b'"a:b"',
        b"[]",
        b"{}",
        b'{"a":1,"b":{"a":2}}',
        b'[{"a":1},{"a":1}]',
        b'{"a" : 1, "b"\n:\t{"a"\r\n:2}, "c":[{"a"\t: 3}]}',
        b'{"a":"b\\":c"}',
        b'{"a\\\\":1,"b":"\\\\\\":"}',
        b'{"":"\\" :"}',
        b'{"a":"x :y","b":"http://c"}',
        b'{"a":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,{"b":0}]}',
    ],
)
def test_keys_that_are_there_once_are_fine(data: bytes) -> None:
    _refuse(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a":1,"a":2}', "$ has the key 'a' more than once"),
        (b'{"a":1,"a" :2}', "$ has the key 'a' more than once"),
        (b'{"a":1,"a"\n:2,"b":3}', "$ has the key 'a' more than once"),
        (b'{"a":1,"\\u0061":2}', "$ has the key 'a' more than once"),
        (b'{"a\\\\":1,"a\\\\":2}', "$ has the key 'a\\\\' more than once"),
        (b'{"x":[0,{"":1,"b":":","":{}}]}', "$.x[1] has the key '' more than once"),
        (b'{"a":{"b":1},"a":{"c":2}}', "$ has the key 'a' more than once"),
        (b'{"a":1e999,"a":%s}' % (b"1" * 9_000), "$ has the key 'a' more than once"),
        (b'{"a":"x :y","c":{"a":1,"a":2}}', "$.c has the key 'a' more than once"),
        (
            b'{"%s":1,"%s":2}' % (b"k" * 90, b"k" * 90),
            f"$ has the key '{'k' * 40}...' more than once",
        ),
    ],
)
def test_a_key_that_is_there_twice_is_named_with_its_object(data: bytes, message: str) -> None:
    with pytest.raises(CannotReadError) as caught:
        refuse_duplicate_keys(data, json.loads(data, parse_int=str))

    assert str(caught.value) == message
    assert caught.value.hint == "Send each key of an object once."


def test_a_second_look_does_not_go_too_deep() -> None:
    data = b'{"a":1,"a":2,"b":%s}' % (b"[" * 100_000 + b"]" * 100_000)

    with pytest.raises(CannotReadError, match="is nested deeper"):
        refuse_duplicate_keys(data, {"a": 2, "b": []})


@pytest.mark.parametrize(
    ("value", "keys", "levels"),
    [
        (1, 0, 0),
        ([], 0, 1),
        ({"a": [], "b": {"c": [[]]}}, 3, 4),
        ([1.5] * 99, 0, 1),
        ([*range(99), {"a": 1}], 1, 2),
    ],
)
def test_keys_and_levels_are_counted(value: object, keys: int, levels: int) -> None:
    assert keys_and_levels(value) == (keys, levels)


_TEXTS = st.text(alphabet='a":\\ \n\t,{', max_size=4)


@st.composite
def _objects(draw: st.DrawFn, depth: int = 2) -> tuple[str, bool]:
    """JSON text with spaces anywhere, and whether an object in it has a key twice."""
    members = draw(
        st.lists(st.tuples(_TEXTS, st.sampled_from(["", " ", "\n", "\t\r"])), max_size=4)
    )
    keys = [key for key, _ in members]
    doubled = len(set(keys)) < len(keys)
    parts = []
    for key, space in members:
        text, doubled_inside = json.dumps(draw(_TEXTS)), False
        if depth and draw(st.booleans()):
            text, doubled_inside = draw(_objects(depth - 1))
        doubled = doubled or doubled_inside
        parts.append(f"{json.dumps(key)}{space}:{space}{text}")
    return "{" + ",".join(parts) + "}", doubled


@given(_objects())
def test_no_text_hides_a_doubled_key_or_looks_like_one(case: tuple[str, bool]) -> None:
    text, doubled = case
    refused: Any = None
    try:
        _refuse(text.encode())
    except CannotReadError as error:
        refused = error

    assert (refused is not None) == doubled
