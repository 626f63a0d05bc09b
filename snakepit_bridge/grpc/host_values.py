"""Values between Python and the ``Any`` of Snakepit's contract: JSON text under a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import HostToolError, InvalidArgumentError
from snakepit_bridge.values.boundary import write_each
from snakepit_bridge.values.fallback import NoFallback
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError

LABEL = "type.googleapis.com/google.protobuf.StringValue"
"""What Snakepit puts on every value it sends; from 0.5 on it reads JSON whatever the label."""

_TYPE_LABEL = "type.googleapis.com/snakepit."
"""What Snakepit 0.4 expects on values of variables, with their type behind it."""

_SHOWN_BYTES = 80
"""Of what cannot be read; enough to recognise it by."""


class BinaryResult(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that a tool of the host returned together with a description of them."""

    data: bytes
    metadata: Any
    """As the tool wrote it, e.g. ``{"content_type": "image/png"}``; never empty."""


_write = JsonWriter(NoFallback()).write


def parameters_from(args: Mapping[Any, object]) -> dict[str, WireValue]:
    """The arguments of a tool call.

    Raises:
        InvalidArgumentError: Some have no JSON form; every one of them is named, with the place.
    """
    misnamed = [name for name in args if not isinstance(name, str)]
    if misnamed:
        raise InvalidArgumentError(f"Names of arguments are text, unlike {misnamed[0]!r}.")
    written = write_each(args, _write, "JSON")
    return {name: WireValue(type_url=LABEL, value=text) for name, text in written.items()}


def wire_value(value: object, what: str, type_name: str = "any") -> WireValue:
    """One value.

    Args:
        value: Anything with a JSON form.
        what: Names the value in an error, e.g. ``"The value of variable 'x'"``.
        type_name: The type of the variable it is for, e.g. ``"float"``.

    Raises:
        InvalidArgumentError: It has none; says where.
    """
    label = LABEL if type_name == "any" else _TYPE_LABEL + type_name
    try:
        return WireValue(type_url=label, value=_write(value))
    except CannotWriteError as error:
        text = f"{what} cannot be sent as JSON: {error}."
        raise InvalidArgumentError(text, {"path": error.path, "hint": error.hint}) from error


def value_from(wire: WireValue, what: str) -> Any:
    """Read one value; the label is not looked at.

    Raises:
        HostToolError: It is not JSON; shows how it begins.
    """
    try:
        return read_json(wire.value, special_floats=True)
    except CannotReadError as error:
        beginning = repr(wire.value[:_SHOWN_BYTES])
        raise HostToolError(
            f"{what} cannot be read as JSON ({error}): {beginning}.",
            {
                "label": wire.type_url,
                "bytes": len(wire.value),
                "hint": "The host must return what JSON can express.",
            },
        ) from error


def binary_from(data: bytes, description: WireValue | None) -> bytes | BinaryResult:
    """Bytes from beside a value, with the description that took the value's place.

    Returns:
        The bare bytes when the description is missing, null or an empty object.
    """
    metadata = None if description is None else _described(description.value)
    if metadata is None or metadata == {}:
        return data
    return BinaryResult(data=data, metadata=metadata)


def _described(description: bytes) -> Any:
    if not description:
        return None
    try:
        return read_json(description, special_floats=True)
    except CannotReadError:
        # The bytes are worth more than their description, which stays text as it does in Elixir.
        return description.decode(errors="backslashreplace")
