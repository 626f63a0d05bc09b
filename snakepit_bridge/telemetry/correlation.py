"""The id that one call of Snakepit has on both sides."""

from __future__ import annotations

import uuid
from contextvars import ContextVar, Token

CORRELATION_HEADER = "x-snakepit-correlation-id"
"""The gRPC header that carries it, in both directions."""

NO_ID = "-"
"""What a log record says instead, where none is set."""

_current: ContextVar[str | None] = ContextVar("snakepit_correlation_id", default=None)


def new_correlation_id() -> str:
    """An id nobody has had: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def set_correlation_id(correlation_id: str | None) -> Token[str | None]:
    """Make this the id of what runs here, until ``reset_correlation_id`` gets the token."""
    return _current.set(correlation_id)


def reset_correlation_id(token: Token[str | None] | None = None) -> None:
    """Go back to the id before the ``set_correlation_id`` that returned this token.

    Without a token there is no id from now on.
    """
    if token is None:
        _current.set(None)
    else:
        _current.reset(token)


def get_correlation_id(default: str | None = None) -> str | None:
    """The id of what runs here, or ``default``."""
    return _current.get() or default
