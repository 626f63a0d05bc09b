"""Numbers as raw bytes: little-endian, row by row, nothing between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import mul
from typing import Any, TypeGuard

FORMAT = "raw"
"""How a description names these bytes."""

CODES: Mapping[str, str] = {
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

MAX_AXES = 64
"""As many as numpy has; without a bound the product of a long shape takes minutes."""

_SPARE_LISTS = 1000


def is_shape(shape: Any) -> TypeGuard[Sequence[int]]:
    """Whether this is the shape of an array: a size for each of at most ``MAX_AXES`` axes."""
    return (
        isinstance(shape, list | tuple)
        and len(shape) <= MAX_AXES
        and all(type(size) is int and size >= 0 for size in shape)
    )


def nested(elements: Sequence[Any], shape: Sequence[int]) -> Any:
    """The elements in lists of this shape, which they fill; the only one where there is no axis.

    Raises:
        ValueError: There would be far more lists than elements, as of shape [1000000000, 0].
    """
    if not shape:
        return elements[0]
    if sum(accumulate(shape[:-1], mul)) > 2 * len(elements) + _SPARE_LISTS:
        message = f"{len(elements)} elements are too few for the lists of shape {list(shape)}."
        raise ValueError(message)
    return _nested(elements, shape)


def _nested(elements: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    if len(shape) == 1:
        return list(elements)
    step = len(elements) // shape[0] if shape[0] else 0
    starts = (index * step for index in range(shape[0]))
    return [_nested(elements[start : start + step], shape[1:]) for start in starts]
