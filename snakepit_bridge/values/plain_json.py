"""The encoding ``json``: plain JSON, as every language speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakepit_bridge.values.boundary import (
    read_each,
    unreadable_answer,
    unwritable_result,
    write_each,
)
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback, NoFallback
from snakepit_bridge.values.json_reader import read_json
from snakepit_bridge.values.json_writer import JsonWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError


class PlainJson:
    """Values as UTF-8 JSON text, without tags.

    ``None``, booleans, integers of any size, finite floats, text, lists and dicts with text keys
    arrive as they were sent. What JSON lacks becomes the nearest thing that another language
    understands: a tuple a list, a date its ISO text, NaN the text ``"NaN"``, a dataclass the
    object of its fields; what has no such form becomes a marker.

    Args:
        fallback: Decides what stands for objects JSON does not know.
    """

    name = "json"

    def __init__(self, fallback: Fallback) -> None:
        self._write = JsonWriter(fallback).write
        self._write_argument = JsonWriter(NoFallback()).write

    def decode_args(self, args: Mapping[str, bytes]) -> dict[str, Any]:
        """Read arguments; bare ``NaN`` and ``Infinity``, which Python writes, are floats."""
        return read_each(args, _read, self.name)

    def encode_args(self, args: Mapping[str, object]) -> dict[str, bytes]:
        """Write arguments, by the same rules as results, but for the marker: that is refused."""
        return write_each(args, self._write_argument, self.name)

    def encode(self, value: object) -> Encoded:
        """Write a result in one piece."""
        try:
            return Encoded(self._write(value))
        except CannotWriteError as error:
            raise unwritable_result(error, self.name) from error

    def decode(self, encoded: Encoded) -> Any:
        """Read a result; texts such as ``"NaN"`` stay texts, because they may have been that."""
        try:
            return _read(encoded.value)
        except CannotReadError as error:
            raise unreadable_answer(error, self.name) from error


def _read(data: bytes) -> Any:
    return read_json(data, special_floats=True)
