"""Protobuf messages of ``snakepit.bridge.BridgeService`` into envelopes, replies into messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER, new_correlation_id
from snakepit_bridge.telemetry.propagation import HEADERS
from snakepit_bridge.transport.envelope import Envelope, Reply
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.arguments import Binary, Described, Misdescribed, Typed
from snakepit_bridge.values.snakepit.binary import described, description_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grpc.aio import ServicerContext

    from snakepit_bridge.values.blob import Blob
    from snakepit_bridge.values.snakepit.arguments import Argument

    Context = ServicerContext[Any, Any]

ENCODING_HEADER = "snakepit-encoding"
"""Header, or key of the request's metadata, that names the encoding of the values."""

DEFAULT_ENCODING = "json"

DESCRIPTION_PREFIX = "snakepit-blob:"
"""Begins the keys of the request's metadata that describe binary parameters; a name follows."""

_BINARY_ENCODING = "msgpack"
"""The one encoding that is no JSON."""

_LABEL_PREFIX = "type.googleapis.com/snakepit."

_JSON_LABEL = "type.googleapis.com/google.protobuf.StringValue"
_PLAIN_LABELS = frozenset({"", _JSON_LABEL})
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
        told = request.metadata
        metadata = {name: told[name] for name in told}
        encoding = headers.pop(ENCODING_HEADER, "") or metadata.get(ENCODING_HEADER, "")
        args, blobs = _arguments(request, metadata, encoding)
        self.envelope = Envelope(
            command=request.tool_name,
            args=args,
            encoding=encoding or DEFAULT_ENCODING,
            session_id=request.session_id,
            blobs=blobs,
            session_in_args=True,
            timeout_s=context.time_remaining(),
            request_id=self.correlation_id,
            metadata=metadata,
            trace_context=headers,
        )


def response_from(reply: Reply, duration_ms: int) -> pb.ExecuteToolResponse:
    """The answer of a tool that has its value."""
    encoded = reply.encoded or _NOTHING
    value, binary = encoded.value, encoded.binary
    for blob in encoded.blobs:
        # The whole result; there is never more than this one.
        value, binary = description_of(blob), bytes(blob.data)
    response = pb.ExecuteToolResponse(
        success=True, binary_result=binary, execution_time_ms=duration_ms
    )
    # Piece by piece, which takes protobuf half of the time of a message with all of it.
    result, metadata = response.result, response.metadata
    result.type_url = _LABEL_PREFIX + encoded.label
    result.value = value
    for name, text in reply.metadata.items():
        metadata[name] = text
    return response


def chunk_from(encoded: Encoded, chunk_id: str, *, is_final: bool) -> pb.ToolChunk:
    """One item of a stream."""
    return pb.ToolChunk(
        chunk_id=chunk_id, data=encoded.value, is_final=is_final, metadata=encoded.metadata
    )


_NOTHING = Encoded(value=b"null", label="string")


def _arguments(
    request: pb.ExecuteToolRequest, metadata: Mapping[str, str], encoding: str
) -> tuple[Mapping[str, Argument], list[Blob]]:
    arguments: dict[str, Argument] = {}
    # By name: the items() of protobuf's maps are Python code, and twice as slow.
    parameters, binary = request.parameters, request.binary_parameters
    for name in parameters:
        parameter = parameters[name]
        label = parameter.type_url
        if label not in _PLAIN_LABELS:
            arguments[name] = Typed(label, parameter.value)
        elif encoding == _BINARY_ENCODING and label:
            arguments[name] = Misdescribed(_json_instead())
        else:
            arguments[name] = parameter.value
    for name in binary:
        # Under one name the bytes win, as they always have.
        arguments[name] = Binary(binary[name])
    blobs: list[Blob] = []
    for key in metadata:
        if key.startswith(DESCRIPTION_PREFIX):
            name = key.removeprefix(DESCRIPTION_PREFIX)
            arguments[name] = _described(metadata[key], request.binary_parameters, name, blobs)
    return arguments, blobs


def _json_instead() -> CannotReadError:
    # Some JSON texts are messages of MessagePack, too: the text 0 would be read as 48.
    return CannotReadError(
        f"is labelled {_JSON_LABEL!r}, which is JSON, and the encoding is {_BINARY_ENCODING!r}",
        f"Label it {_LABEL_PREFIX + _BINARY_ENCODING!r}, or send another encoding.",
    )


def _described(
    description: str, binary: Mapping[str, bytes], name: str, blobs: list[Blob]
) -> Described | Misdescribed:
    try:
        blob = described(description, binary.get(name))
    except CannotReadError as error:
        # Told where arguments are read, with all the others that are wrong.
        return Misdescribed(error)
    blobs.append(blob)
    return Described(len(blobs) - 1)


def _headers(context: Context) -> dict[str, str]:
    return {
        name: value
        for name, value in context.invocation_metadata() or ()
        if name in _WANTED_HEADERS and isinstance(value, str)
    }
