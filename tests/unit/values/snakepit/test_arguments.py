from __future__ import annotations

import math

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refusals import CannotReadError, NotThisEncodingError
from snakepit_bridge.values.snakepit.arguments import (
    Binary,
    Described,
    Misdescribed,
    Typed,
    is_packed_text,
    read_argument,
    read_text,
)
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef

HANDLE = b'{"__snakepit_zero_copy__":true,"kind":"arrow"}'


class Bytes(bytes):
    __slots__ = ()


@pytest.mark.parametrize("kind", [bytes, Bytes])
def test_bare_bytes_are_json(kind: type[bytes]) -> None:
    assert read_argument(kind(b'{"a":[1,2.5,null,"x"]}')) == {"a": [1, 2.5, None, "x"]}


def test_binary_is_taken_as_it_is() -> None:
    assert read_argument(Binary(b"\x80\x04N.")) == b"\x80\x04N."


def test_described_data_are_what_their_blob_stands_for() -> None:
    blobs = [Blob(kind="bytes", data=b"first"), Blob(kind="bytes", data=b"second")]

    assert read_argument(Described(1), blobs) == b"second"


def test_data_with_a_wrong_description_are_refused_for_its_reason() -> None:
    with pytest.raises(CannotReadError, match="has no such kind"):
        read_argument(Misdescribed(CannotReadError("has no such kind", "Name one.")))


def test_a_label_counts_where_there_is_one() -> None:
    label = "type.googleapis.com/snakepit.float"

    assert math.isnan(read_argument(Typed(label, b'"NaN"')))
    assert repr(read_argument(Typed(label, b"3"))) == "3.0"


@pytest.mark.parametrize("given_as", [HANDLE, Typed("type.googleapis.com/snakepit.map", HANDLE)])
def test_a_handle_is_a_whole_argument(given_as: bytes | Typed) -> None:
    read = read_argument(given_as)

    assert isinstance(read, ZeroCopyRef)
    assert read.kind == "arrow"


def test_a_handle_inside_an_argument_stays_a_dict() -> None:
    assert type(read_argument(b"[" + HANDLE + b"]")[0]) is dict


@pytest.mark.parametrize("flag", [b"false", b"null", b"0", b'""'])
def test_a_handle_says_that_it_is_one(flag: bytes) -> None:
    assert type(read_argument(b'{"__snakepit_zero_copy__":' + flag + b"}")) is dict


@pytest.mark.defect("D4", "D35")
@pytest.mark.parametrize("data", [b'{"binary_format":"pickle"}', b"\x80\x04N."])
def test_data_in_a_binary_form_of_their_own_are_refused(data: bytes) -> None:
    label = "type.googleapis.com/snakepit.tensor.binary"

    with pytest.raises(CannotReadError, match=r"'type.*tensor\.binary'") as caught:
        read_argument(Typed(label, data))

    assert "Pickled data are never read" in caught.value.hint


@pytest.mark.parametrize("packed", ["hello", "", "ä" * 100, "x" * 300])
def test_a_packed_text_is_recognised(packed: str) -> None:
    data = StringValue(value=packed).SerializeToString()

    with pytest.raises(NotThisEncodingError) as caught:
        read_argument(data)

    expected = "nothing was sent" if not packed else "a packed google.protobuf.StringValue"
    assert str(caught.value) == expected
    assert is_packed_text(data) == bool(packed)


@given(st.text(min_size=1))
def test_every_packed_text_is_recognised(text: str) -> None:
    assert is_packed_text(StringValue(value=text).SerializeToString())


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\n\x05hell", b"\n\x05helloo", b"\x12\x01a", b"\n" + b"\xff" * 9]
)
def test_other_bytes_are_no_packed_text(data: bytes) -> None:
    assert not is_packed_text(data)


def test_text_without_quotes_is_refused_with_the_way_to_send_it() -> None:
    with pytest.raises(NotThisEncodingError, match="Expecting value at byte 0") as caught:
        read_text(b"hello")

    assert caught.value.hint == 'Send JSON, e.g. "text" with quotes.'


def test_special_floats_may_stand_bare() -> None:
    read = read_text(b"[NaN,-Infinity]")

    assert math.isnan(read[0])
    assert read[1] == -math.inf
