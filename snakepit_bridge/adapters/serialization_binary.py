"""Tensors or embeddings as raw bytes beside their description."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, TypeGuard

from snakepit_bridge.values.tensors import array_of_bytes, bytes_of_array, is_array

BINARY_THRESHOLD = 10_240
"""Bytes from which a tensor or an embedding leaves as bytes, at 8 for each element."""

FORMAT = "raw"
"""How the description names these bytes: little-endian, row by row, without anything between."""

_ELEMENT_BYTES = 8

_MAX_AXES = 64
"""As many as numpy has, so a list that contains itself has an end, too."""

_CODES: Mapping[str, str] = {
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "bool": "?",
}
"""The types of elements there are, as numpy names them, with their codes in ``struct``."""


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
        if not _is_large(value.size) or value.dtype.name not in _CODES:
            return None
        return _described(type_name, value.shape, value.dtype.name, bytes_of_array(value))
    data, shape = (value, [len(value)]) if type_name == "embedding" else _parts_of(value)
    elements = _flattened(data)
    if not _is_large(len(elements)) or not _is_shape(shape) or prod(shape) != len(elements):
        return None
    return _packed(type_name, shape, elements)


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
    elements = struct.unpack(f"<{prod(shape)}{_CODES[dtype]}", data)
    rows = _nested(elements, shape)
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
        data = struct.pack(f"<{len(elements)}{_CODES[dtype]}", *elements)
    except struct.error:  # an integer of more than 64 bits
        return None
    return _described(type_name, shape, dtype, data)


def _flattened(data: Any) -> list[Any]:
    """The elements of lists that are nested evenly; anything else is one element."""
    rows = [data]
    for _ in range(_MAX_AXES):
        if not rows or not all(isinstance(row, list | tuple) for row in rows):
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
    if dtype not in _CODES:
        message = f"Elements of type {dtype!r} are not read; these are: {', '.join(_CODES)}."
        raise ValueError(message)
    if not _is_shape(shape) or prod(shape) * struct.calcsize(f"<{_CODES[dtype]}") != len(data):
        message = f"{len(data)} bytes do not hold {dtype} elements of shape {shape!r}."
        raise ValueError(message)
    return str(facts.get("type")), dtype, shape


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    return isinstance(shape, list) and all(type(axis) is int and axis >= 0 for axis in shape)


def _nested(elements: Sequence[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return elements[0]
    if len(shape) == 1:
        return list(elements)
    step = len(elements) // shape[0] if shape[0] else 0
    return [
        _nested(elements[index * step : (index + 1) * step], shape[1:]) for index in range(shape[0])
    ]
