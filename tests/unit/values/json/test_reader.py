from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotReadError, NotThisEncodingError


def _read(data: bytes) -> Any:
    return read_json(data, special_floats=True)


def _nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"null", None),
        (b" true ", True),
        (b"1", 1),
        (b"1.0", 1.0),
        (b"1e2", 100.0),
        (b"-0", 0),
        (b"1e-400", 0.0),
        (b"18446744073709551616", 2**64),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"1" * 4_301, (10**4_301 - 1) // 9),
        (b"-" + b"9" * 20_000, 1 - 10**20_000),
        ('"größe"'.encode(), "größe"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": NaN, "a": 2}', {"a": 2}),
    ],
    ids=lambda given: repr(given)[:20] if isinstance(given, bytes) else "",
)
def test_json_is_read_exactly(data: bytes, value: object) -> None:
    found = _read(data)

    assert found == value
    assert type(found) is type(value)


def test_bare_special_floats_are_read_where_they_are_welcome() -> None:
    nan, high, low, text = _read(b'[NaN, Infinity, -Infinity, "NaN"]')

    assert math.isnan(nan)
    assert (high, low, text) == (math.inf, -math.inf, "NaN")


def test_bare_special_floats_are_not_json() -> None:
    with pytest.raises(NotThisEncodingError, match="NaN is not JSON"):
        read_json(b"[NaN]", special_floats=False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Expecting value at byte 0"),
        (b"hello", "Expecting value at byte 0"),
        (b'["\xc3\xa9", x]', "Expecting value at byte 7"),
        (b"1 2", "Extra data at byte 2"),
        (b"[1,]", "Expecting value at byte 3"),
        (b'"a', "Unterminated string starting at byte 0"),
        (b'"a\x01"', "Invalid control character at byte 2"),
        (b'["\xff"]', "not UTF-8 at byte 2"),
        (b"\xef\xbb\xbf1", "Expecting value at byte 0"),
        ("1".encode("utf-16"), "not UTF-8 at byte 0"),
    ],
)
def test_text_that_is_not_json_is_refused_with_the_byte(data: bytes, reason: str) -> None:
    with pytest.raises(NotThisEncodingError) as caught:
        _read(data)

    assert str(caught.value) == reason
    assert caught.value.hint.startswith('Send JSON, e.g. "text" with quotes')


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b'{"a": [1, %s]}' % (b"1" * 20_001),
            "$.a[1] is an integer of 20001 digits; at most 20000 are read",
        ),
        (
            b"-" + b"1" * 20_001,
            "$ is an integer of 20001 digits; at most 20000 are read",
        ),
        (b"[0, -1e999]", "$[1] is a number beyond the range of 64-bit floats"),
        (b'{"a": ["\\ud800"]}', "$.a[0] has a lone surrogate, which is half a character"),
        (b'{"\\udc00": 1}', '$["\\udc00"] has a lone surrogate, which is half a character'),
        (_nested(100_000), "$ is nested deeper than 200 levels"),
        (b"[NaN," + _nested(100_000) + b"]", "$ is nested deeper than 200 levels"),
    ],
    ids=["integer", "negative", "float", "text", "key", "deep", "deep beside NaN"],
)
def test_json_that_no_value_can_hold_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(CannotReadError) as caught:
        _read(data)

    assert str(caught.value) == message
    assert caught.value.hint


def test_json_is_read_down_to_the_limit_of_nesting() -> None:
    assert json.dumps(_read(_nested(MAX_DEPTH))).encode() == _nested(MAX_DEPTH)

    with pytest.raises(CannotReadError) as caught:
        _read(b'{"a": %s}' % _nested(500 * MAX_DEPTH))

    assert caught.value.reason == "is nested deeper than 200 levels"


def test_the_exact_reader_names_the_place_of_what_is_too_deep() -> None:
    with pytest.raises(CannotReadError) as caught:
        _read(b'{"x": NaN, "a": %s}' % _nested(MAX_DEPTH))

    assert caught.value.path.startswith("$.a[0][0]")


@pytest.mark.parametrize("data", [b"[%s]" % b",".join([b"[{}]"] * 500), b'"%s"' % (b"[" * 500)])
def test_many_brackets_beside_each_other_are_not_deep(data: bytes) -> None:
    assert _read(data) == json.loads(data)


@given(data=st.binary() | st.text(alphabet='[]{}",:\\u0123456789.eE+-nulltrefas ').map(str.encode))
def test_whatever_arrives_is_read_as_the_standard_library_does_or_refused(data: bytes) -> None:
    try:
        found = read_json(data, special_floats=False)
    except CannotReadError:
        return

    assert found == json.loads(data.decode())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_python_writes_is_read_back(value: object) -> None:
    assert _read(json.dumps(value).encode()) == value
