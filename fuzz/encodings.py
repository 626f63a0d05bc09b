"""The encodings under attack, and what came beside the values."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import msgspec
import pyarrow as pa

from fuzz.judging import REFUSED, check_return, ensure, read
from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.binary.arrow_streams import stream_of
from snakepit_bridge.values.blob import ARROW, BYTES, TENSOR, Blob
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.value_types import ValueTypes

TYPES = ValueTypes()
"""One of each sort of type that may be registered."""


@TYPES.register(name="Color")
class Color(Enum):
    """An enum."""

    RED = "red"
    PAIR = (1, 2)


@TYPES.register(name="Point")
@dataclass(frozen=True)
class Point:
    """A dataclass that goes wherever its fields go."""

    x: object
    y: object = 0


@TYPES.register(name="Pair")
class Pair(NamedTuple):
    """A named tuple."""

    left: object
    right: object


@TYPES.register(name="Item")
class Item(msgspec.Struct, frozen=True):
    """A struct."""

    name: object = ""


BLOBS = (
    Blob(kind=BYTES, data=memoryview(b"some bytes")),
    Blob(kind=TENSOR, dtype="float32", shape=(2,), data=struct.pack("<2f", 1.5, float("nan"))),
    Blob(kind=TENSOR, dtype="int64", data=struct.pack("<q", 7)),
    Blob(kind=ARROW, dtype="", data=stream_of(pa, pa.table({"n": [1, 2], "t": ["a", None]}))),
    Blob(kind="new", data=b"?"),
)
"""Bytes, an array, a number, a table, and what nobody knows."""


def check_reading(encoding: Encoding, data: bytes, is_lossless: Callable[[bytes], bool]) -> None:
    """Read one value as an argument and as a result, with blobs beside it and without.

    Args:
        encoding: Reads.
        data: The value.
        is_lossless: Whether what these bytes say returns as it is.

    Raises:
        Finding: What comes of it is neither a value that can return nor a refusal that helps.
    """
    for blobs in ((), BLOBS):
        value = read(encoding, data, blobs)
        ensure((value is REFUSED) == _refuses_result(encoding, data, blobs), "two answers")
        if value is not REFUSED and is_lossless(data):
            check_return(encoding, value)


def _refuses_result(encoding: Encoding, data: bytes, blobs: tuple[Blob, ...]) -> bool:
    try:
        encoding.decode(Encoded(data, blobs=blobs))
    except InvalidArgumentError:
        return True
    return False
