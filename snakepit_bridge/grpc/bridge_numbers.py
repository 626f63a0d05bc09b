"""Numbers of a tensor or an embedding from raw bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError

FORMAT = "raw"
"""What a description calls such bytes: little-endian, row by row, nothing between the numbers."""

MAX_NUMBERS = 1_000_000
"""As lists they take ten times the memory; it is also what arrays may have that travel as text."""

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
"""Types of elements as numpy names them, with their codes in ``struct``."""


def numbers_from(data: bytes, description: Mapping[str, Any], what: str) -> tuple[list[int], Any]:
    """Read numbers.

    Args:
        data: The bytes.
        description: Has ``dtype``, and ``shape`` unless there is one axis.
        what: Names the value in an error.

    Returns:
        The shape, and lists nested accordingly.

    Raises:
        InvalidArgumentError: The description is incomplete, or the bytes are not what it says.
    """
    dtype, shape = description.get("dtype"), description.get("shape")
    code = _CODES.get(dtype) if isinstance(dtype, str) else None
    if code is None:
        known = ", ".join(_CODES)
        raise InvalidArgumentError(
            f"{what} has elements of type {dtype!r}.", {"dtype": dtype, "hint": f"Use {known}."}
        )
    size_bytes = struct.calcsize(f"<{code}")
    if shape is None:
        shape = [len(data) // size_bytes]
    if not _is_shape(shape) or prod(shape) * size_bytes != len(data):
        raise InvalidArgumentError(
            f"{what} comes as {len(data)} bytes, not as {dtype} elements of shape {shape!r}.",
            {"hint": "Send each number in its full size, without anything between."},
        )
    if prod(shape) > MAX_NUMBERS:
        raise InvalidArgumentError(
            f"{what} has {prod(shape)} numbers.",
            {"limit": MAX_NUMBERS, "hint": "Keep so many as bytes, in a variable of type 'any'."},
        )
    return shape, _nested(struct.unpack(f"<{prod(shape)}{code}", data), shape)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)


def _nested(numbers: Sequence[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return list(numbers)
    step = prod(shape[1:])
    rows = range(0, shape[0] * step, step) if step else [0] * shape[0]
    return [_nested(numbers[start : start + step], shape[1:]) for start in rows]
