"""How Elixir writes values as JSON, how it reads them back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.refusals import CannotReadError

LABEL = "type.googleapis.com/google.protobuf.StringValue"
"""Stands on everything Elixir sends, whatever it is."""

ZERO_COPY_KEY = "__snakepit_zero_copy__"


class NotEncodableError(Exception):
    """Elixir's JSON library refuses a value."""


class NotJsonError(Exception):
    """Bytes that Elixir cannot read as JSON."""


class ZeroCopy(NamedTuple):
    """What Elixir makes of a zero-copy handle: ``%Snakepit.ZeroCopyRef{}``."""

    fields: Mapping[str, Any]
    """As they are on the wire, without the key that tells a handle from a map."""


class BinaryResult(NamedTuple):
    """What an Elixir tool returns as ``{:binary, data}`` or ``{:binary, data, metadata}``."""

    data: bytes
    metadata: Mapping[str, Any] | None = None


def encoded(value: object) -> bytes:
    """A value as JSON text.

    Python stands for Elixir: ``bytes`` are a binary, which is text when it is UTF-8; a tuple is a
    tuple, which has no JSON; a date is its ISO text; a ``Decimal`` is text; keys become text.

    Raises:
        NotEncodableError: Elixir could not write it.
    """
    try:
        return json.dumps(
            _plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except UnicodeEncodeError as error:
        raise NotEncodableError(f"invalid byte in {value!r}") from error


def wire_value(value: object) -> WireValue:
    """A value as it stands in a message.

    Raises:
        NotEncodableError: Elixir could not write it.
    """
    return WireValue(type_url=LABEL, value=encoded(value))


def decoded(data: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        NotJsonError: It is none: empty, with a bare ``NaN``, not UTF-8, or otherwise odd.
    """
    try:
        return read_json(data, special_floats=False)
    except CannotReadError as error:
        raise NotJsonError(str(error)) from error


def tool_result(value: object) -> tuple[WireValue, bytes]:
    """The result of an Elixir tool as ``result`` and ``binary_result`` of its answer.

    What Elixir cannot write as JSON goes out as the text ``inspect`` makes of it, which is none.
    """
    if isinstance(value, BinaryResult):
        return wire_value(value.metadata or {}), value.data
    try:
        return wire_value(value), b""
    except NotEncodableError:
        return WireValue(type_url=LABEL, value=repr(value).encode()), b""


def _plain(value: object) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case list():
            return [_plain(each) for each in value]
        case Mapping():
            return _object(value)
        case ZeroCopy(fields):
            return {ZERO_COPY_KEY: True, **_object(fields)}
        case _:
            return _scalar(value)


def _scalar(value: object) -> float | str:
    match value:
        case float() if isfinite(value):
            return value
        case bytes():
            return _text(value)
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            raise NotEncodableError(f"protocol Jason.Encoder not implemented for {value!r}")


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {_key(key): _plain(each) for key, each in value.items()}


def _key(key: object) -> str:
    if isinstance(key, bytes):
        return _text(key)
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "nil"}[key]
    if isinstance(key, str | int | float):
        return str(key)
    raise NotEncodableError(f"protocol String.Chars not implemented for {key!r}")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        byte = data[error.start]
        raise NotEncodableError(f"invalid byte 0x{byte:02X} in {data!r}") from error
