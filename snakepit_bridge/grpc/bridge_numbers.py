"""Numbers of a tensor or an embedding from raw bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import prod
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.session.variable_data import shown
from snakepit_bridge.values.binary.raw_numbers import CODES, is_shape, nested

MAX_NUMBERS = 1_000_000
"""As lists they take ten times the memory; it is also what arrays may have that travel as text."""


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
    code = CODES.get(dtype) if isinstance(dtype, str) else None
    if code is None:
        known = ", ".join(CODES)
        raise InvalidArgumentError(
            f"{what} has elements of type {dtype!r}.", {"dtype": dtype, "hint": f"Use {known}."}
        )
    size_bytes = struct.calcsize(f"<{code}")
    if shape is None:
        shape = [len(data) // size_bytes]
    if not is_shape(shape) or prod(shape) * size_bytes != len(data):
        raise InvalidArgumentError(
            f"{what} comes as {len(data)} bytes, not as {dtype} elements of shape {shown(shape)}.",
            {"hint": "Send each number in its full size, without anything between."},
        )
    if prod(shape) > MAX_NUMBERS:
        raise InvalidArgumentError(
            f"{what} has {prod(shape)} numbers.",
            {"limit": MAX_NUMBERS, "hint": "Keep so many as bytes, in a variable of type 'any'."},
        )
    try:
        return list(shape), nested(struct.unpack(f"<{prod(shape)}{code}", data), shape)
    except ValueError as error:
        hint = "Give each axis at least one element."
        raise InvalidArgumentError(f"{what}: {error}", {"hint": hint}) from error
