"""Turns objects that show their memory into blobs."""

from __future__ import annotations

import array
import math
import sys
from typing import Any

from snakepit_bridge.values.blob import BYTES, TENSOR, Blob, Data

_KINDS = {
    **dict.fromkeys("bhilqn", "int"),
    **dict.fromkeys("BHILQN", "uint"),
    **dict.fromkeys("efd", "float"),
    "?": "bool",
}

_FOREIGN_ORDERS = "!>" if sys.byteorder == "little" else "<"

_ONE_BYTE = frozenset("bB")


def bytes_blob(value: bytes | bytearray | memoryview) -> Blob:
    """The binary form of bytes.

    Nothing is copied where they lie together: while the blob lives, a bytearray cannot change its
    length, and what is written into it may or may not arrive.
    """
    return Blob(
        kind=BYTES, data=value if isinstance(value, bytes) else _bytes_of(memoryview(value))
    )


def blob_of_buffer(value: Any) -> Blob | None:
    """The tensor of an object that shows its memory as numbers.

    Returns:
        A tensor, of an ``array.array`` and of native memoryviews without a copy; ``None`` for
        objects without the buffer protocol, for mere bytes, and for other formats.
    """
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return None
    name = _element_type(view)
    if name is None or (view.format in _ONE_BYTE and not isinstance(value, array.array)):
        return None
    return Blob(kind=TENSOR, dtype=name, shape=tuple(view.shape or ()), data=_bytes_of(view))


def _element_type(view: memoryview) -> str | None:
    order, code = view.format[:-1], view.format[-1:]
    kind = _KINDS.get(code)
    if kind is None or order not in {"", "@", "=", "<", ">", "!"}:
        return None
    if order in _FOREIGN_ORDERS and order and view.itemsize > 1:
        return None
    return kind if kind == "bool" else f"{kind}{8 * view.itemsize}"


def _bytes_of(view: memoryview) -> Data:
    if not math.prod(view.shape or ()):
        return b""
    try:
        return view.cast("B").toreadonly()
    except TypeError:
        # Gaps between the elements, or a format that says its byte order.
        return view.tobytes()
