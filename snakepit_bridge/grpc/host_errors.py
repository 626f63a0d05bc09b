"""What went wrong on the way to the host, as the errors of the bridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    HostUnavailableError,
    InvalidArgumentError,
    NotAllowedError,
    QuotaExceededError,
    SessionError,
    UnauthenticatedError,
    WrongCallError,
)
from snakepit_bridge.grpc.host_calls import HostCall, HostLostError

MAX_TEXT = 1000
"""Characters of what the host said; a message is for reading."""

_MEANING: Mapping[grpc.StatusCode, type[BridgeError]] = {
    grpc.StatusCode.UNAVAILABLE: HostLostError,
    # This is how calls end that run in a host while it shuts down.
    grpc.StatusCode.CANCELLED: HostLostError,
    grpc.StatusCode.DEADLINE_EXCEEDED: HostUnavailableError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowedError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: SessionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: QuotaExceededError,
    grpc.StatusCode.FAILED_PRECONDITION: WrongCallError,
    grpc.StatusCode.UNIMPLEMENTED: WrongCallError,
}
"""Everything else is a failure of the host's own code."""

_LOST_HINT = "It may have been done all the same; look before you repeat it."

_HINTS: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: _LOST_HINT,
    grpc.StatusCode.CANCELLED: _LOST_HINT,
    grpc.StatusCode.UNAUTHENTICATED: "Give the client the metadata or credentials the host wants.",
}


def from_status(error: Any, call: HostCall, address: str) -> BridgeError:
    """The error for a status that ended a call.

    Args:
        error: The ``grpc.RpcError``; those of calls have ``code()`` and ``details()``.
        call: What was asked.
        address: Of whom.
    """
    code: grpc.StatusCode = error.code()
    kind = call.errors.get(code) or _MEANING.get(code, HostToolError)
    said = bounded(error.details())
    details = {"address": address, "rpc": call.rpc, "status": code.name, "host_message": said}
    text = f"The host at {address} could not {call.what}: {said or code.name}."
    if code is grpc.StatusCode.UNIMPLEMENTED:
        text = f"The host at {address} does not serve {call.rpc}."
    hint = call.unserved_hint if code is grpc.StatusCode.UNIMPLEMENTED else _HINTS.get(code, "")
    translated = kind(text, {**details, "hint": hint} if hint else details)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        # A message may be too large, or something full; nobody knows whether it will ever pass.
        translated.retryable = False
    return translated


def unreachable(call: HostCall, address: str, reason: str) -> HostUnavailableError:
    """The error for a call that never left, because there is no connection."""
    return HostUnavailableError(
        f"The host at {address} cannot be reached to {call.what}: {bounded(reason)}.",
        {
            "address": address,
            "rpc": call.rpc,
            "hint": "Does it run there? Does it use TLS, as this client does or does not?",
        },
    )


def too_slow(call: HostCall, address: str, timeout_s: float) -> HostUnavailableError:
    """The error for a host that had enough time."""
    return HostUnavailableError(
        f"The host at {address} did not {call.what} within {timeout_s:g} s.",
        {
            "address": address,
            "rpc": call.rpc,
            "timeout_s": timeout_s,
            "hint": "Give the command a deadline that leaves enough time for it.",
        },
    )


def late(call: HostCall) -> CommandDeadlineError:
    """The error for a command whose own deadline has passed."""
    text = f"The command's deadline passed before the host could {call.what}."
    return CommandDeadlineError(text, {"rpc": call.rpc, "hint": "Give the command more time."})


def cancelled(call: HostCall) -> CommandCancelledError:
    """The error for a command that nobody waits for any more."""
    text = f"The command was cancelled before the host could {call.what}."
    return CommandCancelledError(text, {"rpc": call.rpc})


def closed(call: HostCall, address: str) -> HostUnavailableError:
    """The error for a call whose client was closed meanwhile."""
    text = f"The client of the host at {address} was closed before it could {call.what}."
    error = HostUnavailableError(text, {"address": address, "rpc": call.rpc})
    error.retryable = False
    return error


def forked(call: HostCall, address: str, process_id: int) -> WrongCallError:
    """The error for a call in a process that was forked from the one that opened the client."""
    text = (
        f"The client of the host at {address} belongs to process {process_id}: "
        f"a process that was forked from it cannot {call.what}."
    )
    # gRPC's threads are not there to hear the answer, so the call would never end.
    hint = "Let the forked process return what it has found, and make the call before or after."
    return WrongCallError(text, {"address": address, "rpc": call.rpc, "hint": hint})


def too_large(call: HostCall, size_bytes: int, limit_bytes: int) -> InvalidArgumentError:
    """The error for a request that gRPC would not send."""
    text = f"It takes {size_bytes} bytes to {call.what}; one message has at most {limit_bytes}."
    hint = "Send less, or the name of a file both sides can read; or raise max_message_bytes."
    return InvalidArgumentError(text, {"rpc": call.rpc, "size_bytes": size_bytes, "hint": hint})


def bounded(text: str | None) -> str:
    """What the host said, not more than fits a message, ready for a full stop."""
    said = (text or "").strip()
    if len(said) > MAX_TEXT:
        return f"{said[:MAX_TEXT]}…"
    return said.rstrip(".")
