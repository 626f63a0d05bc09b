"""Messages whose blobs are neither copied into them nor out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_scan import (
    BLOBS_TAG,
    DATA_TAG,
    MORE,
    VIEWED_FROM,
    Scan,
    UnusualError,
    blob_from,
)
from snakepit_bridge.values.blob import Blob

M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)


class WithBlobs(NamedTuple, Generic[M_co]):
    """A message, and what is to be in its field ``blobs``, which is empty."""

    message: M_co
    blobs: Sequence[Blob]


def writing(message: M | WithBlobs[M]) -> bytes:
    """A serializer for gRPC: each blob is copied once, to its place in the bytes."""
    if not isinstance(message, WithBlobs):
        return message.SerializeToString()
    pieces: list[bytes | memoryview] = [message.message.SerializeToString()]
    for blob in message.blobs:
        head, data = _head(blob), b"" if blob.handle else blob.data
        if data:
            head += DATA_TAG + _as_varint(len(data))
        pieces += (BLOBS_TAG, _as_varint(len(head) + len(data)), head, data)
    return b"".join(pieces)


def parsing(kind: type[M]) -> Callable[[bytes], M | DecodeError]:
    """A deserializer for gRPC that returns what protobuf raises.

    gRPC would answer an exception as a failure of the server, with a traceback in its log, and hand
    a client ``None``.
    """

    def parse(raw: bytes) -> M | DecodeError:
        try:
            return kind.FromString(raw)
        except DecodeError as error:
            return error

    return parse


def reading(kind: type[M]) -> Callable[[bytes], M | WithBlobs[M] | DecodeError]:
    """A deserializer for gRPC: blobs of large messages are views of the bytes that came.

    Args:
        kind: The message: one of those with blobs; what is none is returned as by ``parsing``.
    """
    parse = parsing(kind)

    def read(raw: bytes) -> M | WithBlobs[M] | DecodeError:
        if len(raw) < VIEWED_FROM:
            return parse(raw)
        try:
            rest, blobs = Scan(raw).message()
        except UnusualError:
            return parse(raw)
        except DecodeError as error:
            return error
        message = parse(rest)
        return message if isinstance(message, DecodeError) else WithBlobs(message, blobs)

    return read


def message_of(message: M | WithBlobs[M]) -> M:
    """What was read, whatever became of its blobs."""
    return message.message if isinstance(message, WithBlobs) else message


def apart(message: M | WithBlobs[M]) -> tuple[M, Sequence[Blob]]:
    """What was read, the small with the large: their blobs are beside the message."""
    if isinstance(message, WithBlobs):
        return message
    wires: Sequence[pb.Blob] = getattr(message, "blobs", ())
    return message, [blob_from(wire, wire.data) for wire in wires] if wires else ()


def _head(blob: Blob) -> bytes:
    """A blob but for its data."""
    described = pb.Blob(kind=blob.kind, dtype=blob.dtype, shape=blob.shape, handle=blob.handle)
    return described.SerializeToString()


def _as_varint(number: int) -> bytes:
    written = bytearray()
    while number >= MORE:
        written.append(number & 0xFF | MORE)
        number >>= 7
    written.append(number)
    return bytes(written)
