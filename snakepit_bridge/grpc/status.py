"""Error codes into gRPC statuses; the only place that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from snakepit_bridge.errors import ErrorCode

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from snakepit_bridge.transport.envelope import Failure

STATUS: dict[ErrorCode, grpc.StatusCode] = {
    ErrorCode.COMMAND_NOT_FOUND: grpc.StatusCode.UNIMPLEMENTED,
    ErrorCode.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.INSTANCE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.VARIABLE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.BLOB_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.SESSION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorCode.FOREIGN_REF: grpc.StatusCode.PERMISSION_DENIED,
    ErrorCode.NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorCode.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.QUOTA_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.BUDGET_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.POOL_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.VERSION_CONFLICT: grpc.StatusCode.ABORTED,
    ErrorCode.WRONG_CALL: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorCode.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorCode.CANCELLED: grpc.StatusCode.CANCELLED,
    ErrorCode.HOST_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorCode.HOST_TOOL_FAILED: grpc.StatusCode.INTERNAL,
    ErrorCode.DSPY_FAILED: grpc.StatusCode.INTERNAL,
    ErrorCode.HANDLER_FAILED: grpc.StatusCode.INTERNAL,
    ErrorCode.INTERNAL: grpc.StatusCode.INTERNAL,
}

DOMAIN = "snakepit-bridge"
"""``ErrorInfo.domain`` of every error of the bridge."""

DETAILS_KEY = "grpc-status-details-bin"

MAX_TEXT = 560
"""Bytes on the wire of the status message, which travels twice: as it is, and in the details as
base64. With ``MAX_HINT`` and the ids everything stays below 2 KB; beyond 8 KB clients fail."""

MAX_HINT = 200

MAX_NAME = 64
"""Bytes of a code or an id; ours are shorter, those of somebody's own errors may be anything."""


def status_code(code: str) -> grpc.StatusCode:
    """The status of an error code; INTERNAL for one that this bridge does not know."""
    return STATUS[ErrorCode(code)] if code in set(ErrorCode) else grpc.StatusCode.INTERNAL


def status_text(failure: Failure) -> str:
    """Message and hint, safe for a header: ASCII, one line, bounded."""
    text = f"{failure.message} {failure.hint}".strip()
    return header_text(text, MAX_TEXT)


def header_text(text: str, limit: int) -> str:
    """The text as gRPC can carry it in a header in at most ``limit`` bytes.

    gRPC writes every byte outside of printable ASCII, and ``%``, as three bytes, and hangs the
    client on a lone surrogate; so both are gone here.
    """
    ascii_text = " ".join(text[: limit + 1].split()).encode("ascii", "backslashreplace").decode()
    printable = "".join(each if " " <= each <= "~" else "?" for each in ascii_text)
    if len(printable) + 2 * printable.count("%") <= limit and len(text) <= limit:
        return printable
    room = limit - 3
    while len(printable) + 2 * printable.count("%") > room:
        printable = printable[: min(len(printable) - 1, room)]
    return printable + "..."


def status_details(failure: Failure, text: str) -> bytes:
    """A serialized ``google.rpc.Status`` with one ``ErrorInfo``."""
    info = ErrorInfo(reason=header_text(failure.code, MAX_NAME), domain=DOMAIN)
    info.metadata["error_id"] = header_text(failure.error_id, MAX_NAME)
    info.metadata["retryable"] = "true" if failure.retryable else "false"
    if failure.hint:
        info.metadata["hint"] = header_text(failure.hint, MAX_HINT)
    if failure.outcome:
        info.metadata["outcome"] = failure.outcome
    packed = any_pb2.Any()
    packed.Pack(info)
    number: int = status_code(failure.code).value[0]
    serialized: bytes = Status(code=number, message=text, details=[packed]).SerializeToString()
    return serialized


async def abort(context: ServicerContext[Any, Any], failure: Failure) -> NoReturn:
    """End a call with the status of a failure."""
    text = status_text(failure)
    details = (DETAILS_KEY, status_details(failure, text))
    await context.abort(status_code(failure.code), text, (details,))
