"""The requests every server under measurement gets, byte for byte the same."""

from __future__ import annotations

import struct
from pathlib import Path

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb

EXECUTE = "/snakepit.SnakepitBridge/Execute"
EXECUTE_STREAM = "/snakepit.SnakepitBridge/ExecuteStream"

CHUNKS_PER_STREAM = 2000


def request(command: str) -> bytes:
    """One call of an echo: an object of five fields, about 100 bytes of JSON."""
    value = b'{"question":"What is the answer?","top_k":3,"temperature":0.7,"stream":false,"n":[1]}'
    return pb.ExecuteRequest(
        command=command,
        args={"value": value},
        request_id="bench",
        session_id="bench",
        encoding="json",
    ).SerializeToString()


def stream_request(command: str) -> bytes:
    """One call of a stream of ``CHUNKS_PER_STREAM`` small objects."""
    return pb.ExecuteRequest(
        command=command,
        args={"count": str(CHUNKS_PER_STREAM).encode()},
        request_id="bench",
        session_id="bench",
        encoding="json",
    ).SerializeToString()


def frame(message: bytes) -> bytes:
    """The message as gRPC puts it on the wire: not compressed, length, bytes."""
    return struct.pack(">BI", 0, len(message)) + message


def frame_file(folder: Path, message: bytes) -> Path:
    """A file with the frame, for a load generator that reads request bodies from files."""
    path = folder / f"{abs(hash(message)):x}.grpc"
    path.write_bytes(frame(message))
    return path
