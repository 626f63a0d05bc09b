"""Statuses that end a call, as the errors of the bridge."""

from __future__ import annotations

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostUnavailableError,
    QuotaExceededError,
    UnauthenticatedError,
    WrongCallError,
)
from snakepit_bridge.grpc.status import DETAILS_KEY, DOMAIN
from snakepit_bridge.transport.envelope import Failure
from snakepit_bridge.transport.failures import error_from

_Told = tuple[type[BridgeError], str, str]

_ANSWERS: dict[grpc.StatusCode, _Told] = {
    grpc.StatusCode.UNAVAILABLE: (
        HostUnavailableError,
        "The bridge at {target} cannot be reached: {told}",
        "Start one with 'snakepit-bridge serve'; if one runs there, do both sides use TLS?",
    ),
    grpc.StatusCode.UNAUTHENTICATED: (
        UnauthenticatedError,
        "The bridge at {target} refused the call: {told}",
        "",
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: (
        CommandDeadlineError,
        "{command!r} had no answer in time.",
        "",
    ),
    grpc.StatusCode.CANCELLED: (CommandCancelledError, "{command!r} was cancelled: {told}", ""),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        QuotaExceededError,
        "A message of {command!r} is too large: {told}",
        "Send less at once, raise --max-message-bytes, or tell the client max_message_bytes=.",
    ),
    grpc.StatusCode.UNIMPLEMENTED: (
        WrongCallError,
        "What listens at {target} does not serve commands: {told}",
        "Is it another gRPC server, or an older bridge?",
    ),
}
"""What a call ends with that the bridge itself has not answered: it answers failures in band."""

_NOT_SENT = "Internal error from Core"
"""What gRPC calls a message of a stream that could not be sent, before it knows why: the connection
broke, or the bridge has ended the call."""

_ANY_OTHER: _Told = (BridgeError, "The call of {command!r} failed: {told}", "")


def error_of(error: grpc.aio.AioRpcError, target: str, command: str) -> BridgeError:
    """The error for a status that gRPC, or the bridge, has ended a call with.

    Args:
        error: What gRPC raised.
        target: Where the bridge is.
        command: What was called.
    """
    code = error.code()
    if code is grpc.StatusCode.INTERNAL and error.details() == _NOT_SENT:
        code = grpc.StatusCode.UNAVAILABLE
    kind, message, hint = _ANSWERS.get(code, _ANY_OTHER)
    told = error.details() or "no details"
    details = {"target": target, "command": command, "status": code.name}
    if hint:
        details["hint"] = hint
    failure = kind(message.format(target=target, command=command, told=told), details)
    if kind is QuotaExceededError:
        # The same message would be as large the next time.
        failure.retryable = False
    return failure


def told_error(error: grpc.aio.AioRpcError) -> BridgeError | None:
    """The error that the bridge itself ended a call with; ``None`` if it was not the bridge."""
    info = _error_info(error)
    if info is None:
        return None
    hint = info.metadata.get("hint", "")
    return error_from(
        Failure(
            code=info.reason,
            type="",
            message=(error.details() or "").removesuffix(hint).strip(),
            hint=hint,
            retryable=info.metadata.get("retryable") == "true",
            error_id=info.metadata.get("error_id", ""),
        )
    )


def _error_info(error: grpc.aio.AioRpcError) -> ErrorInfo | None:
    info = ErrorInfo()
    for name, value in error.trailing_metadata():
        if name == DETAILS_KEY and isinstance(value, bytes):
            try:
                packed = Status.FromString(value).details
                found = any(each.Unpack(info) for each in packed)
            except DecodeError:
                return None
            return info if found and info.domain == DOMAIN else None
    return None
