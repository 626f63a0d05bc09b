from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.arguments import (
    Argument,
    Binary,
    Described,
    Misdescribed,
    Typed,
)
from snakepit_bridge.values.snakepit.encodings import SnakepitEncodedChunks, SnakepitEncoding
from snakepit_bridge.values.tagged.tagged import Tagged

ONE = b'{"__type__":"tuple","__schema__":1,"elements":[1]}'
TENSOR = Blob(kind="tensor", dtype="int16", shape=(2,), data=b"\x01\x00\x02\x00")


class WantsBinary(Beside):
    wants_binary = True


@pytest.fixture
def tagged() -> SnakepitEncoding:
    return SnakepitEncoding(Tagged(Fallback()))


def test_an_argument_is_read_under_whatever_label(tagged: SnakepitEncoding) -> None:
    args: dict[str, Argument] = {
        "bare": ONE,
        "labelled": Typed("type.googleapis.com/snakepit.float", ONE),
    }

    assert tagged.decode_args(args) == {"bare": (1,), "labelled": (1,)}


def test_binary_arguments_are_bytes_or_what_they_are_described_as(
    tagged: SnakepitEncoding,
) -> None:
    args = tagged.decode_args({"a": ONE, "raw": Binary(b"\xff"), "array": Described(0)}, [TENSOR])

    assert args["a"] == (1,)
    assert args["raw"] == b"\xff"
    np.testing.assert_array_equal(args["array"], np.array([1, 2], "int16"), strict=True)


def test_every_wrong_argument_is_named_binary_or_not(tagged: SnakepitEncoding) -> None:
    wrong = Misdescribed(CannotReadError("has a bad description", "Describe it."))

    with pytest.raises(InvalidArgumentError) as caught:
        tagged.decode_args({"text": b"{", "fine": ONE, "array": wrong})

    assert caught.value.details["arguments"].keys() == {"text", "array"}
    assert "'text'" in caught.value.message
    assert "'array' ($ has a bad description)" in caught.value.message
    assert "Describe it." in caught.value.hint


def test_a_wrong_binary_argument_alone_is_named(tagged: SnakepitEncoding) -> None:
    short = Blob(kind="tensor", dtype="int16", shape=(3,), data=b"\x01\x00")

    with pytest.raises(InvalidArgumentError, match="'array'") as caught:
        tagged.decode_args({"fine": ONE, "array": Described(0)}, [short])

    assert caught.value.details["arguments"].keys() == {"array"}


def test_a_value_is_labelled_with_the_name_of_its_encoding() -> None:
    assert SnakepitEncoding(Tagged(Fallback())).encode((1,)) == Encoded(ONE, label="tagged")
    assert SnakepitEncoding(MessagePack(Fallback())).encode([1]) == Encoded(
        b"\x91\x01", label="msgpack"
    )


def test_binary_data_are_wanted_or_not(tagged: SnakepitEncoding) -> None:
    array = np.array([1, 2], "int16")

    beside = tagged.encode(array, WantsBinary())

    assert beside.binary == TENSOR.data
    assert beside.label == "map"
    np.testing.assert_array_equal(tagged.decode(beside), array, strict=True)
    inside = tagged.encode(array)
    assert inside.binary is None
    np.testing.assert_array_equal(tagged.decode(inside), array, strict=True)


@pytest.mark.parametrize("value", [b"", np.zeros(0), np.float32(1.5)], ids=["b", "0", "number"])
def test_nothing_travels_beside_a_value_that_is_whole_without(
    tagged: SnakepitEncoding, value: Any
) -> None:
    encoded = tagged.encode(value, WantsBinary())

    assert encoded.binary is None
    assert encoded.label == "tagged"
    assert type(tagged.decode(encoded)) is type(value)


def test_an_answer_that_is_not_what_its_description_says_is_refused(
    tagged: SnakepitEncoding,
) -> None:
    answer = Encoded(b'{"kind":"tensor","dtype":"int16","shape":[3]}', binary=b"\x01")

    with pytest.raises(InvalidArgumentError, match="answer cannot be read as tagged"):
        tagged.decode(answer)


def test_a_chunk_holds_its_item_in_the_encoding_bytes_too() -> None:
    chunks = SnakepitEncodedChunks(Tagged(Fallback()))
    chunk = SimpleNamespace(data=(1,), is_final=True, metadata={"k": 1})

    assert chunks.encode((1,)) == Encoded(ONE)
    assert chunks.encode(chunk) == Encoded(ONE, is_final=True, metadata={"k": "1"})
    data = chunks.encode(b"\xff", WantsBinary())
    assert data.binary is None
    assert chunks.decode(data) == b"\xff"
