"""What the label beside a JSON text adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.values.binary.tensors import array_from
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef
from snakepit_bridge.values.special_floats import SPECIAL_FLOATS

TEXT_LABEL = "type.googleapis.com/google.protobuf.StringValue"
"""What Elixir puts on everything; it adds nothing."""

LABEL_PREFIX = "type.googleapis.com/snakepit."
"""What stands before the type of everything that Python labels."""

BINARY_SUFFIX = ".binary"
"""How the label of a description ends whose data are beside it, in bytes."""

_SHOWN = 100
"""Characters of what Python says about a wrong value, which may repeat all of it."""


def type_name_in(label: str) -> str:
    """The type that a label names, e.g. ``"float"``, whatever stands before it."""
    return label.rpartition("/")[2].rpartition(".")[2]


def value_labelled(type_name: str, value: Any) -> Any:
    """What a decoded value is under its label.

    ``float``, ``integer``, ``embedding`` and ``tensor`` say more than their JSON does; every other
    type adds nothing.

    Raises:
        CannotReadError: The value is not what its label says.
    """
    read = _READERS.get(type_name)
    if read is None:
        return value
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise CannotReadError(
            f"is labelled {type_name!r}, which it is not ({str(error)[:_SHOWN]})",
            f"Label it with what it is, or with {TEXT_LABEL!r}.",
        ) from error


def handle_or(value: Any) -> Any:
    """The value, or the handle that it describes."""
    if type(value) is dict and value.get(ZERO_COPY_KEY):
        return ZeroCopyRef(value)
    return value


def _float(value: Any) -> float:
    special = SPECIAL_FLOATS.get(value) if type(value) is str else None
    return float(value) if special is None else special


def _integer(value: Any) -> int:
    if type(value) is float and not value.is_integer():
        message = f"{value} has a fraction"
        raise ValueError(message)
    return int(value)


def _embedding(value: Any) -> Any:
    if type(value) is not list:
        return value
    return [SPECIAL_FLOATS.get(each, each) if type(each) is str else each for each in value]


def _tensor(value: Any) -> Any:
    if type(value) is dict and value.keys() >= {"shape", "data"}:
        return array_from(value["data"], value["shape"])
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "float": _float,
    "integer": _integer,
    "embedding": _embedding,
    "tensor": _tensor,
}
