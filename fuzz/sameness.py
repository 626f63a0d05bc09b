"""Whether two values that were read are the same, arrays among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec

from snakepit_bridge.values.binary.forms import blob_of
from snakepit_bridge.values.blob import ARROW, Blob
from tests.unit.values.strategies import same


def is_comparable(value: object) -> bool:
    """Whether there is no table in a value; of those some cannot be written again."""
    if isinstance(value, Blob):
        return value.kind != ARROW
    blob = blob_of(value)
    if blob is not None:
        return blob.kind != ARROW
    make = _ROWS.get(type(value))
    if make is None:
        return type(value).__module__.partition(".")[0] not in {"pandas", "polars", "pyarrow"}
    return all(map(is_comparable, make(value)))


def same_values(left: object, right: object) -> bool:
    """Whether two comparable values are equal and of the same types, all the way down."""
    return same(_outline(left), _outline(right))


def _outline(value: Any) -> Any:
    """The value, with tuples in place of arrays and of what holds other values."""
    kind = type(value)
    if kind in {set, frozenset}:
        return kind(map(_outline, value))
    if kind in _ROWS:
        return (kind.__name__, *map(_outline, _ROWS[kind](value)))
    if isinstance(value, msgspec.Struct) and not isinstance(value, Blob):
        return (kind.__name__, *map(_outline, msgspec.structs.astuple(value)))
    if isinstance(value, tuple) or is_dataclass(value):
        return (kind.__name__, *map(_outline, _members(value)))
    blob = value if isinstance(value, Blob) else blob_of(value)
    if blob is None:
        return value
    return (kind.__name__, blob.kind, blob.dtype, blob.shape, bytes(blob.data), blob.handle)


def _members(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return list(value)
    return [getattr(value, each.name) for each in fields(value)]


_ROWS: Mapping[type, Callable[[Any], Any]] = {
    list: list,
    tuple: list,
    set: list,
    frozenset: list,
    dict: lambda members: [*members, *members.values()],
    slice: lambda value: [value.start, value.stop, value.step],
}
