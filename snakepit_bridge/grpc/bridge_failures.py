"""Failures of tools as the JSON that Snakepit turns into Elixir's exceptions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import msgspec

from snakepit_bridge.errors import ErrorCode
from snakepit_bridge.handlers.failures import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
    from snakepit_bridge.transport.envelope import Failure

MAX_ANSWER = 64 * 1024
"""Bytes of the JSON in an answer, well below what any client takes."""

MAX_STATUS = 2000
"""Bytes of the JSON in a status message, which is a header: beyond 8 KB clients fail, and Elixir's
drops the connection."""

_CONTEXT_ARGUMENTS = ("library", "python_module", "function", "call_type", "payload_version")
"""What the context of an error repeats of the arguments; Snakepit's own callers send these."""

_MAX_NAME = 150
_MAX_FACT = 80
"""Bytes of JSON for each name and each such argument: all of them fit into a status message, with
room for what is said."""

_MAX_HINT = 400
"""Bytes of JSON for the hint, which ends the message, too."""

_MAX_ARGUMENT = 1000
"""Bytes of an argument that may be looked into for the context."""

_FEW = 48
"""Characters that ``bounded`` needs to say that something is missing."""

_STATUS_CODES: Mapping[str, grpc.StatusCode] = {
    ErrorCode.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorCode.CANCELLED: grpc.StatusCode.CANCELLED,
}
"""Failures that are no answer of a tool; Elixir knows these two by their status."""


def status_of(failure: Failure) -> grpc.StatusCode | None:
    """The status that says everything about the failure, where there is one."""
    return _STATUS_CODES.get(failure.code)


def error_message(failure: Failure, request: pb.ExecuteToolRequest, *, limit: int) -> str:
    """The failure as an ASCII JSON object of at most ``limit`` bytes, at least 2,000.

    Its keys are ``type``, ``message``, ``stacktrace`` (the lines of a traceback), ``traceback``
    (the same in one text), ``context``, which has the ``code``, ``hint``, ``retryable`` and
    ``retry_after_ms`` of a failure of the bridge, too. Where it would be too long, the traceback is
    shortened first: its last lines say most. Half of the room is the message's.
    """
    payload: dict[str, Any] = {
        "type": _fitting(failure.type, _MAX_NAME),
        "message": "",
        "stacktrace": [],
        "traceback": "",
        "context": {**_context(request), **_advice(failure)},
    }
    room = limit - len(json.dumps(payload))
    message = payload["message"] = _fitting(_message(failure), room // 2)
    room -= _size(message)
    lines = payload["stacktrace"] = _last_lines(failure.traceback, room)
    payload["traceback"] = "".join(lines)
    return json.dumps(payload)


def _advice(failure: Failure) -> Mapping[str, Any]:
    """What a program can do about a failure of the bridge; an adapter's own have no such thing."""
    if failure.code == ErrorCode.HANDLER_FAILED:
        return {}
    advice: dict[str, Any] = {"code": str(failure.code), "retryable": failure.retryable}
    if failure.hint:
        advice["hint"] = _fitting(failure.hint, _MAX_HINT)
    if failure.retry_after_s is not None:
        advice["retry_after_ms"] = round(failure.retry_after_s * 1000)
    return advice


def _message(failure: Failure) -> str:
    if failure.code == ErrorCode.HANDLER_FAILED and failure.traceback:
        # What the exception said, nothing added: callers compare it.
        return failure.foreign_message
    return f"{failure.message} {failure.hint}".strip()


def _context(request: pb.ExecuteToolRequest) -> Mapping[str, Any]:
    context: dict[str, Any] = {
        "tool_name": _fitting(request.tool_name, _MAX_NAME),
        "session_id": _fitting(request.session_id, _MAX_NAME),
    }
    for name in _CONTEXT_ARGUMENTS:
        if name in request.parameters:
            fact = _fact(request.parameters[name].value)
            if fact is not None:
                context[name] = fact
    return context


def _fact(text: bytes) -> Any:
    """A short JSON value, else nothing: the context is for people."""
    if len(text) > _MAX_ARGUMENT:
        return None
    try:
        fact: Any = msgspec.json.decode(text, type=str | int | float | bool)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(fact, str):
        return _fitting(fact, _MAX_FACT)
    return fact if _size(str(fact)) <= _MAX_FACT else None


def _last_lines(traceback: str, room: int) -> list[str]:
    """The last lines of a traceback, as many as fit into the room both as lines and as text."""
    kept: list[str] = []
    # Half characters as escapes: Elixir's JSON knows none.
    text = traceback.encode(errors="backslashreplace").decode()
    for line in reversed(text.splitlines(keepends=True)):
        # Twice, with quotes and a comma.
        cost = 2 * _size(line) + 4
        if cost > room and kept:
            break
        if cost > room:
            line = _fitting(line, (room - 4) // 2)  # noqa: PLW2901
        room -= 2 * _size(line) + 4
        kept.append(line)
    return kept[::-1]


def _fitting(text: str, room: int) -> str:
    """The text, or its beginning and its end, so that JSON has at most ``room`` bytes for it."""
    shown, length = bounded(text, room), room
    while _size(shown) > room:
        # What JSON escapes takes up to twelve bytes for a character.
        length = length * 3 // 4
        if length < _FEW:
            return ""
        shown = bounded(text, length)
    return shown


def _size(text: str) -> int:
    """Bytes of the text in JSON, without its quotes."""
    return len(json.dumps(text)) - 2
