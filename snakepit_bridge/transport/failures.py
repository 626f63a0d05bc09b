"""Errors into failures that can travel, failures into errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge import errors
from snakepit_bridge.errors import BridgeError, ErrorCode, Outcome
from snakepit_bridge.handlers.failures import bounded
from snakepit_bridge.transport.envelope import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE = 16 * 1024
"""Characters kept of a message, and of a hint. An answer that does not fit into a message of its
transport tells nothing at all, and 1 MiB is the smallest limit a server takes."""

MAX_DETAILS = 64 * 1024
"""Bytes kept of the details, written as JSON."""

_CLASSES: dict[str, type[BridgeError]] = {
    ErrorCode.COMMAND_NOT_FOUND: errors.CommandNotFoundError,
    ErrorCode.INVALID_ARGUMENT: errors.InvalidArgumentError,
    ErrorCode.INSTANCE_NOT_FOUND: errors.InstanceNotFoundError,
    ErrorCode.VARIABLE_NOT_FOUND: errors.VariableError,
    ErrorCode.BLOB_NOT_FOUND: errors.BlobNotFoundError,
    ErrorCode.SESSION_NOT_FOUND: errors.SessionError,
    ErrorCode.FOREIGN_REF: errors.ForeignRefError,
    ErrorCode.NOT_ALLOWED: errors.NotAllowedError,
    ErrorCode.UNAUTHENTICATED: errors.UnauthenticatedError,
    ErrorCode.QUOTA_EXCEEDED: errors.QuotaExceededError,
    ErrorCode.BUDGET_EXCEEDED: errors.BudgetExceededError,
    ErrorCode.POOL_FULL: errors.PoolFullError,
    ErrorCode.VERSION_CONFLICT: errors.VersionConflictError,
    ErrorCode.WRONG_CALL: errors.WrongCallError,
    ErrorCode.DEADLINE_EXCEEDED: errors.CommandDeadlineError,
    ErrorCode.CANCELLED: errors.CommandCancelledError,
    ErrorCode.HOST_UNAVAILABLE: errors.HostUnavailableError,
    ErrorCode.HOST_TOOL_FAILED: errors.HostToolError,
    ErrorCode.DSPY_FAILED: errors.DSPyError,
    ErrorCode.HANDLER_FAILED: errors.HandlerFailedError,
    ErrorCode.INTERNAL: errors.BridgeError,
}


def failure_of(error: BridgeError) -> Failure:
    """The error as data; facts that JSON cannot carry are shown as text."""
    return Failure(
        code=str(error.code),
        type=error.type_name,
        message=bounded(error.message, MAX_MESSAGE),
        hint=bounded(error.hint, MAX_MESSAGE),
        details=_details_of(error),
        foreign_message=error.foreign_message,
        traceback=error.foreign_traceback,
        retryable=error.retryable,
        retry_after_s=error.retry_after_s,
        error_id=error.error_id,
        outcome=str(error.outcome or ""),
    )


def error_from(failure: Failure) -> BridgeError:
    """The error a client raises for a failure: of the class of its code, as it was raised."""
    kind = _CLASSES.get(failure.code, BridgeError)
    details = dict(failure.details)
    if failure.hint:
        details["hint"] = failure.hint
    error = kind(failure.message, details)
    if failure.code in _CLASSES:
        error.code = ErrorCode(failure.code)
    if failure.type != kind.__name__:
        error.foreign_type = failure.type
    error.foreign_traceback = failure.traceback
    error.retryable = failure.retryable
    error.retry_after_s = failure.retry_after_s
    error.outcome = Outcome(failure.outcome) if failure.outcome in set(Outcome) else None
    error.keep_id(failure.error_id)
    return error


def _details_of(error: BridgeError) -> Mapping[str, Any]:
    details: dict[str, Any] = {}
    room, left_out = MAX_DETAILS, 0
    for name, fact in error.details.items():
        if name == "hint":
            continue
        plain, size_bytes = _plain(fact)
        if size_bytes > room:
            left_out += 1
            continue
        room -= size_bytes + len(str(name))
        details[_utf8(str(name))] = plain
    if left_out:
        details["left_out"] = left_out
    return details


def _plain(fact: object) -> tuple[Any, int]:
    """The fact as JSON can carry it, and its size there."""
    try:
        written = msgspec.json.encode(fact, enc_hook=_shown)
        return msgspec.json.decode(written), len(written)
    except (TypeError, ValueError, OverflowError, RecursionError):
        shown = _utf8(fact) if isinstance(fact, str) else _shown(fact)
        return shown, len(shown)


def _shown(fact: object) -> str:
    return f"<{type(fact).__name__}>"


def _utf8(text: str) -> str:
    """The text with lone surrogates shown as escapes."""
    return text.encode(errors="backslashreplace").decode()
