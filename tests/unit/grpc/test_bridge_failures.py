from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    CommandNotFoundError,
    DSPyError,
    ErrorCode,
    QuotaExceededError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_failures import (
    MAX_ANSWER,
    MAX_STATUS,
    error_message,
    status_of,
)
from snakepit_bridge.handlers.failures import failure_from
from snakepit_bridge.transport.envelope import Failure
from snakepit_bridge.transport.failures import failure_of

REQUEST = pb.ExecuteToolRequest(session_id="s1", tool_name="err")

KEYS = {"type", "message", "stacktrace", "traceback", "context"}


def raised(error: BaseException) -> Failure:
    """What becomes of an exception that a tool raised."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  (an exit is one of the cases)
        return failure_of(failure_from(caught, command="err"))


def payload(failure: Failure, request: Any = REQUEST, *, limit: int = MAX_ANSWER) -> dict[str, Any]:
    """What Elixir reads of a failure."""
    text = error_message(failure, request, limit=limit)
    assert text.isascii()
    assert len(text) <= limit
    told = json.loads(text)
    json.dumps(told, ensure_ascii=False).encode()  # no half characters, which Elixir refuses
    assert set(told) == KEYS
    assert "".join(told["stacktrace"]) == told["traceback"]
    assert isinstance(told, dict)
    return told


def request_with(**arguments: bytes) -> pb.ExecuteToolRequest:
    parameters = {name: AnyMessage(value=value) for name, value in arguments.items()}
    return pb.ExecuteToolRequest(session_id="s1", tool_name="err", parameters=parameters)


def test_an_exception_is_told_in_the_five_keys_that_elixir_reads() -> None:
    told = payload(raised(ValueError("bad")))

    assert told["type"] == "ValueError"
    assert told["message"] == "bad"
    assert told["stacktrace"][0] == "Traceback (most recent call last):\n"
    assert told["stacktrace"][-1] == "ValueError: bad\n"
    assert told["context"] == {"tool_name": "err", "session_id": "s1"}


@pytest.mark.defect("D9", "D39")
@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (KeyError("k"), "KeyError", "'k'"),
        (StopIteration(), "StopIteration", ""),
        (SystemExit(3), "SystemExit", "3"),
        (ValueError("\ud800 and \0"), "ValueError", "\\ud800 and \0"),
    ],
)
def test_the_message_is_what_the_exception_says_and_nothing_else(
    error: BaseException, kind: str, message: str
) -> None:
    told = payload(raised(error))

    assert (told["type"], told["message"]) == (kind, message)


def test_our_own_errors_say_what_to_do_next() -> None:
    told = payload(failure_of(CommandNotFoundError.among("ecko", ["echo"])))

    assert told["type"] == "CommandNotFoundError"
    assert told["message"] == "No handler for command: 'ecko'. Did you mean 'echo'?"
    assert told["stacktrace"] == []


def test_programs_read_what_to_do_next_in_the_context() -> None:
    error = QuotaExceededError("Too many.", {"hint": "Wait."})
    error.retry_after_s = 1.5

    assert payload(failure_of(error))["context"] == {
        "tool_name": "err",
        "session_id": "s1",
        "code": "QUOTA_EXCEEDED",
        "retryable": True,
        "hint": "Wait.",
        "retry_after_ms": 1500,
    }
    plain = payload(failure_of(BridgeError("x")))["context"]
    assert plain == {
        "tool_name": "err",
        "session_id": "s1",
        "code": "INTERNAL",
        "retryable": False,
    }
    assert payload(raised(ValueError("bad")))["context"].keys() == {"tool_name", "session_id"}


def test_an_error_that_stands_for_a_foreign_one_keeps_its_advice() -> None:
    """Only what the foreign one said was once told, and of these errors that is nothing."""
    error = DSPyError("'dspy.call_method' raised LMAuthError: no", {"hint": "Set another key."})
    error.foreign_type = "LMAuthError"
    error.foreign_traceback = "Traceback (most recent call last):\nLMAuthError: no\n"

    told = payload(failure_of(error))

    assert told["type"] == "LMAuthError"
    assert told["message"] == "'dspy.call_method' raised LMAuthError: no Set another key."
    assert told["stacktrace"][-1] == "LMAuthError: no\n"


# --- the context ----------------------------------------------------------------------------------


def test_the_context_repeats_the_arguments_that_snakepits_callers_send() -> None:
    request = request_with(
        library=b'"numpy"',
        python_module=b'"numpy.linalg"',
        function=b'"solve"',
        call_type=b'"function"',
        payload_version=b"1",
        other=b'"not this"',
    )

    assert payload(raised(ValueError()), request)["context"] == {
        "tool_name": "err",
        "session_id": "s1",
        "library": "numpy",
        "python_module": "numpy.linalg",
        "function": "solve",
        "call_type": "function",
        "payload_version": 1,
    }


@pytest.mark.parametrize(
    "value",
    [
        b"null",
        b"{}",
        b"[1]",
        b"[" * 100_000,
        b"NaN",
        b"1e999",
        b"1" * 500,
        b'"\\ud800"',
        b'"\xff"',
        b"",
        b"not json",
        b'"' + b"x" * 2000 + b'"',
    ],
)
def test_the_context_leaves_out_what_would_spoil_the_json(value: bytes) -> None:
    """A number that is none, or deep lists, once made the answer unreadable, or failed itself."""
    request = request_with(library=value, function=b'"solve"')

    assert payload(raised(ValueError()), request)["context"] == {
        "tool_name": "err",
        "session_id": "s1",
        "function": "solve",
    }


def test_a_long_fact_is_shortened() -> None:
    told = payload(raised(ValueError()), request_with(library=b'"' + b"x" * 900 + b'"'))

    assert told["context"]["library"].startswith("xxxxxxxxxx")
    assert " characters " in told["context"]["library"]


# --- its size -------------------------------------------------------------------------------------


@pytest.mark.defect("D36")
@pytest.mark.parametrize("text", ["x", "é", "\0", "\ud800", "😀", '"', "\n", "%"])
@pytest.mark.parametrize("limit", [MAX_ANSWER, MAX_STATUS])
def test_a_message_of_millions_of_characters_is_shortened(text: str, limit: int) -> None:
    told = payload(raised(ValueError(text * 5_000_000)), limit=limit)

    assert told["type"] == "ValueError"
    assert " characters " in told["message"]
    assert told["stacktrace"]


@pytest.mark.defect("D13")
def test_the_traceback_is_shortened_before_the_message() -> None:
    """Both were once cut to the same length."""

    def deep(level: int) -> None:
        if level == 0:
            raise ValueError("m" * 700)
        deep(level - 1)

    with pytest.raises(ValueError, match="m") as caught:
        deep(100)

    told = payload(failure_of(failure_from(caught.value, command="err")), limit=MAX_STATUS)

    assert told["message"] == "m" * 700
    assert 0 < len(told["stacktrace"]) < 10
    assert told["stacktrace"][-1].startswith("ValueError: mmm")


def test_the_last_lines_of_a_long_traceback_are_kept_whole() -> None:
    lines = [f"line {number:04}\n" for number in range(1000)]
    failure = Failure(
        code=ErrorCode.HANDLER_FAILED,
        type="E",
        message="",
        foreign_message="short",
        traceback="".join(lines),
    )

    told = payload(failure, limit=MAX_STATUS)

    assert told["message"] == "short"
    kept = len(told["stacktrace"])
    assert kept > 40
    assert told["stacktrace"] == lines[-kept:]


def test_everything_may_be_long_at_once() -> None:
    long = "😀" * 1000
    arguments = ("library", "python_module", "function", "call_type", "payload_version")
    request = pb.ExecuteToolRequest(
        session_id=long,
        tool_name=long,
        parameters={name: AnyMessage(value=b'"' + b"x" * 900 + b'"') for name in arguments},
    )
    failure = Failure(
        code=ErrorCode.HANDLER_FAILED,
        type=long,
        message=long,
        foreign_message=long,
        traceback=long,
    )

    told = payload(failure, request, limit=MAX_STATUS)

    assert set(told["context"]) == {"tool_name", "session_id", *arguments}


_TEXTS = st.text(st.characters(), max_size=3000)


@given(kind=_TEXTS, message=_TEXTS, trace=_TEXTS, names=_TEXTS, own=st.booleans())
def test_whatever_was_raised_can_be_read(
    kind: str, message: str, trace: str, names: str, *, own: bool
) -> None:
    names = names.encode(errors="replace").decode()
    failure = Failure(
        code=ErrorCode.INTERNAL if own else ErrorCode.HANDLER_FAILED,
        type=kind,
        message=message,
        hint=message,
        foreign_message=message,
        traceback=trace,
    )
    request = pb.ExecuteToolRequest(session_id=names, tool_name=names)

    payload(failure, request, limit=MAX_STATUS)
    payload(failure, request)


# --- statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CommandDeadlineError("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (CommandCancelledError("gone"), grpc.StatusCode.CANCELLED),
        (BridgeError("own"), None),
    ],
)
def test_two_failures_are_known_by_their_status(
    error: BridgeError, status: grpc.StatusCode | None
) -> None:
    assert status_of(failure_of(error)) is status


def test_a_code_that_a_newer_bridge_has_needs_no_status() -> None:
    assert status_of(Failure(code="TOO_NEW", type="E", message="")) is None
