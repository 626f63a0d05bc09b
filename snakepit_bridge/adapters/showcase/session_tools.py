"""Tools that remember something from call to call."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from snakepit_bridge.adapters.recent import Recent
from snakepit_bridge.adapters.showcase.tool import Tool, ToolContext

_MOST_SESSIONS = 1_000
"""A worker of Snakepit's pool has one session; other callers choose their own ids."""


class SessionRecord(msgspec.Struct):
    """What is remembered of one session."""

    began_at: float = msgspec.field(default_factory=time.monotonic)
    """In seconds of ``time.monotonic()``."""

    commands: int = 0
    """How many of these tools were called."""

    counter: int = 0


class SessionTools:
    """A counter per session; it lives as long as this object, which is the worker's life.

    Used by several threads at once. A session that was not used while a thousand others were is
    forgotten.
    """

    def __init__(self, most_sessions: int = _MOST_SESSIONS) -> None:
        self._lock = threading.Lock()
        self._records: Recent[SessionRecord] = Recent(most_sessions)

    def tools(self) -> tuple[Tool, ...]:
        """The tools of this group."""
        return (
            Tool(self.init_session),
            Tool(self.cleanup),
            Tool(self.set_counter),
            Tool(self.get_counter),
            Tool(self.increment_counter),
            Tool(self.get_worker_info),
        )

    def forget(self, session_id: str) -> None:
        """Drop what is remembered of a session, if anything is."""
        with self._lock:
            self._records.forget(session_id)

    def init_session(self, context: ToolContext, /, **_options: Any) -> dict[str, Any]:
        """Begin a session anew."""
        with self._lock:
            self._records.keep(context.session_id, SessionRecord())
        return {
            "timestamp": datetime.now(UTC).isoformat(),
            "worker_pid": os.getpid(),
            "session_id": context.session_id,
        }

    def cleanup(self, context: ToolContext, /) -> dict[str, Any]:
        """End a session: how long it was, how many commands it had; 0 and 0 if there was none."""
        with self._lock:
            record = self._records.use(context.session_id)
            self._records.forget(context.session_id)
        if record is None:
            return {"duration_ms": 0.0, "command_count": 0}
        duration_ms = round(1000 * (time.monotonic() - record.began_at), 3)
        return {"duration_ms": duration_ms, "command_count": record.commands}

    def set_counter(self, context: ToolContext, /, value: int) -> dict[str, int]:
        """Set the counter of the session."""
        return self._counted(context, lambda _counter: value)

    def get_counter(self, context: ToolContext, /) -> dict[str, int]:
        """Read the counter of the session, 0 at first."""
        return self._counted(context, lambda counter: counter)

    def increment_counter(self, context: ToolContext, /) -> dict[str, int]:
        """Count one up."""
        return self._counted(context, lambda counter: counter + 1)

    def get_worker_info(self, context: ToolContext, /, call_number: int) -> dict[str, Any]:
        """Tell which worker answers, to see whether it is always the same."""
        self._counted(context, lambda counter: counter)
        return {
            "worker_pid": str(os.getpid()),
            "call_number": call_number,
            "session_id": context.session_id,
        }

    def _counted(self, context: ToolContext, change: Callable[[int], int]) -> dict[str, int]:
        """Count the command of a session, change the counter, return its new value."""
        with self._lock:
            record = self._records.use(context.session_id) or SessionRecord()
            record.commands += 1
            record.counter = change(record.counter)
            self._records.keep(context.session_id, record)
            return {"value": record.counter}
