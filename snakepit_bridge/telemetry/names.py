"""The name of every span, metric and attribute, with its unit."""

from __future__ import annotations

SCOPE = "snakepit_bridge"
"""Instrumentation scope of everything the bridge tells."""

COMMAND_SPAN = "command.execute"
HANDLER_SPAN = "handler.execute"

COMMANDS_TOTAL = "commands_total"
"""Counter, in commands, by ``COMMAND`` and ``STATUS``."""

COMMAND_DURATION_MS = "command_duration_ms"
"""Histogram, in milliseconds from the arrival to the outcome, by ``COMMAND`` and ``STATUS``."""

COMMAND = "command"
"""The name as registered, never what a caller made up."""

STATUS = "status"
"""``success``, ``error`` or ``cancelled``."""

UNKNOWN_COMMAND = "unknown"
"""What ``COMMAND`` says when nothing of that name is registered."""

MAX_SPAN_TEXT = 256
"""Characters kept of an attribute that callers choose; a session id may have as many."""

SPAN_COMMAND = "snakepit.command"
SPAN_SESSION_ID = "snakepit.session_id"
SPAN_CORRELATION_ID = "snakepit.correlation_id"
SPAN_ERROR_ID = "snakepit.error_id"
SPAN_OUTCOME = "snakepit.outcome"
ERROR_TYPE = "error.type"
"""The error code; the name is OpenTelemetry's."""
