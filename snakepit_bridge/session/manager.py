"""Opens, finds, expires and closes sessions."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.errors import (
    ErrorCode,
    InvalidArgumentError,
    QuotaExceededError,
    SessionError,
)
from snakepit_bridge.session.context import Session, SessionState
from snakepit_bridge.session.instances import DetachedInstances, InstanceManager
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.turns import Turnstile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from snakepit_bridge.session.host import HostRuntime

log = logging.getLogger(__name__)

MAX_ID_LENGTH = 256
"""Characters of a session id: it appears in every log line and span."""

SWEEP_INTERVAL_S = 30.0
"""Seconds between two looks for idle sessions; Snakepit looks every 60."""

_SINGLE_USE = "single-use-"
"""How the ids of sessions begin that end with their command."""


class SessionManager:
    """The only owner of sessions. Safe to use from any thread.

    Args:
        bridge_client: The way to the host that every session gets. Opening a session calls nothing
            on it.
        limits: Quotas and lifetimes.
        clock: Where time comes from.
        on_end: Called with the id of each session that has ended, e.g. to forget its variables; and
            once more after the last command that outlived it. Must be quick.
    """

    def __init__(
        self,
        bridge_client: HostRuntime,
        *,
        limits: SessionLimits | None = None,
        clock: Clock | None = None,
        on_end: Sequence[Callable[[str], object]] = (),
    ) -> None:
        self._client = bridge_client
        self._limits = limits or SessionLimits()
        self._clock = clock or SystemClock()
        self._on_end = tuple(on_end)
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        self._kept: set[str] = set()
        self._numbers = itertools.count(1)
        self._retired: list[DetachedInstances] = []
        self.instances = InstanceManager(
            limit=self._limits.instances, admit=self._admit_instance, now=self._clock.now
        )
        """The live objects of all sessions."""

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        return self._clock

    @property
    def host(self) -> HostRuntime:
        """The way to the host that every session gets."""
        return self._client

    def __len__(self) -> int:
        return len(self._sessions)

    def get_or_create(self, session_id: str) -> Session:
        """The session of this id, opened now if there is none.

        Raises:
            InvalidArgumentError: The id is empty or too long.
            QuotaExceededError: There are as many sessions as there may be.
        """
        self._retire(session_id)
        with self._lock:
            return self._get_or_open(session_id)

    def keep(self, session_id: str) -> None:
        """Let the session of this id, whenever there is one, never end by its age or idleness.

        For the few that the bridge itself depends on, such as the one a host gave to a worker.
        """
        with self._lock:
            self._kept.add(session_id)

    def when_ended(self, told: Callable[[str], object]) -> None:
        """Call ``told`` with the id of each session that ends from now on; it must be quick."""
        self._on_end = (*self._on_end, told)

    def find(self, session_id: str) -> Session:
        """The session of this id.

        Raises:
            SessionError: There is none.
        """
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None:
            raise _unknown(session_id)
        return session

    def touch(self, session_id: str) -> bool:
        """Count as a use of the session, so that it does not idle out; false if there is none."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                return False
            session.state.last_used = self._clock.monotonic()
            return True

    def end(self, session_id: str) -> int:
        """End a session; close its instances, the newest first, and say how many there were.

        Commands that still run in it go on, without it.

        Raises:
            SessionError: There is none of this id.
        """
        return self.close(self.find(session_id))

    def close(self, session: Session) -> int:
        """End this very session; as ``end``, but 0 where it has ended or ends with its command."""
        with self._lock:
            current = self._sessions.get(session.id)
            if current is None or current.state is not session.state:
                return 0
            instances = self._take_out(session.id)
        self._tell_end(session.id)
        return instances.close()

    # --- commands -------------------------------------------------------------------------------

    def enter(self, session_id: str | None) -> Session:
        """The session for one command, which must ``leave`` it again.

        Args:
            session_id: Empty or ``None`` opens a session that ends when the command leaves.

        Raises:
            QuotaExceededError: Too many sessions, or too many commands in this one.
        """
        if session_id:
            self._retire(session_id)
        with self._lock:
            if session_id:
                known = self._sessions.get(session_id)
                idle_s = 0.0 if known is None else self._idle_now(known)
                session = self._get_or_open(session_id)
                session.state.idle_s = idle_s
            else:
                session = self._new(f"{_SINGLE_USE}{next(self._numbers)}")
                session.state.single_use = True
            state = session.state
            if state.running >= self._limits.commands:
                raise _crowded(session.id, self._limits.commands)
            state.running += 1
            return session

    def leave(self, session: Session) -> None:
        """The command's code has really ended."""
        with self._lock:
            state = session.state
            state.running -= 1
            state.last_used = self._clock.monotonic()
            outlived = not state.running and session.id not in self._sessions
        if outlived:
            self._tell_end(session.id)

    @contextmanager
    def holding(self, session_id: str) -> Iterator[Session]:
        """Keep a session from ending by idleness or age while the block runs, as a command does.

        Raises:
            QuotaExceededError: Too many sessions, or too much under way in this one.
        """
        session = self.enter(session_id)
        try:
            yield session
        finally:
            self.leave(session)

    def turnstile(self, session: Session, command: str) -> Turnstile:
        """Where the commands of this name in this session line up, one at a time."""
        with self._lock:
            state = session.state
            if state.turns is None:
                state.turns = {}
            return state.turns.setdefault(command, Turnstile())

    # --- lifetimes ------------------------------------------------------------------------------

    def expire(self) -> list[str]:
        """End the sessions whose time is over, and say which.

        A session in which a command runs is never idle; past its TTL it ends with that command.
        """
        now = self._clock.monotonic()
        with self._lock:
            over = [session for session in self._sessions.values() if self._is_over(session, now)]
            left = [self._take_out(session.id) for session in over]
        # Before the instances: closing them may take its time, and meanwhile the id may be in use
        # again.
        for session in over:
            self._tell_end(session.id)
        for session, instances in zip(over, left, strict=True):
            instances.close()
            log.info("session %s expired", session.id)
        self._close_retired()
        return [session.id for session in over]

    @asynccontextmanager
    async def sweeping(self, interval_s: float = SWEEP_INTERVAL_S) -> AsyncIterator[None]:
        """Look for sessions whose time is over while the block runs."""
        task = asyncio.create_task(self._sweep(interval_s))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def end_all(self) -> int:
        """End every session, for when the bridge closes, and say how many there were."""
        with self._lock:
            ids = list(self._sessions)
        for session_id in ids:
            with suppress(SessionError):
                self.end(session_id)
        self._close_retired()
        return len(ids)

    def idle_s(self, session: Session) -> float:
        """Seconds without a command; while one runs, those before the latest one came."""
        return session.state.idle_s if session.state.running else self._idle_now(session)

    def _idle_now(self, session: Session) -> float:
        return 0.0 if session.state.running else self._clock.monotonic() - session.state.last_used

    async def _sweep(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            # Closing an instance is code of the user and may block.
            await asyncio.to_thread(self.expire)

    def _is_over(self, session: Session, now: float) -> bool:
        return not session.state.running and self._is_past(session, now)

    def _is_past(self, session: Session, now: float) -> bool:
        """Whether no further command may use the session; those that run go on."""
        if session.id in self._kept:
            return False
        state, limits = session.state, self._limits
        if limits.ttl_s is not None and now - state.started >= limits.ttl_s:
            return True
        return not state.running and now - state.last_used >= limits.idle_s

    def _close_retired(self) -> None:
        with self._lock:
            retired, self._retired = self._retired, []
        for instances in retired:
            instances.close()

    def _retire(self, session_id: str) -> None:
        """Let the next command of this id open a new session where the old one's time is over."""
        session = self._sessions.get(session_id)
        if session is None or not self._is_past(session, self._clock.monotonic()):
            return
        with self._lock:
            if self._sessions.get(session_id) is not session:
                return
            # Closing instances is code of the user and may block; the sweeper does it.
            self._retired.append(self._take_out(session_id))
        self._tell_end(session_id)

    def _get_or_open(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            _check_id(session_id)
            session = self._open(session_id)
        session.state.last_used = self._clock.monotonic()
        return session

    def _open(self, session_id: str) -> Session:
        if len(self._sessions) >= self._limits.sessions:
            raise QuotaExceededError(
                f"There are {len(self._sessions)} sessions, as many as there may be.",
                {
                    "limit": self._limits.sessions,
                    "hint": "End some with 'session.close', or raise --max-sessions.",
                },
            )
        session = self._sessions[session_id] = self._new(session_id)
        return session

    def _new(self, session_id: str) -> Session:
        state = SessionState(self.instances, started=self._clock.monotonic())
        return Session(session_id, self._client, self._clock.now(), state=state)

    def _take_out(self, session_id: str) -> DetachedInstances:
        """Forget a session and what it holds, under the lock: the next one of its id is new."""
        del self._sessions[session_id]
        return self.instances.detach_all(session_id)

    def _tell_end(self, session_id: str) -> None:
        for told in self._on_end:
            try:
                told(session_id)
            except Exception:
                log.exception("telling of the end of session %s failed", session_id)

    def _admit_instance(self, session_id: str) -> None:
        if session_id.startswith(_SINGLE_USE):
            raise SessionError(
                "This session ends with its command, so nothing can be kept in it.",
                {"hint": "Send a session_id with the command; any text of your choice opens one."},
                code=ErrorCode.WRONG_CALL,
            )
        if session_id not in self._sessions:
            raise _unknown(session_id)


def _check_id(session_id: str) -> None:
    if not session_id or len(session_id) > MAX_ID_LENGTH or session_id.startswith(_SINGLE_USE):
        shown = session_id[:40]
        raise InvalidArgumentError(
            f"The session id {shown!r} is not possible.",
            {
                "hint": f"Use 1 to {MAX_ID_LENGTH} characters, not beginning with {_SINGLE_USE!r}.",
            },
        )


def _unknown(session_id: str) -> SessionError:
    return SessionError(
        f"No session {session_id!r}.",
        {
            "session_id": session_id,
            "hint": "It has ended or never began; any command with this session_id opens it anew.",
        },
    )


def _crowded(session_id: str, limit: int) -> QuotaExceededError:
    return QuotaExceededError(
        f"Session {session_id!r} runs {limit} commands, as many as it may.",
        {
            "session_id": session_id,
            "limit": limit,
            "hint": "Wait for some to end, or raise --max-session-commands.",
        },
    )
