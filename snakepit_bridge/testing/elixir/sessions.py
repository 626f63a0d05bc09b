"""The sessions Elixir keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from snakepit_bridge.clock import SystemClock

QUOTA = 10_000
"""Sessions that Elixir keeps unless it is configured otherwise."""

_BEAM_START_S = -576_460_752
"""Erlang's monotonic clock begins there."""


class SessionFault(Exception):  # noqa: N818  (Elixir's atom, not a failure of ours)
    """Elixir's reason for not beginning a session."""


@dataclass(frozen=True, slots=True)
class ElixirSession:
    """What Elixir knows of a session."""

    id: str
    metadata: Mapping[str, str]
    created_at_s: int
    """Seconds of the BEAM's own clock, which is negative and tells no time of day."""


@dataclass(slots=True)
class Sessions:
    """Sessions by id. Safe to use from any thread.

    Args:
        quota: How many there may be; may be changed at any time.
        seconds: How long the runtime has been up.
    """

    quota: int = QUOTA
    seconds: Callable[[], float] = SystemClock().monotonic
    _by_id: dict[str, ElixirSession] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, session_id: str, metadata: Mapping[str, str]) -> None:
        """Begin a session, or find it begun.

        Raises:
            SessionFault: The id is empty; or there are as many as there may be, and then it is no
                help that the session is one of them.
        """
        with self._lock:
            if not session_id:
                raise SessionFault("invalid_id")
            if len(self._by_id) >= self.quota:
                raise SessionFault("session_quota_exceeded")
            created_at_s = _BEAM_START_S + int(self.seconds())
            session = ElixirSession(session_id, dict(metadata), created_at_s)
            self._by_id.setdefault(session_id, session)

    def find(self, session_id: str) -> ElixirSession | None:
        """The session, or ``None``; the protocol answers "missing" in five different ways."""
        with self._lock:
            return self._by_id.get(session_id)

    def forget(self, session_id: str) -> None:
        """End a session, as a clean-up does or its time to live."""
        with self._lock:
            self._by_id.pop(session_id, None)

    def __contains__(self, session_id: object) -> bool:
        with self._lock:
            return session_id in self._by_id

    def __len__(self) -> int:
        with self._lock:
            return len(self._by_id)
