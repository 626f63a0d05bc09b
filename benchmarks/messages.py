"""The requests every server under measurement gets, byte for byte the same."""

from __future__ import annotations

import struct
from pathlib import Path

from google.protobuf.any_pb2 import Any

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as bridge_pb
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb

EXECUTE_TOOL = "/snakepit.bridge.BridgeService/ExecuteTool"
EXECUTE_STREAMING_TOOL = "/snakepit.bridge.BridgeService/ExecuteStreamingTool"

LABEL = "type.googleapis.com/google.protobuf.StringValue"
"""What Elixir calls every value that it sends."""

EXECUTE = "/snakepit.SnakepitBridge/Execute"
EXECUTE_STREAM = "/snakepit.SnakepitBridge/ExecuteStream"

CHUNKS_PER_STREAM = 2000

VALUE = b'{"question":"What is the answer?","top_k":3,"temperature":0.7,"stream":false,"n":[1]}'

TOOL_METADATA = {
    "correlation_id": "sp-0123456789abcdef01234567",
    "python_runtime_hash": "0" * 64,
    "python_version": "3.11.7",
    "python_platform": "linux-x86_64",
}
"""What Elixir says beside the arguments of every tool."""


def request(command: str) -> bytes:
    """One call of an echo: an object of five fields, about 100 bytes of JSON."""
    return pb.ExecuteRequest(
        command=command,
        args={"value": VALUE},
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


def tool_request(session_id: str) -> bytes:
    """One call of the showcase's echo, as Elixir sends it in the worker's own session."""
    return _tool("echo", session_id, {"value": VALUE})


def tool_stream_request(session_id: str) -> bytes:
    """One call of the showcase's stream of ``CHUNKS_PER_STREAM`` small objects."""
    count = str(CHUNKS_PER_STREAM).encode()
    return _tool("stream_data", session_id, {"count": count, "delay": b"0"})


def _tool(name: str, session_id: str, arguments: dict[str, bytes]) -> bytes:
    request = bridge_pb.ExecuteToolRequest(
        session_id=session_id, tool_name=name, metadata=TOOL_METADATA
    )
    for argument, value in arguments.items():
        request.parameters[argument].CopyFrom(Any(type_url=LABEL, value=value))
    return request.SerializeToString()


def frame(message: bytes) -> bytes:
    """The message as gRPC puts it on the wire: not compressed, length, bytes."""
    return struct.pack(">BI", 0, len(message)) + message


def frame_file(folder: Path, message: bytes) -> Path:
    """A file with the frame, for a load generator that reads request bodies from files."""
    path = folder / f"{abs(hash(message)):x}.grpc"
    path.write_bytes(frame(message))
    return path
