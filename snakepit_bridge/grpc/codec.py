"""Protobuf messages of ``snakepit.SnakepitBridge`` into envelopes, replies into messages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_wire import M, WithBlobs, apart
from snakepit_bridge.telemetry.propagation import HEADERS, NOTHING
from snakepit_bridge.transport.envelope import Envelope, Failure, Reply
from snakepit_bridge.values.encoding import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grpc.aio import ServicerContext

Request: TypeAlias = "pb.ExecuteRequest | pb.SessionRequest"
Answer: TypeAlias = "pb.ExecuteResponse | pb.StreamResponse"


def envelope_from(
    request: Request | WithBlobs[Request], context: ServicerContext[Any, Any]
) -> Envelope:
    """What a request asks for; the smaller of its two time limits holds."""
    request, blobs = apart(request)
    timeout_s: float | None = context.time_remaining()
    # Less than nothing is what is left of a budget that is spent, and not no limit.
    if request.timeout_ms != 0:
        own_s = request.timeout_ms / 1000
        timeout_s = own_s if timeout_s is None else min(timeout_s, own_s)
    return Envelope(
        command=request.command,
        args=request.args,
        encoding=request.encoding,
        session_id=request.session_id,
        blobs=blobs,
        requires_session=isinstance(request, pb.SessionRequest),
        timeout_s=timeout_s,
        request_id=request.request_id,
        metadata=request.metadata,
        trace_context=_trace_context(context.invocation_metadata()),
    )


def response_from(
    reply: Reply, request_id: str
) -> pb.ExecuteResponse | WithBlobs[pb.ExecuteResponse]:
    """The one answer of a command."""
    response = pb.ExecuteResponse(
        success=reply.failure is None,
        timestamp=time.time_ns(),
        request_id=request_id,
    )
    if reply.metadata:
        response.metadata.update(reply.metadata)
    if reply.encoded is not None:
        response.value = reply.encoded.value
        if reply.encoded.parts:
            response.result.update(reply.encoded.parts)
    if reply.failure is not None:
        _fill_failure(response, reply.failure)
    return _with_blobs_of(reply, response)


def message_from(
    reply: Reply, request_id: str, index: int
) -> pb.StreamResponse | WithBlobs[pb.StreamResponse]:
    """One message of a streamed answer."""
    message = pb.StreamResponse(
        is_final=reply.is_final,
        timestamp=time.time_ns(),
        request_id=request_id,
        chunk_index=index,
    )
    if reply.metadata:
        message.metadata.update(reply.metadata)
    if reply.encoded is not None:
        message.value = reply.encoded.value
        if reply.encoded.parts:
            message.chunk.update(reply.encoded.parts)
    if reply.failure is not None:
        _fill_failure(message, reply.failure)
    return _with_blobs_of(reply, message)


def request_from(envelope: Envelope) -> pb.ExecuteRequest | WithBlobs[pb.ExecuteRequest]:
    """The client's side of ``envelope_from``: failures are wanted in the answer."""
    request = pb.ExecuteRequest(
        command=envelope.command,
        args=envelope.args,
        timeout_ms=_milliseconds(envelope.timeout_s),
        request_id=envelope.request_id,
        session_id=envelope.session_id,
        metadata=envelope.metadata,
        encoding=envelope.encoding,
        in_band_errors=True,
    )
    return WithBlobs(request, envelope.blobs) if envelope.blobs else request


def reply_from(answer: Answer | WithBlobs[Answer]) -> Reply:
    """The client's side of ``response_from`` and ``message_from``."""
    answer, blobs = apart(answer)
    if isinstance(answer, pb.StreamResponse):
        parts, is_final = dict(answer.chunk), answer.is_final
        # A streaming command closes with a message that has no value at all. JSON never encodes
        # to nothing; the old convention does so with an empty dict, which is lost here alone.
        is_empty = is_final and not (answer.value or parts or blobs)
    else:
        parts, is_final, is_empty = dict(answer.result), True, False
    failure = _failure_from(answer.failure) if answer.HasField("failure") else None
    return Reply(
        encoded=None
        if is_empty or failure is not None
        else Encoded(answer.value, parts, blobs=blobs),
        failure=failure,
        is_final=is_final,
        metadata=dict(answer.metadata),
    )


def _with_blobs_of(reply: Reply, message: M) -> M | WithBlobs[M]:
    if reply.encoded is None or not reply.encoded.blobs:
        return message
    return WithBlobs(message, reply.encoded.blobs)


def _trace_context(headers: Iterable[tuple[str, str | bytes]] | None) -> Mapping[str, str]:
    found = {name: str(value) for name, value in headers or () if name in HEADERS}
    return found or NOTHING


def _milliseconds(timeout_s: float | None) -> int:
    # 0 means no limit on the wire, so what is left of a deadline is at least 1.
    return 0 if timeout_s is None else int(min(2**31 - 1, max(1, timeout_s * 1000)))


def _fill_failure(answer: pb.ExecuteResponse | pb.StreamResponse, failure: Failure) -> None:
    answer.error = _utf8(f"{failure.message} {failure.hint}".strip())
    wire = answer.failure
    wire.code, wire.type = _utf8(failure.code), _utf8(failure.type)
    wire.error_id = _utf8(failure.error_id)
    wire.message, wire.hint = _utf8(failure.message), _utf8(failure.hint)
    wire.details_json = _details_json(failure)
    wire.traceback = _utf8(failure.traceback)
    wire.retryable = failure.retryable
    wire.retry_after_ms = round(1000 * (failure.retry_after_s or 0))


def _details_json(failure: Failure) -> str:
    details = dict(failure.details)
    if failure.outcome:
        details["outcome"] = failure.outcome
    return msgspec.json.encode(details).decode()


def _failure_from(wire: pb.Failure) -> Failure:
    details = _details_from(wire.details_json)
    return Failure(
        code=wire.code,
        type=wire.type,
        message=wire.message,
        hint=wire.hint,
        details=details,
        traceback=wire.traceback,
        retryable=wire.retryable,
        retry_after_s=wire.retry_after_ms / 1000 or None,
        error_id=wire.error_id,
        outcome=str(details.get("outcome", "")),
    )


def _details_from(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        # Of another server; what failed there counts more than that its facts cannot be read.
        return {"details_json": text}


def _utf8(text: str) -> str:
    """The text with lone surrogates, which protobuf refuses, shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
