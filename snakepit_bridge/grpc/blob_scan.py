"""Finds the blobs in the bytes of a message."""

from __future__ import annotations

from collections.abc import Iterator

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.values.blob import Blob, Data

BLOBS_TAG = b"\x4a"
"""Field 9 of all four messages that carry blobs, which are messages themselves."""

DATA_TAG = b"\x22"
"""Field 4 of a blob."""

VIEWED_FROM = 64 * 1024
"""Bytes of data from which looking costs less than copying."""

MAX_FIELDS = 4096
"""Fields looked at in one message. Millions of tiny ones would keep the loop busy for seconds;
protobuf itself reads them much faster."""

MORE = 0x80
"""Set in each byte of a number but its last."""

_VARINT, _SIZED = 0, 2
_FIXED = {1: 8, 5: 4}
"""Wire types, the last with their bytes. The other two are of an older protobuf."""


class UnusualError(Exception):
    """Only protobuf can say what these bytes are, or what is wrong with them."""


class Scan:
    """Finds the blobs in a message.

    Args:
        raw: The message.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._view = memoryview(raw)
        self._budget = iter(range(MAX_FIELDS))

    def message(self) -> tuple[bytes, list[Blob]]:
        """The bytes of the message without its blobs, and the blobs.

        Raises:
            UnusualError: Anything but canonical bytes of complete fields, or too many of them.
            DecodeError: A blob's description is none.
        """
        rest: list[memoryview] = []
        blobs: list[Blob] = []
        after = 0
        for tag, begin, content, end in self._fields(0, len(self._raw)):
            if tag == BLOBS_TAG[0]:
                rest.append(self._view[after:begin])
                blobs.append(self._blob(content, end))
                after = end
        if not blobs:
            return self._raw, blobs
        rest.append(self._view[after:])
        return b"".join(rest), blobs

    def _blob(self, begin: int, end: int) -> Blob:
        data = self._view[:0]
        rest: list[memoryview] = []
        after = begin
        for tag, at, content, stop in self._fields(begin, end):
            if tag == DATA_TAG[0]:
                # As with every field that may be there once: the last one holds.
                data = self._view[content:stop]
                rest.append(self._view[after:at])
                after = stop
        rest.append(self._view[after:end])
        wire = pb.Blob.FromString(b"".join(rest))
        # A view would keep the whole message alive for the sake of a little.
        return blob_from(wire, bytes(data) if len(data) < VIEWED_FROM else data)

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Each field: its tag, where it begins, where its content begins, where it ends."""
        for _ in self._budget:
            if at == end:
                return
            begin = at
            tag, at = self._varint(at, end)
            content, at = self._content(tag & 7, at, end)
            if at > end:
                raise UnusualError
            yield tag, begin, content, at
        raise UnusualError

    def _content(self, wire_type: int, at: int, end: int) -> tuple[int, int]:
        if wire_type == _SIZED:
            size, content = self._varint(at, end)
            return content, content + size
        if wire_type == _VARINT:
            return at, self._varint(at, end)[1]
        if wire_type in _FIXED:
            return at, at + _FIXED[wire_type]
        raise UnusualError

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """A number, and where the next thing begins."""
        number = 0
        for shift, place in zip(range(0, 70, 7), range(at, end), strict=False):
            byte = self._raw[place]
            number |= (byte & ~MORE) << shift
            if not byte & MORE:
                if byte == 0 and shift:
                    break
                return number, place + 1
        raise UnusualError


def blob_from(wire: pb.Blob, data: Data) -> Blob:
    """The blob of a message, with data that may not be in there."""
    return Blob(
        kind=wire.kind, dtype=wire.dtype, shape=tuple(wire.shape), data=data, handle=wire.handle
    )
