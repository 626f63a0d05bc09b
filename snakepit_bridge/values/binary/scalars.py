"""Numbers of numpy, each of which is a tensor without axes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from snakepit_bridge.values.binary.array_forms import OWNERS
from snakepit_bridge.values.binary.element_types import size_of
from snakepit_bridge.values.blob import TENSOR, Blob


class ScalarHeads:
    """What an encoding writes before the bytes of a number, made once per type of element.

    Args:
        head_of: Makes it, not empty, from the name of the type and the bytes of a number.
    """

    def __init__(self, head_of: Callable[[str, int], bytes]) -> None:
        self._head_of = head_of
        self._are_numbers: dict[type, bool] = {}
        self._heads: dict[Any, bytes] = {}

    def of(self, value: Any) -> bytes:
        """What is before ``value.tobytes()``; empty for whatever else than numbers of numpy."""
        kind = type(value)
        is_number = self._are_numbers.get(kind)
        if is_number is None:
            is_number = self._are_numbers[kind] = _are_numbers(kind)
        if not is_number:
            return b""
        # Not of the class: times of one class have many units.
        dtype = value.dtype
        head = self._heads.get(dtype)
        if head is None:
            size = size_of(dtype.name)
            head = self._heads[dtype] = b"" if size is None else self._head_of(dtype.name, size)
        return head


def is_number(blob: Blob) -> bool:
    """Whether it is a tensor of one number, which is not worth a place beside the value."""
    return blob.kind == TENSOR and not blob.shape and not blob.handle


def _are_numbers(kind: type) -> bool:
    # Another thread may be in the middle of importing it.
    generic = getattr(sys.modules.get("numpy"), "generic", ())
    # Elsewhere their bytes would have to be turned around.
    is_little = sys.byteorder == "little"
    package = str(kind.__module__).partition(".")[0]
    return is_little and issubclass(kind, generic) and package in OWNERS
