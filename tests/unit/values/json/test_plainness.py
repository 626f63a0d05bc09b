from __future__ import annotations

import enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.json.plainness import has_text_keys, is_plain, is_row_of_constants
from snakepit_bridge.values.refusals import MAX_DEPTH


class Text(str):
    __slots__ = ()


class Size(enum.IntEnum):
    SMALL = 3


NAN, INF = float("nan"), float("inf")

NOT_PLAIN = [
    NAN,
    INF,
    -INF,
    (1, 2),
    {1, 2},
    b"hi",
    Text("hi"),
    Size.SMALL,
    {1: "a"},
    {Text("a"): 1},
    {None: 1},
    1j,
    object(),
]


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        10**100,
        1.5,
        "größe",
        [],
        {},
        [1, "a", None, 2.5, {"a": [True]}],
        {"a": {"b": [1.5, 2.5]}},
        [1.5] * 100,
        [[1, 2.5]] * 100,
    ],
)
def test_json_data_are_plain(value: object) -> None:
    assert is_plain(value)


@pytest.mark.parametrize("value", NOT_PLAIN, ids=lambda value: repr(value).partition(" at 0x")[0])
@pytest.mark.parametrize(
    "place",
    [
        lambda value: value,
        lambda value: [value],
        lambda value: {"a": value},
        lambda value: [[1], {"a": ["b", value]}],
        lambda value: [1.5] * 100 + [value],
        lambda value: [0] * 100 + [value],
        lambda value: [None] * 100 + [value],
    ],
    ids=["alone", "in a list", "in a dict", "deep", "after floats", "after ints", "after None"],
)
def test_one_thing_that_is_not_plain_is_found_anywhere(value: object, place: Any) -> None:
    assert not is_plain(place(value))


def test_data_are_plain_down_to_the_limit_of_nesting() -> None:
    assert is_plain(_nested(MAX_DEPTH))
    assert not is_plain(_nested(MAX_DEPTH + 1))


def test_data_that_contain_themselves_are_not_plain() -> None:
    rows: list[Any] = []
    rows.append({"rows": rows})

    assert not is_plain(rows)


@pytest.mark.parametrize(
    ("members", "are_constant"),
    [
        ([], True),
        ([1.5, 2.5], True),
        ([1e308, 1e308], True),
        ([1.5, NAN], False),
        ([INF, -INF], False),
        ([2**64 - 1, -(2**63)], True),
        ([0, 2**64], False),
        ([0, -(2**63) - 1], False),
        ([None, True, False], True),
        ([1, 1.5], False),
        ([1, True], False),
        (["a"], False),
        ([[]], False),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_a_row_of_constants_needs_no_closer_look(
    members: list[object], *, are_constant: bool
) -> None:
    assert is_row_of_constants(members) == are_constant


def test_only_exact_text_counts_as_a_text_key() -> None:
    assert has_text_keys({"a": 1, "b": 2})
    assert has_text_keys({})
    assert not has_text_keys({"a": 1, Text("b"): 2})
    assert not has_text_keys({"a": 1, 1: 2})


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.binary()
        | st.dates()
        | st.tuples(st.integers()),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.integers(), inner)
            | st.tuples(inner)
            | st.frozensets(st.integers())
        ),
    )
)
def test_what_is_plain_survives_the_fast_encoder_unchanged(value: object) -> None:
    if is_plain(value):
        assert msgspec.json.decode(msgspec.json.encode(value)) == value
