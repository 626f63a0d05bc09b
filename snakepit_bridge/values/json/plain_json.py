"""The encoding ``json``: plain JSON, as every language speaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from snakepit_bridge.values.beside import NOTHING, Beside, giving_up
from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.boundary import (
    read_each,
    unreadable_answer,
    unwritable_result,
    write_each,
)
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback, NoFallback
from snakepit_bridge.values.json.blobs import with_blobs
from snakepit_bridge.values.json.limits import read_limited_json
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError


class PlainJson:
    """Values as UTF-8 JSON text, without tags.

    ``None``, booleans, integers of any size, finite floats, text, lists and dicts with text keys
    arrive as they were sent. What JSON lacks becomes the nearest thing that another language
    understands: a tuple a list, a date its ISO text, NaN the text ``"NaN"``, a dataclass the
    object of its fields; what has no such form becomes a marker. Where the caller asks for it,
    the marker has a ref, and arrays, tables and bytes travel as blobs.

    Args:
        fallback: Decides what stands for objects JSON does not know.
    """

    name = "json"

    def __init__(self, fallback: Fallback) -> None:
        self._write = JsonWriter(fallback).write
        self._write_argument = JsonWriter(NoFallback()).write

    def decode_args(self, args: Mapping[str, bytes], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        """Read arguments; bare ``NaN`` and ``Infinity``, which Python writes, are floats.

        A dict that refers to a blob becomes what the blob stands for, if blobs came at all.
        """
        return read_each(args, _reader(blobs), self.name)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write arguments, by the same rules as results, but for the marker: that is refused."""
        with giving_up(beside):
            return write_each(args, partial(self._write_argument, beside=beside), self.name)

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write a result in one piece."""
        try:
            return Encoded(self._write(value, beside))
        except CannotWriteError as error:
            raise unwritable_result(error, self.name) from error

    def decode(self, encoded: Encoded) -> Any:
        """Read a result; texts such as ``"NaN"`` stay texts, because they may have been that."""
        try:
            return _reader(encoded.blobs)(encoded.value)
        except CannotReadError as error:
            raise unreadable_answer(error, self.name) from error


def _reader(blobs: Sequence[Blob]) -> Callable[[bytes], Any]:
    return partial(_read_with, blobs=BlobValues(blobs)) if blobs else _read


def _read(data: bytes) -> Any:
    return read_limited_json(data, special_floats=True)


def _read_with(data: bytes, blobs: BlobValues) -> Any:
    return with_blobs(_read(data), blobs)
