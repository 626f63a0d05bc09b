"""Variables between their store and the messages of ``BridgeService``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_numbers import numbers_from
from snakepit_bridge.session.variable_data import array_shape
from snakepit_bridge.session.variable_records import PYTHON
from snakepit_bridge.values.binary.raw_numbers import FORMAT
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError
from snakepit_bridge.values.snakepit.arguments import read_text
from snakepit_bridge.values.snakepit.labels import (
    BINARY_SUFFIX,
    LABEL_PREFIX,
    type_name_in,
    value_labelled,
)
from snakepit_bridge.values.special_floats import SPECIAL_FLOATS

if TYPE_CHECKING:
    from snakepit_bridge.session.variable_records import Claim, Record

_BYTES = (bytes, bytearray, memoryview)

_BYTES_LABEL = f"{LABEL_PREFIX}bytes{BINARY_SUFFIX}"

_BYTES_DESCRIPTION = b'{"type":"bytes","binary_format":"raw"}'

_TELLING_LABELS = frozenset({"float", "integer", "embedding"})
"""Labels that add something to the JSON; of a tensor the map is what a variable keeps."""

_fallback = Fallback()
_write = JsonWriter(_fallback).write


# --- in -------------------------------------------------------------------------------------------


def value_from(wire: WireValue, binary: bytes, type_name: str, what: str) -> Any:
    """Read the value of a variable.

    Args:
        wire: JSON text under a label; where there are bytes, their description.
        binary: The bytes, if any.
        type_name: What the variable is declared as; empty where nobody knows.
        what: Names the value in an error, e.g. ``"The value of variable 'x'"``.

    Returns:
        The value in the form its type has: what Snakepit also takes for a float, an integer, a
        boolean or an embedding is that afterwards.

    Raises:
        InvalidArgumentError: It cannot be read; says why.
    """
    if binary or wire.type_url.endswith(BINARY_SUFFIX):
        return _value_from_bytes(wire, binary, type_name, what)
    label = type_name_in(wire.type_url)
    try:
        value = read_text(wire.value)
        if label in _TELLING_LABELS:
            value = value_labelled(label, value)
    except CannotReadError as error:
        raise _unreadable(what, error) from error
    fit = _FITS.get(type_name)
    return value if fit is None else fit(value)


def constraints_from(text: str, what: str) -> Mapping[str, Any] | None:
    """Read the constraints of a variable; ``None`` where none are given.

    Raises:
        InvalidArgumentError: They are not a JSON object.
    """
    if not text:
        return None
    try:
        constraints = read_json(text.encode(), special_floats=True)
    except CannotReadError as error:
        raise _unreadable(what, error) from error
    if not isinstance(constraints, dict):
        hint = 'Send a JSON object, e.g. {"min": 0}.'
        raise InvalidArgumentError(f"{what} are no JSON object: {text[:80]!r}.", {"hint": hint})
    return constraints


def _value_from_bytes(wire: WireValue, data: bytes, type_name: str, what: str) -> Any:
    facts = _description(wire, what)
    form = facts.get("binary_format", FORMAT)
    if form != FORMAT:
        raise InvalidArgumentError(
            f"{what} comes as bytes in the form {form!r}, which nobody here reads.",
            {
                "binary_format": form,
                "hint": f"Send {FORMAT!r}: little-endian numbers, with 'dtype' and 'shape'. "
                "Pickles and Erlang terms may do anything to who reads them.",
            },
        )
    label = type_name_in(wire.type_url.removesuffix(BINARY_SUFFIX))
    for kind in (facts.get("type"), label, type_name):
        if kind == "tensor":
            shape, rows = numbers_from(data, facts, what)
            return {"shape": shape, "data": rows}
        if kind == "embedding":
            return _embedding(numbers_from(data, facts, what)[1])
        if kind == "bytes":
            break
    return data


def _description(wire: WireValue, what: str) -> Mapping[str, Any]:
    if not wire.value:
        return {}
    try:
        facts = read_json(wire.value, special_floats=True)
    except CannotReadError as error:
        raise _unreadable(f"The description of {what[0].lower()}{what[1:]}", error) from error
    return facts if isinstance(facts, dict) else {}


def _unreadable(what: str, error: CannotReadError) -> InvalidArgumentError:
    return InvalidArgumentError(f"{what} cannot be read: {error}.", {"hint": error.hint})


def _float(value: Any) -> Any:
    return SPECIAL_FLOATS.get(value, value) if isinstance(value, str) else value


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value, value)
    return bool(value) if type(value) is int and value in {0, 1} else value


def _embedding(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    with suppress(OverflowError):  # what is no float stays what it is, and is refused as such
        return [float(each) if type(each) is int else _float(each) for each in value]
    return value


_FITS: Mapping[str, Callable[[Any], Any]] = {
    "float": _float,
    "integer": _integer,
    "boolean": _boolean,
    "embedding": _embedding,
}


# --- out ------------------------------------------------------------------------------------------


def wire_variable(record: Record, claim: Claim | None = None) -> pb.Variable:
    """All that is known of a variable."""
    value, binary = wire_value(record)
    variable = pb.Variable(
        id=record.id,
        name=record.name,
        type=record.type,
        value=value,
        constraints_json=_write(record.constraints).decode(),
        metadata=wire_metadata(record),
        source=pb.Variable.PYTHON if record.source == PYTHON else pb.Variable.ELIXIR,
        version=wire_version(record.version),
        binary_value=binary,
    )
    variable.last_updated_at.FromDatetime(record.updated_at)
    if claim is not None:
        status = variable.optimization_status
        status.optimizing, status.optimizer_id = True, claim.optimizer_id
        status.started_at.FromDatetime(claim.started_at)
    return variable


def wire_value(record: Record) -> tuple[WireValue, bytes]:
    """The value as JSON under the label of its type; of bytes their description, and they."""
    value = record.value
    if isinstance(value, _BYTES):
        return WireValue(type_url=_BYTES_LABEL, value=_BYTES_DESCRIPTION), bytes(value)
    return wire_text(record), b""


def wire_text(record: Record) -> WireValue:
    """The value where there is no place for bytes beside it; a marker stands for them there."""
    return WireValue(type_url=LABEL_PREFIX + record.type, value=_text(record.value, record.type))


def wire_metadata(record: Record) -> dict[str, str]:
    """What is noted about the variable, with who changed it and when."""
    own = {"source": record.source}
    if record.version > 1:
        own["updated_at"] = record.updated_at.isoformat()
    return {**record.metadata, **own}


def wire_version(version: int) -> int:
    """Versions begin with 1; on the wire they begin with 0."""
    return version - 1


def _text(value: Any, type_name: str) -> bytes:
    if type_name == "tensor" and not isinstance(value, Mapping):
        # An array, which Python code has set; the contract's tensors are maps.
        value = {"shape": list(array_shape(value) or ()), "data": value}
    try:
        return _write(value)
    except CannotWriteError:
        # One value that JSON cannot express must not hide the others of a list.
        return _write(_fallback.marker(value))
