"""The extension types of the encoding ``msgpack``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Codes and payloads are a promise to programs in other languages: none is ever changed or used
# again. "Message" means one MessagePack value, which may hold extensions itself; all numbers
# outside of messages are big-endian.

TUPLE = 1
"""Payload: an array of the members."""

SET = 2
"""Payload: an array of the members, in any order."""

FROZENSET = 3
"""Payload: an array of the members, in any order."""

DICT = 4
"""A dict with keys that are not all text, 64-bit integers, floats, booleans or nil.

Payload: an array ``[key, value, key, value, ...]``."""

INTEGER = 5
"""An integer beyond 64 bits. Payload: two's complement, as short as possible."""

COMPLEX = 6
"""Payload: real part, imaginary part, as two 64-bit floats."""

DECIMAL = 7
"""Payload: its ASCII text, e.g. ``1.10``, ``-2E+9``, ``Infinity``, ``NaN``."""

UUID = 8
"""Payload: its 16 bytes."""

DATE = 9
"""Payload: year (16 bits), month (8), day (8)."""

TIME = 10
"""Payload: hour (8 bits), minute (8), second (8), fold (8), microsecond (32); then the zone."""

DATETIME = 11
"""Payload: year (16 bits), month (8), day (8), then as ``TIME``.

The zone is nothing at all without one. Else it is the offset from UTC in microseconds (64 bits,
signed) followed by the zone's IANA name in UTF-8, which is empty for a fixed offset. The smallest
of all offsets means that it is not known, which only a time of day in a named zone may say.
"""

TIMEDELTA = 12
"""Payload: days (32 bits, signed), seconds (32; below 86,400), microseconds (32; below a
million)."""

SLICE = 13
"""Payload: an array ``[start, stop, step]``."""

ELLIPSIS = 14
"""Payload: nothing."""

REF = 15
"""Payload: an array of texts ``[id, type_name, session_id]``; the last ones may be missing."""

BLOB = 16
"""Binary data beside the value. Payload: a message, the blob's place counted from 0."""

INLINE_BLOB = 17
"""Payload: an array ``[kind, dtype, shape, data]`` of text, text, array of integers, binary."""

OBJECT = 18
"""A value of a registered type. Payload: an array ``[name, plain]``."""

FUNCTION = 19
"""A function of the caller. Payload: an array ``[tool, callback_id, arity]`` of text, text,
integer or nil; the last ones may be missing."""

NAMES: Mapping[int, str] = MappingProxyType({
    TUPLE: "tuple",
    SET: "set",
    FROZENSET: "frozenset",
    DICT: "dict",
    INTEGER: "integer",
    COMPLEX: "complex",
    DECIMAL: "decimal",
    UUID: "uuid",
    DATE: "date",
    TIME: "time",
    DATETIME: "datetime",
    TIMEDELTA: "timedelta",
    SLICE: "slice",
    ELLIPSIS: "ellipsis",
    REF: "ref",
    BLOB: "blob",
    INLINE_BLOB: "inline blob",
    OBJECT: "object",
    FUNCTION: "function",
})  # fmt: skip
"""What errors call them."""

NESTING = frozenset({TUPLE, SET, FROZENSET, DICT, SLICE, OBJECT})
"""Those that may hold any value: each is one level, together with the array that is its payload."""

MESSAGES = NESTING | {REF, BLOB, INLINE_BLOB, FUNCTION}
"""Those whose payload is a message."""

TIMESTAMP = -1
"""MessagePack's own; read as a datetime in UTC, never written."""

MAX_ITEMS = 10_000_000
"""Values in one message, keys and members of all levels counted.

The smallest take one byte on the wire and, if they are containers, 64 bytes as objects.
"""
