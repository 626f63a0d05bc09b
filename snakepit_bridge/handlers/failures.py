"""Exceptions of user code into errors of the bridge; the only such translation."""

from __future__ import annotations

import traceback

from snakepit_bridge.errors import BridgeError, HandlerFailedError

MAX_MESSAGE = 4096
"""Characters kept of a foreign message; the whole of it would not help anybody."""

MAX_FOREIGN_MESSAGE = 16 * 1024
"""Characters kept of it for programs, which show no more of it than they want."""

MAX_TRACEBACK = 64 * 1024
"""Bytes kept of a foreign traceback, the bound of ``Failure.traceback`` on the wire."""


def failure_from(error: BaseException, *, command: str) -> BridgeError:
    """The error to answer with when a handler raised ``error``.

    A ``BridgeError`` is answered as it is. Everything else, ``SystemExit`` and the like included,
    becomes a ``HandlerFailedError`` that keeps type, message and traceback; the caller raises it
    ``from`` the original.
    """
    if isinstance(error, BridgeError):
        return error
    kind = type(error).__name__
    said = _message_of(error)
    message = bounded(said, MAX_MESSAGE)
    failure = HandlerFailedError(
        f"{command!r} raised {kind}: {message}" if message else f"{command!r} raised {kind}.",
        {"command": command, "type": kind},
    )
    failure.foreign_type = kind
    failure.foreign_message = bounded(said, MAX_FOREIGN_MESSAGE)
    failure.foreign_traceback = _traceback_of(error)
    return failure


def bounded(text: str, limit: int) -> str:
    """At most ``limit`` characters: the beginning and the end, where the facts are.

    Half characters (lone surrogates) are shown as escapes: no log and no wire can carry them.
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= limit:
        return text
    half = (limit - 40) // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


def bounded_bytes(text: str, limit: int) -> str:
    """As ``bounded``, where the limit is of UTF-8 bytes, as on a wire."""
    content = text.encode(errors="backslashreplace")
    if len(content) <= limit:
        return content.decode()
    half = (limit - 40) // 2
    head, tail = content[:half].decode(errors="ignore"), content[-half:].decode(errors="ignore")
    return f"{head} … {len(content) - 2 * half} bytes … {tail}"


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:  # noqa: BLE001  (the exception's own __str__ is user code, too)
        return f"(its message cannot be read: __str__ raised {type(second).__name__})"


def _traceback_of(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException as second:  # noqa: BLE001  (formatting calls the exception's __str__)
        return f"(the traceback cannot be shown: {type(second).__name__})"
    return bounded_bytes(text, MAX_TRACEBACK)
