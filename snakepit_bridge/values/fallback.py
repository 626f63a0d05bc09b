"""What stands for an object that JSON does not know."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, NoReturn

import msgspec

from snakepit_bridge.values.refusals import CannotWriteError

UNSERIALIZABLE_KEY = "__ffi_unserializable__"
TYPE_KEY = "__type__"

_CONVERTERS = ("model_dump", "to_dict", "_asdict", "tolist", "isoformat")


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """Asks an object for a simpler form of itself, else puts a marker in its place.

    The first of the methods ``model_dump``, ``to_dict``, ``_asdict``, ``tolist`` and
    ``isoformat`` that returns wins; one that raises is passed over. Only methods of the class
    count: a mock or a proxy that answers to every name is not taken at its word.
    """

    max_tolist_elements: int = 1_000_000
    """Numbers of an array that travel as text; larger ones become the marker."""

    def convert(self, value: object) -> Any:
        """Find a simpler form, which may itself need another step.

        Returns:
            What a method of ``value`` returned, or the marker.
        """
        if isinstance(value, type):
            return self.marker(value)
        for name in _CONVERTERS:
            if callable(getattr(type(value), name, None)):
                # Foreign code: whatever it raises, the next method may do better.
                with suppress(Exception):
                    return self._simpler(value, name)
        return self.marker(value)

    def marker(self, value: object) -> dict[str, Any]:
        """What says "there was something here", without showing what it contained."""
        kind = type(value)
        return {UNSERIALIZABLE_KEY: True, TYPE_KEY: f"{kind.__module__}.{kind.__qualname__}"}

    def _simpler(self, value: object, converter: str) -> Any:
        if converter == "tolist" and _known_size(value) > self.max_tolist_elements:
            raise OverflowError
        simpler = getattr(value, converter)()
        if converter == "tolist" and not _has_at_most(self.max_tolist_elements, simpler):
            raise OverflowError
        return simpler


class NoFallback(Fallback, frozen=True, kw_only=True):
    """Refuses what has no simpler form: for arguments, where a marker would pass for the value."""

    def convert(self, value: object) -> Any:
        """Find a simpler form.

        Raises:
            CannotWriteError: There is none.
        """
        if isinstance(value, bytes | bytearray | memoryview):
            _refuse(value, "Send text, e.g. base64, or the name of a file both sides can read.")
        return super().convert(value)

    def marker(self, value: object) -> NoReturn:
        """Refuse; see ``convert``."""
        _refuse(value, "Send text, numbers, booleans, None, lists or dicts of them.")


def _refuse(value: object, hint: str) -> NoReturn:
    raise CannotWriteError(f"is of type {type(value).__name__!r}, which JSON cannot express", hint)


def _known_size(value: Any) -> int:
    """Elements that ``tolist`` would make, as far as the object tells; 0 where it does not."""
    if hasattr(value, "nnz") and hasattr(value, "shape"):
        # A sparse matrix counts only its non-zero elements as its size.
        return math.prod(value.shape)
    if hasattr(value, "size") and (hasattr(value, "dtype") or hasattr(value, "values")):
        return int(value.size)
    return 0


def _has_at_most(limit: int, elements: object) -> bool:
    to_count = [elements] if isinstance(elements, list) else []
    counted = 0
    while to_count and counted <= limit:
        row = to_count.pop()
        nested = [element for element in row if isinstance(element, list)]
        counted += len(row) - len(nested)
        to_count += nested
    return counted <= limit
