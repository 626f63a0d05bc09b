"""Protobuf messages of ``snakepit.bridge.BridgeService`` into envelopes, replies into messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER, new_correlation_id
from snakepit_bridge.telemetry.propagation import HEADERS
from snakepit_bridge.transport.envelope import Envelope, Reply
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.snakepit_json import Binary, Typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grpc.aio import ServicerContext

    Context = ServicerContext[Any, Any]

ENCODING_HEADER = "snakepit-encoding"
"""Header, or key of the request's metadata, that names the encoding of the values."""

DEFAULT_ENCODING = "json"

_LABEL_PREFIX = "type.googleapis.com/snakepit."

_PLAIN_LABELS = frozenset({"", "type.googleapis.com/google.protobuf.StringValue"})
"""Labels that say nothing about the value; every parameter from Elixir 0.13 has the second."""

_WANTED_HEADERS = frozenset({*HEADERS, CORRELATION_HEADER, ENCODING_HEADER})


class Call:
    """One tool request as it came in.

    Args:
        request: The message.
        context: Its call.
    """

    __slots__ = ("correlation_id", "envelope", "request")

    def __init__(self, request: pb.ExecuteToolRequest, context: Context) -> None:
        headers = _headers(context)
        self.request = request
        self.correlation_id = headers.pop(CORRELATION_HEADER, "") or new_correlation_id()
        metadata = dict(request.metadata)
        encoding = headers.pop(ENCODING_HEADER, "") or metadata.get(ENCODING_HEADER, "")
        self.envelope = Envelope(
            command=request.tool_name,
            args=_arguments(request),
            encoding=encoding or DEFAULT_ENCODING,
            session_id=request.session_id,
            session_in_args=True,
            timeout_s=context.time_remaining(),
            request_id=self.correlation_id,
            metadata=metadata,
            trace_context=headers,
        )


def response_from(reply: Reply, duration_ms: int) -> pb.ExecuteToolResponse:
    """The answer of a tool that has its value."""
    encoded = reply.encoded or _NOTHING
    return pb.ExecuteToolResponse(
        success=True,
        result=AnyMessage(type_url=_LABEL_PREFIX + encoded.label, value=encoded.value),
        binary_result=encoded.binary,
        metadata=reply.metadata,
        execution_time_ms=duration_ms,
    )


def chunk_from(encoded: Encoded, chunk_id: str, *, is_final: bool) -> pb.ToolChunk:
    """One item of a stream."""
    return pb.ToolChunk(
        chunk_id=chunk_id, data=encoded.value, is_final=is_final, metadata=encoded.metadata
    )


_NOTHING = Encoded(value=b"null", label="string")


def _arguments(request: pb.ExecuteToolRequest) -> Mapping[str, bytes | Typed | Binary]:
    arguments: dict[str, bytes | Typed | Binary] = {}
    for name, parameter in request.parameters.items():
        label = parameter.type_url
        arguments[name] = (
            parameter.value if label in _PLAIN_LABELS else Typed(label, parameter.value)
        )
    for name, data in request.binary_parameters.items():
        # Under one name the bytes win, as they always have.
        arguments[name] = Binary(data)
    return arguments


def _headers(context: Context) -> dict[str, str]:
    return {
        name: value
        for name, value in context.invocation_metadata() or ()
        if name in _WANTED_HEADERS and isinstance(value, str)
    }
