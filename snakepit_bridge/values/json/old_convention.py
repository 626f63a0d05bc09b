"""The encoding without a name: the convention of the first ``SnakepitBridge`` service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from snakepit_bridge.values.json.blobs import BYTES_LIKE, with_blobs
from snakepit_bridge.values.json.limits import read_limited_json
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import (
    CannotReadError,
    CannotWriteError,
    NotThisEncodingError,
    has_lone_surrogate,
    lone_surrogate,
)

_RESULT = "result"
_TITLE = "the old convention"


class OldConvention:
    """Values by guessing: JSON where the bytes are JSON, else text, else bytes.

    Convenient by hand and ambiguous by nature: the text ``42`` is read as a number. JSON here is
    what RFC 8259 says, so the bare word ``NaN`` is a text. Bytes that are JSON but hold what no
    value can, such as 1e999, are refused and not taken for a text.

    Args:
        fallback: Decides what stands for objects JSON does not know.
    """

    name = ""

    def __init__(self, fallback: Fallback) -> None:
        self._json = JsonWriter(fallback)
        self._argument_json = JsonWriter(NoFallback())

    def decode_args(self, args: Mapping[str, bytes], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        """Read arguments: each as JSON, else as UTF-8 text, else as the bytes it is.

        In JSON, a dict that refers to a blob becomes what that stands for, if blobs came at all.
        """
        return read_each(args, partial(_read, blobs=BlobValues(blobs)), _TITLE)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write arguments: bytes as they are, everything else as JSON.

        Text goes with quotes, so that ``"42"`` arrives as text.
        """
        with giving_up(beside):
            return write_each(args, partial(self._write_argument, beside=beside), _TITLE)

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write a result in parts: those of a dict by its keys, anything else as ``result``.

        In a part bytes are as they are, text is UTF-8 without quotes, the rest is JSON.
        """
        try:
            with giving_up(beside):
                if isinstance(value, dict):
                    return Encoded(parts=self._write_parts(value, beside))
                return Encoded(parts={_RESULT: self._write_part(value, beside)})
        except CannotWriteError as error:
            raise unwritable_result(error, _TITLE) from error

    def decode(self, encoded: Encoded) -> Any:
        """Read a result, guessing each part like an argument.

        A lone part ``result`` is taken for a result that was no dict. It may have been a dict
        with this one key: the bytes are the same, and that is the rarer case.
        """
        try:
            blobs = BlobValues(encoded.blobs)
            parts = {name: _read(part, blobs) for name, part in encoded.parts.items()}
        except CannotReadError as error:
            raise unreadable_answer(error, _TITLE) from error
        return parts[_RESULT] if parts.keys() == {_RESULT} else parts

    def _write_argument(self, value: object, beside: Beside) -> bytes:
        if isinstance(value, BYTES_LIKE):
            return bytes(value)
        return self._argument_json.write(value, beside)

    def _write_parts(self, members: Mapping[Any, object], beside: Beside) -> dict[str, bytes]:
        names = self._json.key_texts(members)
        parts = {}
        for name, member in zip(names, members.values(), strict=True):
            try:
                parts[name] = self._write_part(member, beside)
            except CannotWriteError as error:
                error.inside(name)
                raise
        return parts

    def _write_part(self, value: object, beside: Beside) -> bytes:
        if isinstance(value, BYTES_LIKE):
            return bytes(value)
        if isinstance(value, str):
            if has_lone_surrogate(value):
                raise CannotWriteError(*lone_surrogate())
            return value.encode()
        return self._json.write(value, beside)


def _read(data: bytes, blobs: BlobValues) -> Any:
    try:
        value = read_limited_json(data, special_floats=False)
    except NotThisEncodingError:
        return _text_or_bytes(data)
    return with_blobs(value, blobs) if blobs else value


def _text_or_bytes(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
