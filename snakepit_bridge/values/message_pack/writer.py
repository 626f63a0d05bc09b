"""Values as MessagePack: the fast way for plain data, the exact way for everything else."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import EllipsisType
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw
from msgspec.msgpack import Ext

from snakepit_bridge.values.beside import Beside, giving_up
from snakepit_bridge.values.binary.forms import blob_of, bytes_blob
from snakepit_bridge.values.binary.scalars import ScalarHeads, is_number
from snakepit_bridge.values.blob import TENSOR, Blob
from snakepit_bridge.values.leaves import Leaves, Marker
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.plainness import (
    BYTES_BESIDE,
    SCALARS,
    has_only_scalars,
    is_plain,
)
from snakepit_bridge.values.message_pack.steps import key_step
from snakepit_bridge.values.message_pack.times import (
    date_bytes,
    datetime_bytes,
    time_bytes,
    timedelta_bytes,
)
from snakepit_bridge.values.nesting import Nesting
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import (
    MAX_DEPTH,
    CannotWriteError,
    too_deep,
)
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.value_types import Registered

_encode = msgspec.msgpack.Encoder().encode

_CONSTANTS = frozenset({float, bool, type(None)})

# Bytes are none: many languages cannot tell them from text.
_MAP_KEYS = SCALARS

_ARRAYS: Mapping[type, int | None] = {
    list: None,
    tuple: codes.TUPLE,
    set: codes.SET,
    frozenset: codes.FROZENSET,
}

_SETS = frozenset({codes.SET, codes.FROZENSET})

# What is no key once it is read.
_UNHASHABLE = frozenset({dict, list, Raw})

_COMPLEX = struct.Struct(">dd")

_PUT_OR_KEPT = frozenset({Blob, Ref})


class MessagePackWriter:
    """Writes any value as MessagePack, or says why it cannot.

    Args:
        leaves: Finds what stands for objects that have no extension of their own.
    """

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves

    def write(self, value: object, beside: Beside) -> bytes:
        """Write one value.

        Raises:
            CannotWriteError: It contains itself, is nested too deeply, has a lone surrogate in
                a text, or a key that is no key once it is read.
            SessionError: An object in it should be kept, and cannot be.
        """
        if is_plain(value):
            try:
                return _encode(value)
            except (ValueError, OverflowError):  # a lone surrogate, an integer beyond 64 bits
                pass
        return self._write_exactly(value, beside)

    def _write_exactly(self, value: object, beside: Beside) -> bytes:
        with giving_up(beside):
            try:
                return _encoded(_Simplification(self._leaves, beside).simplify(value))
            except RecursionError as error:
                raise CannotWriteError(*too_deep()) from error


def _encoded(plain: Any) -> bytes:
    try:
        return _encode(plain)
    except (ValueError, OverflowError) as error:
        raise CannotWriteError(
            f"is too large: {error}", "Send it in several values, or write it to a file."
        ) from error


class _Simplification(Nesting):
    """One pass over one value, down to what the encoder writes without changing anything.

    Args:
        leaves: See ``MessagePackWriter``.
        beside: See ``Encoding.encode``.
    """

    def __init__(self, leaves: Leaves, beside: Beside) -> None:
        super().__init__()
        self._leaves = leaves
        self._beside = beside
        # The objects stay here with what is written, or another one might get the same id.
        self._put_or_kept: dict[int, tuple[object, Any]] = {}
        self._heads = ScalarHeads(_scalar_head)

    def simplify(self, value: Any) -> Any:
        kind = type(value)
        if kind in _CONSTANTS or (kind is str and value.isascii()):
            return value
        write = _WRITERS.get(kind)
        if write is not None:
            return write(self, value)
        head = self._heads.of(value)
        return Ext(codes.INLINE_BLOB, head + value.tobytes()) if head else self._converted(value)

    def array(self, members: Any) -> Any:
        self._enter(members)
        plain: list[Any] = []
        written = _written_at_once(members)
        if written is None:
            for index, member in enumerate(members):
                try:
                    plain.append(self.simplify(member))
                except CannotWriteError as error:
                    error.inside(index)
                    raise
        self._leave(members)
        return _array(members, plain) if written is None else _written_array(members, written)

    def map(self, members: Mapping[Any, Any]) -> Any:
        self._enter(members)
        keys, values = [], []
        written = _written_at_once(members)
        if written is None:
            for key, member in members.items():
                try:
                    keys.append(self.simplify(key))
                    values.append(self.simplify(member))
                except CannotWriteError as error:
                    error.inside(key_step(key))
                    raise
        self._leave(members)
        return _map(members, keys, values) if written is None else Raw(written)

    def binary(self, value: bytes | bytearray | memoryview) -> Any:
        blob = blob_of(value) if type(value) is memoryview else None
        if blob is not None:
            return self.blob(blob)
        if memoryview(value).nbytes < BYTES_BESIDE:
            return bytes(value)
        blob = bytes_blob(value)
        place = self._beside.put(blob)
        return blob.data if place is None else Ext(codes.BLOB, _encoded(place))

    def blob(self, blob: Blob) -> Ext:
        place = None if is_number(blob) else self._beside.put(blob)
        if place is not None:
            return Ext(codes.BLOB, _encoded(place))
        parts = [blob.kind, blob.dtype, blob.shape, blob.data]
        return Ext(codes.INLINE_BLOB, _encoded(parts))

    def slice(self, value: Any) -> Ext:
        self._enter(value)
        parts = [self.simplify(part) for part in (value.start, value.stop, value.step)]
        self._leave(value)
        return Ext(codes.SLICE, _encoded(parts))

    def marker(self, marker: Marker) -> Any:
        return self.simplify(dict(marker.members))

    def ref(self, ref: Ref) -> Ext:
        parts = [str(ref), ref.type_name, ref.session_id]
        return Ext(codes.REF, _encoded([self.simplify(part) for part in parts]))

    def function(self, function: HostFunction) -> Ext:
        parts = [function.tool, function.callback_id, function.arity]
        return Ext(codes.FUNCTION, _encoded([self.simplify(part) for part in parts]))

    def _converted(self, value: Any) -> Any:
        if id(value) in self._put_or_kept:
            return self._put_or_kept[id(value)][1]
        # One more than for containers: an object may stand at the deepest level. It counts as a
        # level for what it turns into, which also ends objects that turn into ever new objects.
        self._enter(value, MAX_DEPTH + 1)
        form = self._leaves.simpler_form(value, self._beside)
        if type(form) is Registered:
            parts = [self.simplify(form.name), self.simplify(form.plain)]
            plain = Ext(codes.OBJECT, _encoded(parts))
        else:
            plain = self.simplify(form)
        self._leave(value)
        if type(form) in _PUT_OR_KEPT:
            self._put_or_kept[id(value)] = (value, plain)
        return plain


def _scalar_head(dtype: str, size: int) -> bytes:
    return _encode([TENSOR, dtype, (), bytes(size)])[:-size]


def _written_at_once(members: Any) -> bytes | None:
    """The bytes of a list, tuple, set or dict of nothing but plain scalars; else ``None``."""
    if not has_only_scalars(members):
        return None
    try:
        return _encode(members)
    except (ValueError, OverflowError):  # a lone surrogate, an integer beyond 64 bits
        return None


def _written_array(members: Any, written: bytes) -> Raw | Ext:
    code = _ARRAYS[type(members)]
    return Raw(written) if code is None else Ext(code, written)


def _array(members: Any, plain: list[Any]) -> list[Any] | Ext:
    code = _ARRAYS[type(members)]
    if code is None:
        return plain
    if code in _SETS:
        _refuse_unhashable(plain, members, "member of a set")
    return Ext(code, _encoded(plain))


def _map(members: Any, keys: list[Any], values: list[Any]) -> dict[Any, Any] | Ext:
    if _MAP_KEYS.issuperset(map(type, keys)):
        return dict(zip(keys, values, strict=True))
    _refuse_unhashable(keys, members, "key")
    pairs = [each for pair in zip(keys, values, strict=True) for each in pair]
    return Ext(codes.DICT, _encoded(pairs))


def _refuse_unhashable(plain: list[Any], members: Any, what: str) -> None:
    if _UNHASHABLE.isdisjoint(map(type, plain)):
        return
    kind = next(
        type(member).__name__
        for member, form in zip(members, plain, strict=True)
        if type(form) in _UNHASHABLE
    )
    raise CannotWriteError(
        f"has a {what} of type {kind!r}, which travels as a dict or list",
        "Register the type with value_type(...), or use text, numbers or tuples.",
    )


def _integer(_: _Simplification, number: int) -> int | Ext:
    if -(2**63) <= number < 2**64:
        return number
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return Ext(codes.INTEGER, number.to_bytes(size, "big", signed=True))


def _as_bytes(code: int, to_bytes: Callable[[Any], bytes]) -> Callable[[_Simplification, Any], Ext]:
    return lambda _, value: Ext(code, to_bytes(value))


_WRITERS: Mapping[type, Callable[[_Simplification, Any], Any]] = {
    str: Nesting.text,
    int: _integer,
    **dict.fromkeys(_ARRAYS, _Simplification.array),
    dict: _Simplification.map,
    **dict.fromkeys((bytes, bytearray, memoryview), _Simplification.binary),
    complex: _as_bytes(codes.COMPLEX, lambda value: _COMPLEX.pack(value.real, value.imag)),
    Decimal: _as_bytes(codes.DECIMAL, lambda value: str(value).encode()),
    UUID: _as_bytes(codes.UUID, lambda value: value.bytes),
    date: _as_bytes(codes.DATE, date_bytes),
    time: _as_bytes(codes.TIME, time_bytes),
    datetime: _as_bytes(codes.DATETIME, datetime_bytes),
    timedelta: _as_bytes(codes.TIMEDELTA, timedelta_bytes),
    slice: _Simplification.slice,
    EllipsisType: _as_bytes(codes.ELLIPSIS, lambda _: b""),
    Ref: _Simplification.ref,
    HostFunction: _Simplification.function,
    Blob: _Simplification.blob,
    Marker: _Simplification.marker,
}
