"""Our own reading of messages with blobs, compared with protobuf's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError, Message

from fuzz.judging import ensure
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_scan import VIEWED_FROM, blob_from
from snakepit_bridge.grpc.blob_wire import WithBlobs, apart, reading, writing
from snakepit_bridge.values.blob import Blob

_KINDS: tuple[type[Message], ...] = (
    pb.ExecuteRequest,
    pb.SessionRequest,
    pb.ExecuteResponse,
    pb.StreamResponse,
)

_Outline: TypeAlias = tuple[bytes, list[tuple[Any, ...]]]
"""A message without its blobs, and what is in each of them."""

_HEAD = 2

_LARGE = pb.ExecuteRequest(
    blobs=[pb.Blob(kind="bytes", data=bytes(VIEWED_FROM))]
).SerializeToString()
"""What makes a message long enough to be read in our own way."""


def check(data: bytes) -> None:
    """Read a message in both ways, and write it.

    Args:
        data: Two bytes, which kind of message and where a large blob is put into it; then the
            message.
    """
    if len(data) < _HEAD:
        return
    kind, content = _KINDS[data[0] % len(_KINDS)], data[_HEAD:]
    place = data[1] % (len(content) + 1)
    raw = content[:place] + _LARGE + content[place:]
    ours, theirs = reading(kind)(raw), _by_protobuf(kind, raw)
    if isinstance(ours, DecodeError) or theirs is None:
        ensure(isinstance(ours, DecodeError) and theirs is None, "one of two refuses")
        return
    message, blobs = apart(ours)
    ensure(_outline(kind, message, blobs) == theirs, "two readings")
    # Where protobuf read it, they are in the message, too.
    message.ClearField("blobs")
    again = reading(kind)(writing(WithBlobs(message, blobs)))
    assert not isinstance(again, DecodeError)
    ensure(_outline(kind, *apart(again)) == _without_kept_data(theirs), "changed by writing")


def _by_protobuf(kind: type[Message], raw: bytes) -> _Outline | None:
    try:
        message = kind.FromString(raw)
    except DecodeError:
        return None
    blobs = [blob_from(wire, wire.data) for wire in getattr(message, "blobs", ())]
    return _outline(kind, message, blobs)


def _outline(kind: type[Message], found: Message, blobs: Sequence[Blob]) -> _Outline:
    message = kind.FromString(found.SerializeToString())
    message.ClearField("blobs")
    outlines = [
        (blob.kind, blob.dtype, blob.shape, blob.handle, bytes(blob.data)) for blob in blobs
    ]
    return message.SerializeToString(deterministic=True), outlines


def _without_kept_data(outline: _Outline) -> _Outline:
    """The same, without the data of blobs that have a handle: those do not travel."""
    rest, blobs = outline
    return rest, [(*facts, handle, b"" if handle else data) for *facts, handle, data in blobs]
