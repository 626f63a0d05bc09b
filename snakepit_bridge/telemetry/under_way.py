"""Whose command the code that runs here belongs to, for log lines."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class UnderWay(NamedTuple):
    """What a log line tells of the command whose code wrote it."""

    session_id: str
    command: str


command_under_way: ContextVar[UnderWay | None] = ContextVar("command_under_way", default=None)
"""Set where a handler's code begins; carried into the threads and tasks that it runs in."""
