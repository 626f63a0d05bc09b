"""What a client makes of the answers of a server that nobody knows."""

from __future__ import annotations

from google.protobuf.message import DecodeError, Message

from fuzz.judging import ensure
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_wire import reading
from snakepit_bridge.grpc.codec import reply_from
from snakepit_bridge.transport.failures import error_from

_KINDS: tuple[type[Message], ...] = (pb.ExecuteResponse, pb.StreamResponse)


def check(data: bytes) -> None:
    """Read an answer, and make an error of a failure.

    Args:
        data: One byte, which kind of answer; then the answer.
    """
    if not data:
        return
    answer = reading(_KINDS[data[0] % len(_KINDS)])(data[1:])
    if isinstance(answer, DecodeError):
        return
    reply = reply_from(answer)  # type: ignore[arg-type]  # one of the two kinds
    ensure((reply.failure is None) or (reply.encoded is None), "a failure with a value")
    if reply.failure is not None:
        error = error_from(reply.failure)
        ensure(isinstance(error, BridgeError), f"a failure became {error!r}")
        ensure(str(error) is not None and error.error_id is not None, "an error without an id")
