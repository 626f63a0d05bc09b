from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any, Literal

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from snakepit_bridge.telemetry.correlation import reset_correlation_id, set_correlation_id
from snakepit_bridge.telemetry.log_format import logging_to
from snakepit_bridge.telemetry.under_way import UnderWay, command_under_way

FAILURE = {
    "command": "greet.say",
    "session_id": "s1",
    "request_id": "",
    "error_code": "HANDLER_FAILED",
    "error_id": "abc123",
    "trace_id": "",
}
"""What the dispatcher tells beside its message."""


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("of.a.test")
    yield logger
    logger.setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# --- JSON --------------------------------------------------------------------------------------


def test_a_json_line_tells_whose_command_it_is_about(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream, form="json"):
        log.warning("%s failed: %s", "greet.say", "no", extra=FAILURE)

    (line,) = lines(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "of.a.test",
        "message": "greet.say failed: no",
        "session_id": "s1",
        "command": "greet.say",
        "error_code": "HANDLER_FAILED",
        "error_id": "abc123",
    }


def test_nothing_else_that_a_record_carries_gets_out(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream, form="json"):
        log.warning(
            "called", extra={"args_of_command": {"password": "s3cret"}, "payload": "s3cret"}
        )

    assert "s3cret" not in stream.getvalue()


def test_a_traceback_is_a_field_of_the_one_line(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream, form="json"):
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("it broke", stack_info=True)

    (line,) = lines(stream)
    assert line["message"] == "it broke"
    assert line["traceback"].endswith("ValueError: two\nlines")
    assert "Stack (most recent call last)" in line["stack"]


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\ud800", "ü\u2028"])
def test_a_json_line_is_one_line_of_ascii_whatever_the_message_holds(
    text: str, log: logging.Logger
) -> None:
    stream = io.StringIO()

    with logging_to(stream, form="json"):
        log.warning("%s", text, extra={"command": text})

    (line,) = lines(stream)
    assert stream.getvalue().isascii()
    assert line["message"] == line["command"] == text


# --- text --------------------------------------------------------------------------------------


def test_a_text_line_has_its_facts_at_the_end(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream):
        log.warning("it failed", extra=FAILURE)

    _, rest = stream.getvalue().split(" ", 1)
    assert rest == (
        "WARNING it failed  "
        "[session_id=s1 command=greet.say error_code=HANDLER_FAILED error_id=abc123]\n"
    )


def test_a_caller_cannot_make_up_a_text_line_of_their_own(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream):
        log.warning("%s failed", "x\n12:00:00 ERROR   forged\x1b[2J", extra={"session_id": "a\rb"})

    assert len(stream.getvalue().splitlines()) == 1
    assert r"x\n12:00:00 ERROR   forged\x1b[2J failed  [session_id=a\rb]" in stream.getvalue()


def test_a_traceback_follows_its_text_line(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream):
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("it broke", stack_info=True)

    shown = stream.getvalue().splitlines()
    assert shown[0].endswith("ERROR   it broke")
    assert "ValueError: no" in shown
    assert "Stack (most recent call last):" in shown


# --- the span ----------------------------------------------------------------------------------


def test_a_line_inside_a_span_carries_its_ids(log: logging.Logger) -> None:
    stream = io.StringIO()
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1)))

    with logging_to(stream, form="json"), trace.use_span(span):
        log.warning("inside")
        log.warning("told", extra={"trace_id": "of the record"})

    inside, told = lines(stream)
    assert inside["trace_id"] == f"{0xABC:032x}"
    assert inside["span_id"] == f"{0xDEF:016x}"
    assert told["trace_id"] == "of the record"


# --- the call -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_tells_the_id_of_the_call_that_it_is_about(
    form: Literal["text", "json"], log: logging.Logger
) -> None:
    stream = io.StringIO()

    with logging_to(stream, form=form):
        token = set_correlation_id("sp-1")
        log.warning("inside")
        reset_correlation_id(token)
        log.warning("outside")
        log.warning("told", extra={"correlation_id": "sp-2"})

    inside, outside, told = stream.getvalue().splitlines()
    assert "correlation_id" in inside
    assert "sp-1" in inside
    assert "correlation_id" not in outside
    assert "sp-2" in told


def test_a_record_that_says_it_has_no_id_has_none(log: logging.Logger) -> None:
    stream = io.StringIO()

    with logging_to(stream, form="json"):
        log.warning("outside", extra={"correlation_id": "-"})

    assert "correlation_id" not in lines(stream)[0]


# --- the set-up --------------------------------------------------------------------------------


def test_only_lines_of_the_level_are_written_while_the_block_runs(log: logging.Logger) -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before = (root.level, list(root.handlers))

    with logging_to(stream, level="warning"):
        log.info("too low")
        log.warning("seen")
    log.error("after")

    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["seen"]
    assert (root.level, list(root.handlers)) == before


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_debug_line_is_written_when_it_is_wanted(
    form: Literal["text", "json"], log: logging.Logger
) -> None:
    stream = io.StringIO()

    with logging_to(stream, level="debug", form=form):
        log.debug("curious")

    assert "curious" in stream.getvalue()


# --- of handlers --------------------------------------------------------------------------------


def test_a_line_that_a_handler_writes_tells_whose_command_it_is(log: logging.Logger) -> None:
    stream = io.StringIO()

    def handler() -> None:
        command_under_way.set(UnderWay("s1", "greet.say"))
        log.warning("counting")

    with logging_to(stream, form="json"):
        copy_context().run(handler)

    (line,) = lines(stream)
    assert (line["session_id"], line["command"]) == ("s1", "greet.say")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_traceback_of_a_handler_is_told_with_its_failure(
    form: Literal["text", "json"], log: logging.Logger
) -> None:
    stream = io.StringIO()

    with logging_to(stream, form=form):
        log.warning("it failed", extra={"foreign_traceback": "Traceback\nValueError: no"})

    assert "ValueError: no" in stream.getvalue()
