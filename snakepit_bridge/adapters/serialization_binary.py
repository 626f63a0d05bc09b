"""Tensors or embeddings as raw bytes beside their description."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from snakepit_bridge.session.variable_data import shown
from snakepit_bridge.values.binary.raw_numbers import CODES, FORMAT, MAX_AXES, is_shape, nested
from snakepit_bridge.values.binary.tensors import array_of_bytes, bytes_of_array, is_array

BINARY_THRESHOLD = 10_240
"""Bytes from which a tensor or an embedding leaves as bytes, at 8 for each element."""

_ELEMENT_BYTES = 8


class Raw(NamedTuple):
    """The description, which is JSON, with the bytes it describes."""

    description: Mapping[str, Any]
    data: bytes


def raw_from(value: Any, type_name: str) -> Raw | None:
    """The binary form of a large tensor or embedding.

    Args:
        value: A numpy array, or the form of its type.
        type_name: Any; other types than these two have no such form.

    Returns:
        ``None`` where there is none, or where the JSON is small enough.
    """
    if type_name not in {"tensor", "embedding"}:
        return None
    if is_array(value):
        if not _is_large(value.size) or value.dtype.name not in CODES:
            return None
        return _described(type_name, value.shape, value.dtype.name, bytes_of_array(value))
    data, shape = (value, [len(value)]) if type_name == "embedding" else _parts_of(value)
    if not is_shape(shape) or not _is_large(prod(shape)):
        return None
    elements = _flattened(data, prod(shape))
    return _packed(type_name, shape, elements) if len(elements) == prod(shape) else None


def value_from_raw(description: Any, data: bytes) -> Any:
    """Read the binary form.

    Returns:
        A numpy array for a tensor, or its description in plain data where numpy is not installed;
        lists of numbers for an embedding.

    Raises:
        ValueError: The bytes are not what the description says, or of another form; pickled data
            are never read.
    """
    type_name, dtype, shape = _checked(description, data)
    if type_name == "tensor":
        array = array_of_bytes(data, dtype, shape)
        if array is not None:
            return array
    elements = struct.unpack(f"<{prod(shape)}{CODES[dtype]}", data)
    rows = nested(elements, shape)
    return rows if type_name != "tensor" else {"shape": shape, "data": rows}


def _is_large(count: int) -> bool:
    return count * _ELEMENT_BYTES > BINARY_THRESHOLD


def _described(type_name: str, shape: Sequence[int], dtype: str, data: bytes) -> Raw:
    description = {
        "shape": list(shape),
        "dtype": dtype,
        "binary_format": FORMAT,
        "type": type_name,
    }
    return Raw(description, data)


def _parts_of(tensor: Mapping[str, Any]) -> tuple[Any, Any]:
    return tensor["data"], tensor["shape"]


def _packed(type_name: str, shape: Sequence[int], elements: list[Any]) -> Raw | None:
    # Only where nothing changes: a list that mixes integers with floats stays JSON.
    kinds = set(map(type, elements))
    dtype = {float: "float64", int: "int64"}.get(kinds.pop()) if len(kinds) == 1 else None
    if dtype is None:
        return None
    try:
        data = struct.pack(f"<{len(elements)}{CODES[dtype]}", *elements)
    except struct.error:  # an integer of more than 64 bits
        return None
    return _described(type_name, shape, dtype, data)


def _flattened(data: Any, count: int) -> list[Any]:
    """The elements of lists that are nested evenly; anything else is one element.

    Lists that contain themselves have no end, so it goes on for as many axes as there may be, and
    while there are not more elements than ``count``.
    """
    rows = [data]
    for _ in range(MAX_AXES):
        if not 0 < len(rows) <= count or not all(isinstance(row, list | tuple) for row in rows):
            break
        rows = [element for row in rows for element in row]
    return rows


def _checked(description: Any, data: bytes) -> tuple[str, str, list[int]]:
    """Type, element type, shape."""
    facts: Mapping[str, Any] = description if isinstance(description, dict) else {}
    if facts.get("binary_format") != FORMAT:
        message = (
            f"The bytes are in the form {facts.get('binary_format')!r}; only {FORMAT!r} is read,"
            " which is little-endian elements row by row. Pickled data are never read: reading"
            " them can run any code."
        )
        raise ValueError(message)
    dtype, shape = str(facts.get("dtype")), facts.get("shape")
    if dtype not in CODES:
        message = f"Elements of type {dtype!r} are not read; these are: {', '.join(CODES)}."
        raise ValueError(message)
    if not is_shape(shape) or prod(shape) * struct.calcsize(f"<{CODES[dtype]}") != len(data):
        message = f"{len(data)} bytes do not hold {dtype} elements of shape {shown(shape)}."
        raise ValueError(message)
    return str(facts.get("type")), dtype, list(shape)
