from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from snakepit_bridge.testing.elixir.json_rules import (
    LABEL,
    BinaryResult,
    NotEncodableError,
    NotJsonError,
    ZeroCopy,
    decoded,
    encoded,
    tool_result,
    wire_value,
)
from tests.ids import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (42, "42"),
        (10**29, "1" + 29 * "0"),
        (0.1, "0.1"),
        ("hé", '"hé"'),
        (b"binary", '"binary"'),
        ([1, "a", None], '[1,"a",null]'),
        ({"a": {"b": []}}, '{"a":{"b":[]}}'),
        ({0: "no", b"two": 2, True: 3, None: 4}, '{"0":"no","two":2,"true":3,"nil":4}'),
        (date(2026, 1, 11), '"2026-01-11"'),
        (time(1, 2, 3), '"01:02:03"'),
        (datetime(2026, 1, 11, 10, 30, tzinfo=UTC), '"2026-01-11T10:30:00+00:00"'),
        (Decimal("1.10"), '"1.10"'),
        (
            ZeroCopy({"kind": "dlpack", "ref": "g2Q="}),
            '{"__snakepit_zero_copy__":true,"kind":"dlpack","ref":"g2Q="}',
        ),
    ],
)
def test_what_stands_for_a_value_of_elixir_is_written_as_elixir_writes_it(
    value: object, text: str
) -> None:
    assert encoded(value).decode() == text


@pytest.mark.parametrize(
    "value",
    [(1, 2), b"\xff", [b"\xff"], {"k": (1,)}, {(1,): 1}, math.nan, math.inf, object(), "\ud800"],
    ids=shown,
)
def test_what_elixir_could_not_write_is_refused(value: object) -> None:
    with pytest.raises(NotEncodableError):
        encoded(value)


def test_everything_elixir_sends_has_the_same_label() -> None:
    assert wire_value(42).type_url == LABEL
    assert wire_value("text").value == b'"text"'


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"42", 42), (b"42.0", 42.0), (b' {"a": [1]} ', {"a": [1]}), (b'"h\\u00e9"', "hé")],
)
def test_json_is_read_whatever_the_label(text: bytes, value: Any) -> None:
    read = decoded(text)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"NaN",
        b'{"a": Infinity}',
        b"hello",
        b'"\xff"',
        b"1e400",
        b'"\\ud800"',
        StringValue(value="text").SerializeToString(),
    ],
)
def test_what_elixir_cannot_read_is_no_json(data: bytes) -> None:
    with pytest.raises(NotJsonError):
        decoded(data)


def test_a_tools_binary_travels_beside_its_metadata() -> None:
    assert tool_result(BinaryResult(b"\x89PNG")) == (wire_value({}), b"\x89PNG")

    value, binary = tool_result(BinaryResult(b"\x89PNG", {"content_type": "image/png"}))

    assert (value.value, binary) == (b'{"content_type":"image/png"}', b"\x89PNG")


def test_a_tools_result_that_elixir_cannot_write_goes_out_as_what_inspect_makes_of_it() -> None:
    value, binary = tool_result((1, 2))

    assert (value.value, binary) == (b"(1, 2)", b"")


def test_other_results_of_tools_are_json() -> None:
    assert tool_result({"sum": 3}) == (wire_value({"sum": 3}), b"")
