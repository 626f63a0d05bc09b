from __future__ import annotations

import json
from array import array
from ctypes import create_string_buffer
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.session.variable_data import (
    NoDataError,
    array_shape,
    copied,
    shown,
    size_of,
)
from snakepit_bridge.values.refusals import MAX_DEPTH

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def _nested(levels: int, kind: type = list) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = kind([value])
    return value


@given(value=JSON)
def test_a_copy_is_equal_and_of_the_same_types(value: Any) -> None:
    assert repr(copied(value)) == repr(value)


@dataclass
class Point:
    x: list[int]


@pytest.mark.parametrize(
    "value", [[[1]], {"a": [1]}, ([1],), {1, 2}, bytearray(b"a"), array("d", [1.0]), Point([1])]
)
def test_a_copy_shares_nothing_changeable(value: Any) -> None:
    again = copied(value)

    assert again == value
    assert type(again) is type(value)
    assert again is not value


def test_what_lies_inside_is_copied_too() -> None:
    value = {"rows": ([1],)}
    again = copied(value)

    value["rows"][0].append(2)

    assert again == {"rows": ([1],)}


@pytest.mark.parametrize("kind", [list, tuple])
def test_what_is_too_deep_is_not_copied(kind: type) -> None:
    assert copied(_nested(MAX_DEPTH, kind)) == _nested(MAX_DEPTH, kind)
    with pytest.raises(NoDataError, match="deeper than 200 levels"):
        copied(_nested(MAX_DEPTH + 1, kind))


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet="abcé"),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4)
        ),
    )
)
def test_the_size_is_that_of_the_json(value: Any) -> None:
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    assert size_of(value) == len(compact.encode())


@pytest.mark.parametrize(
    ("value", "size_bytes"),
    [
        (array("d", [0.0] * 1000), 8004),
        ([array("f", [0.0] * 10), array("b", [0])], 52),
        (1 + 2j, 9),
        ((1, 2), 5),
        ({1: 2}, 7),
        ({(1, 2): 3}, 11),
        ({None: 1, True: 2, b"x": 3, frozenset(): 4}, 35),
        (2**100, 31),
        (datetime(2030, 1, 1, tzinfo=UTC), 22),
    ],
)
def test_data_beyond_json_have_a_size(value: Any, size_bytes: int) -> None:
    assert size_of(value) == size_bytes


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "object is no data"),
        ([object()], "object is no data"),
        (len, "builtin_function_or_method is no data"),
        ({(1, object()): 3}, "object is no data"),
        ("\ud800", "surrogates not allowed"),
        pytest.param(10**5000, "digits", id="long integer"),
        (create_string_buffer(2), "is no data"),
        (_nested(5000), "deeper than 200 levels"),
    ],
)
def test_what_is_no_data_has_none(value: Any, reason: str) -> None:
    with pytest.raises(NoDataError, match=reason):
        size_of(value)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (array("d", [1.0, 2.0]), (2,)),
        (array("b", []), (0,)),
        (memoryview(b"12345678"), None),
        (b"12", None),
        (bytearray(b"12"), None),
        ("12", None),
        ([1, 2], None),
        (create_string_buffer(2), None),
    ],
)
def test_arrays_of_numbers_have_a_shape(value: Any, shape: tuple[int, ...] | None) -> None:
    assert array_shape(value) == shape


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a" * 10_000, "'aaa"),
        (list(range(10_000)), "[0, 1, 2"),
        pytest.param(10**5000, "a int too long to show", id="long integer"),
        ([10**5000], "a list too long to show"),
        (0.5, "0.5"),
    ],
)
def test_a_value_is_shown_in_few_characters(value: Any, text: str) -> None:
    assert shown(value).startswith(text)
    assert len(shown(value)) <= 120
