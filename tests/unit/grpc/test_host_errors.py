from __future__ import annotations

import grpc
import pytest

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
    VariableError,
    WrongCallError,
)
from snakepit_bridge.grpc import host_errors
from snakepit_bridge.grpc.host_calls import HostCall, HostLostError
from tests.unit.grpc.fake_rpcs import FakeRpc

CALL = HostCall(
    rpc="GetVariable",
    request=None,
    what="get variable 'x'",
    errors={grpc.StatusCode.ABORTED: VariableError},
    unserved_hint="Keep it elsewhere.",
)


def _error(code: grpc.StatusCode, details: str | None = "so it is.") -> BridgeError:
    rpc = FakeRpc()
    rpc.fail(code, details)
    return host_errors.from_status(rpc, CALL, "host:1")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, HostLostError),
        (grpc.StatusCode.CANCELLED, HostLostError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, HostUnavailableError),
        (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
        (grpc.StatusCode.PERMISSION_DENIED, NotAllowedError),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgumentError),
        (grpc.StatusCode.NOT_FOUND, SessionError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, QuotaExceededError),
        (grpc.StatusCode.FAILED_PRECONDITION, WrongCallError),
        (grpc.StatusCode.UNIMPLEMENTED, WrongCallError),
        (grpc.StatusCode.INTERNAL, HostToolError),
        (grpc.StatusCode.UNKNOWN, HostToolError),
        (grpc.StatusCode.ABORTED, VariableError),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_status_has_its_error(code: grpc.StatusCode, kind: type[BridgeError]) -> None:
    error = _error(code)

    assert type(error) is kind
    assert error.details["status"] == code.name
    assert error.details["address"] == "host:1"


def test_a_message_names_the_host_the_wish_and_the_reason() -> None:
    error = _error(grpc.StatusCode.INTERNAL)

    assert error.message == "The host at host:1 could not get variable 'x': so it is."
    assert error.details["host_message"] == "so it is"


@pytest.mark.parametrize("details", [None, "", " "])
def test_a_host_without_a_word_is_quoted_by_its_status(details: str | None) -> None:
    assert _error(grpc.StatusCode.UNKNOWN, details).message.endswith(": UNKNOWN.")


def test_a_call_that_is_not_served_is_named_with_what_to_do() -> None:
    error = _error(grpc.StatusCode.UNIMPLEMENTED)

    assert error.message == "The host at host:1 does not serve GetVariable."
    assert error.hint == "Keep it elsewhere."


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
def test_a_lost_call_warns_of_doing_it_twice(code: grpc.StatusCode) -> None:
    error = _error(code)

    assert error.retryable
    assert "before you repeat it" in error.hint


def test_a_limit_of_the_host_is_no_reason_to_try_again() -> None:
    assert _error(grpc.StatusCode.RESOURCE_EXHAUSTED).retryable is False


def test_what_the_host_says_is_bounded() -> None:
    said = host_errors.bounded("x" * 5000)

    assert said == "x" * host_errors.MAX_TEXT + "…"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (host_errors.unreachable(CALL, "host:1", "refused"), HostUnavailableError),
        (host_errors.too_slow(CALL, "host:1", 0.5), HostUnavailableError),
        (host_errors.closed(CALL, "host:1"), HostUnavailableError),
        (host_errors.late(CALL), CommandDeadlineError),
        (host_errors.cancelled(CALL), CommandCancelledError),
        (host_errors.too_large(CALL, 11, 10), InvalidArgumentError),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_other_end_of_a_call_names_what_was_wanted(
    error: BridgeError, kind: type[BridgeError]
) -> None:
    assert type(error) is kind
    assert "get variable 'x'" in error.message
    assert error.details["rpc"] == "GetVariable"
