from __future__ import annotations

import base64

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from hypothesis import example, given
from hypothesis import strategies as st

from snakepit_bridge.errors import BridgeError, ErrorCode, Outcome
from snakepit_bridge.grpc.status import (
    MAX_TEXT,
    STATUS,
    header_text,
    status_code,
    status_details,
    status_text,
)
from snakepit_bridge.transport.envelope import Failure
from snakepit_bridge.transport.failures import failure_of

# Everything a string may hold, half characters included, and what gRPC writes with most bytes.
_TEXTS = st.text(st.characters()) | st.text(st.characters(categories=["Cs", "Cc"]) | st.just("%"))


def _on_the_wire(text: str) -> int:
    """Bytes of a status message in its header: gRPC writes what it must escape as ``%XX``."""
    return sum(1 if " " <= each <= "~" and each != "%" else 3 for each in text)


def _info(details: bytes) -> tuple[Status, ErrorInfo]:
    status, info = Status.FromString(details), ErrorInfo()
    (packed,) = status.details
    assert packed.Unpack(info)
    return status, info


# --- the table ----------------------------------------------------------------------------------


def test_every_code_has_its_status() -> None:
    assert set(STATUS) == set(ErrorCode)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("COMMAND_NOT_FOUND", grpc.StatusCode.UNIMPLEMENTED),
        ("INVALID_ARGUMENT", grpc.StatusCode.INVALID_ARGUMENT),
        ("INSTANCE_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
        ("VARIABLE_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
        ("BLOB_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
        ("SESSION_NOT_FOUND", grpc.StatusCode.NOT_FOUND),
        ("FOREIGN_REF", grpc.StatusCode.PERMISSION_DENIED),
        ("NOT_ALLOWED", grpc.StatusCode.PERMISSION_DENIED),
        ("UNAUTHENTICATED", grpc.StatusCode.UNAUTHENTICATED),
        ("QUOTA_EXCEEDED", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("BUDGET_EXCEEDED", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("POOL_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("VERSION_CONFLICT", grpc.StatusCode.ABORTED),
        ("WRONG_CALL", grpc.StatusCode.FAILED_PRECONDITION),
        ("DEADLINE_EXCEEDED", grpc.StatusCode.DEADLINE_EXCEEDED),
        ("CANCELLED", grpc.StatusCode.CANCELLED),
        ("HOST_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE),
        ("HOST_TOOL_FAILED", grpc.StatusCode.INTERNAL),
        ("DSPY_FAILED", grpc.StatusCode.INTERNAL),
        ("HANDLER_FAILED", grpc.StatusCode.INTERNAL),
        ("INTERNAL", grpc.StatusCode.INTERNAL),
        ("SOMEBODYS_OWN", grpc.StatusCode.INTERNAL),
        ("", grpc.StatusCode.INTERNAL),
    ],
)
def test_a_code_becomes_the_promised_status(code: str, status: grpc.StatusCode) -> None:
    assert status_code(code) is status


# --- the text -----------------------------------------------------------------------------------


def test_the_text_is_the_message_and_the_hint() -> None:
    failure = Failure(code="INTERNAL", type="", message="It broke.", hint="Look there.")

    assert status_text(failure) == "It broke. Look there."
    assert status_text(Failure(code="INTERNAL", type="", message="It broke.")) == "It broke."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand  more ", "two lines and more"),
        ("größe", "gr\\xf6\\xdfe"),
        ("half \ud800", "half \\ud800"),
        ("nul \0 bell \a del \x7f", "nul ? bell ? del ?"),
        ("100%", "100%"),
        ("x" * 101, "x" * 97 + "..."),
        ("é" * 40, "\\xe9" * 24 + "\\..."),
        ("%" * 40, "%" * 32 + "..."),
        (" " * 1000, "..."),
    ],
)
def test_what_no_header_can_carry_is_shown(text: str, shown: str) -> None:
    assert header_text(text, 100) == shown


@given(text=_TEXTS, limit=st.integers(10, 600))
@example(text="%" * 1000, limit=100)
def test_a_header_text_is_printable_and_holds_its_limit(text: str, limit: int) -> None:
    shown = header_text(text * 30, limit)

    assert shown.isascii()
    assert shown.isprintable()
    assert _on_the_wire(shown) <= limit


# --- the details --------------------------------------------------------------------------------


def test_the_details_hold_what_a_program_needs() -> None:
    error = BridgeError(
        "It broke.", {"hint": "Look there.", "fact": 1}, code=ErrorCode.DEADLINE_EXCEEDED
    )
    error.outcome = Outcome.ABANDONED
    failure = failure_of(error)

    status, info = _info(status_details(failure, status_text(failure)))

    assert (status.code, status.message) == (4, "It broke. Look there.")
    assert (info.reason, info.domain) == ("DEADLINE_EXCEEDED", "snakepit-bridge")
    assert dict(info.metadata) == {
        "error_id": error.error_id,
        "retryable": "false",
        "hint": "Look there.",
        "outcome": "abandoned",
    }


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    failure = Failure(code="POOL_FULL", type="", message="m", error_id="id", retryable=True)

    _, info = _info(status_details(failure, "m"))

    assert dict(info.metadata) == {"error_id": "id", "retryable": "true"}


@given(message=_TEXTS, hint=_TEXTS, code=st.sampled_from(ErrorCode) | _TEXTS, error_id=_TEXTS)
@example(message="%" * 5000, hint="%" * 5000, code="%" * 5000, error_id="%" * 5000)
@example(message="\ud800" * 5000, hint="😀" * 5000, code="\0" * 5000, error_id="é" * 5000)
def test_all_of_a_status_is_ascii_and_at_most_2_kb(
    message: str, hint: str, code: str, error_id: str
) -> None:
    """Beyond 8 KB clients fail at random, and beyond 16 KB always."""
    failure = Failure(
        code=code,
        type="",
        message=message * 20,
        hint=hint * 20,
        error_id=error_id,
        outcome=Outcome.ABANDONED,
    )

    text = status_text(failure)
    details = status_details(failure, text)
    status, info = _info(details)

    assert _on_the_wire(text) <= MAX_TEXT
    assert _on_the_wire(text) + len(base64.b64encode(details)) <= 2048
    assert text.isascii()
    assert status.message == text
    for value in (info.reason, *info.metadata.values()):
        assert value.isascii()
