from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.plain_json import PlainJson

HUGE = st.builds(
    lambda sign, exponent, rest: sign * 10**exponent + rest,
    st.sampled_from([1, -1]),
    st.integers(min_value=15, max_value=6_000),
    st.integers(),
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | HUGE
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def plain() -> PlainJson:
    return PlainJson(Fallback())


def _shape(value: Any) -> Any:
    """The value with every type spelled out, because ``True == 1 == 1.0`` and ``-0.0 == 0.0``."""
    if isinstance(value, dict):
        return {key: _shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shape(member) for member in value]
    # Hexadecimal, because integers here may have more digits than CPython likes to convert.
    return type(value), hex(value) if type(value) is int else repr(value)


@given(value=JSON_VALUES)
def test_json_values_come_back_equal_and_of_the_same_type(value: object) -> None:
    plain = PlainJson(Fallback())

    assert _shape(plain.decode(plain.encode(value))) == _shape(value)
    assert _shape(plain.decode_args(plain.encode_args({"a": value}))) == {"a": _shape(value)}


def test_the_whole_value_travels_in_one_piece(plain: PlainJson) -> None:
    assert plain.encode({"a": (1, date(2026, 1, 11))}) == Encoded(b'{"a":[1,"2026-01-11"]}')


def test_arguments_may_hold_the_special_floats_python_writes(plain: PlainJson) -> None:
    args = plain.decode_args({"a": json.dumps([math.nan, math.inf]).encode(), "b": b'"NaN"'})

    assert math.isnan(args["a"][0])
    assert args["a"][1] == math.inf
    assert args["b"] == "NaN"


def test_special_floats_leave_as_texts_that_every_json_reader_takes(plain: PlainJson) -> None:
    values = [math.nan, math.inf, -math.inf]

    assert plain.encode(values).value == b'["NaN","Infinity","-Infinity"]'
    assert plain.encode_args({"a": values}) == {"a": b'["NaN","Infinity","-Infinity"]'}
    assert plain.decode(plain.encode(values)) == ["NaN", "Infinity", "-Infinity"]


def test_every_argument_that_is_not_json_is_named(plain: PlainJson) -> None:
    args = {"text": b"hello", "fine": b"1", "empty": b"", "deep": b"[" * 100_000 + b"]" * 100_000}

    with pytest.raises(InvalidArgumentError) as caught:
        plain.decode_args(args)

    reasons = caught.value.details["arguments"]
    assert reasons.keys() == {"text", "empty", "deep"}
    assert reasons["text"] == "Expecting value at byte 0"
    assert "nested deeper than 200 levels" in reasons["deep"]
    assert "'text' (Expecting value at byte 0)" in caught.value.message
    assert caught.value.hint.startswith(
        'Send JSON, e.g. "text" with quotes, or use the empty encoding for bare text.'
    )


def test_every_argument_that_cannot_be_sent_is_named(plain: PlainJson) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        plain.encode_args({"fine": 1, "broken": "\ud800", "clashing": {1: 1, "1": 2}})

    assert caught.value.details["arguments"].keys() == {"broken", "clashing"}


def test_a_result_that_cannot_travel_names_its_place(plain: PlainJson) -> None:
    with pytest.raises(HandlerFailedError) as caught:
        plain.encode({"a": [1, "\ud800"]})

    assert caught.value.message == (
        "The handler's result cannot be sent as json: "
        "$.a[1] has a lone surrogate, which is half a character."
    )
    assert caught.value.details["path"] == "$.a[1]"
    assert caught.value.hint.startswith("Repair the text")


def test_an_answer_that_is_not_json_is_refused(plain: PlainJson) -> None:
    with pytest.raises(InvalidArgumentError, match="answer cannot be read as json: Expecting"):
        plain.decode(Encoded(b""))
