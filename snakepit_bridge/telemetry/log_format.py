"""Log lines, for people or for programs, that tell whose command they are about."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TextIO

from opentelemetry import trace

from snakepit_bridge.telemetry.correlation import NO_ID, get_correlation_id
from snakepit_bridge.telemetry.under_way import command_under_way

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTEXT = (
    "session_id",
    "command",
    "request_id",
    "correlation_id",
    "error_code",
    "error_id",
    "trace_id",
    "span_id",
)
"""What a line tells besides its message; nothing else that a record carries gets out, so that no
payload can."""

LogFormat = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """One JSON object a line, in ASCII, whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context(record),
        }
        if foreign := _foreign_traceback(record):
            line["traceback"] = foreign
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line)


class TextLines(logging.Formatter):
    """A line that people read; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback if there is one."""
        told = " ".join(f"{name}={value}" for name, value in _context(record).items())
        message = f"{record.getMessage()}  [{told}]" if told else record.getMessage()
        # What a caller made up must not look like a line of its own.
        time = _time(record).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname:<7} {_visible(message)}"
        parts = [line]
        if foreign := _foreign_traceback(record):
            parts.append(foreign)
        if record.exc_info:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(record.stack_info)
        return "\n".join(parts)


@contextmanager
def logging_to(stream: TextIO, *, level: str = "info", form: LogFormat = "text") -> Iterator[None]:
    """Write what this process logs to a stream while the block runs.

    Args:
        stream: Where the lines go.
        level: The least severe ones to write, e.g. ``"info"``.
        form: For people or for programs.
    """
    root, before = logging.getLogger(), logging.getLogger().level
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonLines() if form == "json" else TextLines())
    root.addHandler(writer)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(writer)
        writer.flush()


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _foreign_traceback(record: logging.LogRecord) -> str:
    """The traceback of a handler's failure, which comes as text: secrets are out of it."""
    return str(getattr(record, "foreign_traceback", "")).rstrip()


def _context(record: logging.LogRecord) -> dict[str, str]:
    span = trace.get_current_span().get_span_context()
    told = {}
    if span.is_valid:
        told = {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    if (under_way := command_under_way.get()) is not None:
        told |= under_way._asdict()
    if (correlation_id := get_correlation_id()) is not None:
        told["correlation_id"] = correlation_id
    told |= {name: str(getattr(record, name)) for name in CONTEXT if getattr(record, name, "")}
    if told.get("correlation_id") == NO_ID:
        del told["correlation_id"]
    return {name: told[name] for name in CONTEXT if name in told}


def _visible(text: str) -> str:
    """The text with control characters shown as escapes."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
