from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec
import pytest
from hypothesis import given

from snakepit_bridge.values.message_pack.plainness import (
    BYTES_BESIDE,
    has_only_scalars,
    is_plain,
)
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH
from tests.unit.values.strategies import ANY_VALUE, same


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
        2**70,
        float("nan"),
        "a",
        b"a",
        [],
        {},
        [1, {"a": [None, b"b", [{}]], "c": {"d": 1.5}}, [2]],
        _nested(MAX_DEPTH),
    ],
    ids=lambda each: repr(each)[:20],
)
def test_data_of_exact_plain_types_are_plain(value: object) -> None:
    assert is_plain(value)


@pytest.mark.parametrize(
    "value",
    [
        (1,),
        {1},
        Ref("a"),
        1j,
        OrderedDict(a=1),
        b"x" * BYTES_BESIDE,
        bytearray(b"a"),
        {1: "a"},
        {"a": [{"b": {None: 1}}]},
        [[{"a": (1,)}]],
        {"a": [b"x" * BYTES_BESIDE]},
        _nested(MAX_DEPTH + 1),
    ],
    ids=lambda each: repr(each)[:20],
)
def test_everything_else_is_not(value: object) -> None:
    assert not is_plain(value)


@given(value=ANY_VALUE)
def test_what_is_plain_is_written_unchanged_or_refused_by_the_encoder(value: object) -> None:
    if not is_plain(value):
        return
    try:
        written = msgspec.msgpack.encode(value)
    except OverflowError:
        return

    assert same(msgspec.msgpack.decode(written), value)


def test_lists_that_hold_themselves_twice_end() -> None:
    circle: list[Any] = []
    circle += [circle, {"a": circle, "b": circle}]

    assert not is_plain(circle)


def test_lists_that_hold_the_same_list_twice_are_looked_at_once() -> None:
    value: list[Any] = [1]
    for _ in range(MAX_DEPTH - 1):
        value = [value, value]

    assert is_plain(value)


@pytest.mark.parametrize("value", [[1, "a", None], (1, 2.5), {True}, {"a": 1}, [], {}])
def test_rows_and_dicts_of_nothing_but_scalars_are_told(value: object) -> None:
    assert has_only_scalars(value)


@pytest.mark.parametrize("value", [[[]], (b"a",), {"a": []}, {1: 1}])
def test_rows_and_dicts_with_other_members_are_told(value: object) -> None:
    assert not has_only_scalars(value)
