from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest

from snakepit_bridge.errors import HandlerFailedError, InvalidArgumentError
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.old_convention import OldConvention


class Mode(StrEnum):
    FAST = "fast"


@dataclass
class Answer:
    text: str


@pytest.fixture
def old() -> OldConvention:
    return OldConvention(Fallback())


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"42", 42),
        (b'"42"', "42"),
        (b" [1, null] ", [1, None]),
        (b"1" * 5_000, (10**5_000 - 1) // 9),
        (b"hello", "hello"),
        ("größe".encode(), "größe"),
        (b"", ""),
        (b"NaN", "NaN"),
        (b"[NaN]", "[NaN]"),
        (b"-Infinity", "-Infinity"),
        (b"{broken", "{broken"),
        (b"\xff\xd8\xff", b"\xff\xd8\xff"),
    ],
    ids=lambda given: repr(given)[:20] if isinstance(given, bytes) else "",
)
def test_an_argument_is_json_else_text_else_bytes(
    old: OldConvention, data: bytes, value: object
) -> None:
    found = old.decode_args({"a": data})["a"]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "data", [b"1e999", b"[" * 100_000 + b"]" * 100_000, b'"\\ud800"', b"1" * 20_001]
)
def test_json_that_no_value_can_hold_is_not_taken_for_a_text(
    old: OldConvention, data: bytes
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        old.decode_args({"fine": b"1", "a": data, "b": data})

    assert caught.value.details["arguments"].keys() == {"a", "b"}
    assert "cannot be read as the old convention" in caught.value.message


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (b"\xff\x00", b"\xff\x00"),
        (bytearray(b"hi"), b"hi"),
        (memoryview(b"hi"), b"hi"),
        ("größe", "größe".encode()),
        (Mode.FAST, b"fast"),
        (None, b"null"),
        (True, b"true"),
        (42, b"42"),
        ((1, 2), b"[1,2]"),
        (["text"], b'["text"]'),
        (Answer("yes"), b'{"text":"yes"}'),
        ({1}, b'{"__ffi_unserializable__":true,"__type__":"builtins.set"}'),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)
def test_a_part_is_bytes_or_bare_text_or_json(
    old: OldConvention, value: object, part: bytes
) -> None:
    assert old.encode(value) == Encoded(parts={"result": part})
    assert old.encode({"a": value}) == Encoded(parts={"a": part})


def test_a_dict_is_spread_over_parts_by_its_keys(old: OldConvention) -> None:
    assert old.encode({"a": 1, 2: {"b": None}}).parts == {"a": b"1", "2": b'{"b":null}'}
    assert old.encode({}).parts == {}


@pytest.mark.parametrize(
    ("result", "path"),
    [
        ({"a": [1, "\ud800"]}, "$.a[1]"),
        ({"a": "\ud800"}, "$.a"),
        ({1: "x", "1": "y"}, '$["1"]'),
        ({(1, 2): "x"}, "$"),
        ("\ud800", "$"),
    ],
)
def test_a_result_that_cannot_travel_names_its_place(
    old: OldConvention, result: object, path: str
) -> None:
    with pytest.raises(HandlerFailedError) as caught:
        old.encode(result)

    assert caught.value.details["path"] == path
    assert caught.value.message.startswith(
        f"The handler's result cannot be sent as the old convention: {path} "
    )


def test_text_arguments_are_sent_with_quotes_and_bytes_as_they_are(old: OldConvention) -> None:
    assert old.encode_args({"a": "42", "b": b"\xff", "c": [1]}) == {
        "a": b'"42"',
        "b": b"\xff",
        "c": b"[1]",
    }


def test_a_lone_part_called_result_is_the_result(old: OldConvention) -> None:
    assert old.decode(Encoded(parts={"result": b"[1]"})) == [1]
    assert old.decode(old.encode({"result": 1})) == 1
    assert old.decode(old.encode({"result": 1, "b": 2})) == {"result": 1, "b": 2}
    assert old.decode(Encoded(parts={})) == {}


def test_a_part_that_no_value_can_hold_is_refused(old: OldConvention) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot be read as the old convention"):
        old.decode(Encoded(parts={"a": b"1e999"}))
