"""Values as a store keeps them: plain data that nobody else holds."""

from __future__ import annotations

import copy
import reprlib
from typing import Any

import msgspec

from snakepit_bridge.values.refusals import MAX_DEPTH

_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes})

_NUMBERS = frozenset("bBhHiIlLqQnNefdg") | {"Zf", "Zd", "Zg"}
"""Element formats of the buffer protocol that mean numbers."""

_BYTES = (bytes, bytearray, memoryview)

_ODD_KEYS = (type(None), bool, bytes, tuple, frozenset)
"""What JSON can hold as a value, but not as the key of a map."""


class NoDataError(ValueError):
    """A value that is more than data, or too deep."""


def copied(value: Any, *, levels: int = MAX_DEPTH) -> Any:
    """A copy that shares nothing changeable with ``value``, of the same type.

    Raises:
        NoDataError: It is nested more than ``levels`` deep.
    """
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if kind not in {list, tuple, dict}:
        return copy.deepcopy(value)
    if not levels:
        raise NoDataError(f"it is nested deeper than {MAX_DEPTH} levels")
    if kind is dict:
        return {key: copied(each, levels=levels - 1) for key, each in value.items()}
    return kind([copied(each, levels=levels - 1) for each in value])


def size_of(value: Any) -> int:
    """Bytes of the value as JSON; an array counts as many bytes as its elements take.

    Raises:
        NoDataError: It has no such form: it is, or holds, a live object.
    """
    arrays = 0

    def beside(member: Any) -> Any:
        nonlocal arrays
        if isinstance(member, complex):
            return [member.real, member.imag]
        if isinstance(member, _ODD_KEYS):
            return msgspec.json.encode(member, enc_hook=beside).decode()
        if array_shape(member) is None:
            raise TypeError(f"{type(member).__qualname__} is no data")
        arrays += memoryview(member).nbytes
        return None

    try:
        return len(msgspec.json.encode(value, enc_hook=beside)) + arrays
    except RecursionError:
        raise NoDataError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except (TypeError, ValueError) as error:
        raise NoDataError(f"it has no form as JSON ({error})") from error


def array_shape(value: Any) -> tuple[int, ...] | None:
    """The shape of an array of numbers, whichever library made it; ``None`` for anything else."""
    if isinstance(value, _BYTES):
        return None
    try:
        with memoryview(value) as view:
            return view.shape if view.format.lstrip("@=<>!") in _NUMBERS else None
    except (TypeError, ValueError, BufferError):
        return None


def shown(value: object) -> str:
    """A value for an error message: its ``repr``, of bounded length."""
    try:
        return _SHORT.repr(value)
    except ValueError:
        # An integer, perhaps a nested one, of more digits than CPython likes to write.
        return f"a {type(value).__name__} too long to show"


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80


_SHORT = _Short()
