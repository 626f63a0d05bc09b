"""Live objects by ref, each bound to its session, closed last-in-first-out."""

from __future__ import annotations

import logging
import re
import secrets
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.errors import ForeignRefError, InstanceNotFoundError, QuotaExceededError
from snakepit_bridge.values.detail import type_name_of
from snakepit_bridge.values.refs import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DetachedInstances", "InstanceInfo", "InstanceManager", "Ref", "SessionInstances"]

log = logging.getLogger(__name__)


class InstanceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is told about a live object without touching it."""

    ref: Ref
    type: str
    """``module.Class`` of the object."""

    created_at: datetime


class _Entry(msgspec.Struct, frozen=True):
    instance: Any
    created_at: datetime
    is_ours: bool
    """Whether to close it in the end; what was only lent may have other users."""


class InstanceManager:
    """Keeps the live objects of all sessions. Safe to use from any thread.

    Args:
        limit: Objects one session may keep.
        admit: Raises when a session may not keep anything, e.g. because it has ended. Called under
            the lock, so that no session ends between the question and the keeping.
        now: The wall-clock time, aware.
    """

    def __init__(
        self,
        *,
        limit: int = 10_000,
        admit: Callable[[str], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._limit = limit
        self._admit = admit
        self._now = now
        self._lock = threading.Lock()
        self._sessions: dict[str, dict[str, _Entry]] = {}
        self._owners: dict[str, str] = {}

    def register(self, session_id: str, instance: object, *, lent: bool = False) -> Ref:
        """Keep an object until its session ends or it is released.

        Args:
            session_id: The session.
            instance: The object.
            lent: Whether somebody else may use it still, so that nobody here closes it.

        Returns:
            The ref under which ``get`` finds it, in this session only.

        Raises:
            SessionError: The session keeps nothing, see ``admit``.
            QuotaExceededError: The session holds as many objects as it may.
        """
        ref = Ref(
            f"{_word(type(instance).__name__)}-{secrets.token_hex(8)}",
            type_name=type_name_of(instance),
            session_id=session_id,
        )
        entry = _Entry(instance, self._now(), not lent)
        with self._lock:
            self._admit(session_id)
            kept = self._sessions.setdefault(session_id, {})
            if len(kept) >= self._limit:
                raise self._quota(session_id)
            kept[ref] = entry
            self._owners[ref] = session_id
        return ref

    def get(self, session_id: str, ref: str) -> Any:
        """The object itself.

        Raises:
            InstanceNotFoundError: No live object has this ref.
            ForeignRefError: It belongs to another session.
        """
        with self._lock:
            entry = self._sessions.get(session_id, {}).get(ref)
            owner = self._owners.get(ref)
        if entry is None:
            raise _missing(session_id, ref, foreign=owner is not None)
        return entry.instance

    def release(self, session_id: str, ref: str) -> bool:
        """Close one object and forget it; false when it was gone already.

        Raises:
            ForeignRefError: It belongs to another session.
        """
        with self._lock:
            entry = self._sessions.get(session_id, {}).pop(ref, None)
            if entry is not None:
                del self._owners[ref]
            elif ref in self._owners:
                raise _missing(session_id, ref, foreign=True)
        if entry is None:
            return False
        _close(ref, entry)
        return True

    def forget(self, session_id: str, ref: str) -> None:
        """Take a registration back without closing the object, which was never handed out."""
        with self._lock:
            if self._sessions.get(session_id, {}).pop(ref, None) is not None:
                del self._owners[ref]

    def release_all(self, session_id: str) -> int:
        """Close all objects of a session, the newest first, and say how many there were."""
        return self.detach_all(session_id).close()

    def detach_all(self, session_id: str) -> DetachedInstances:
        """Forget all objects of a session at once; closing them is left to the caller."""
        with self._lock:
            kept = self._sessions.pop(session_id, {})
            for ref in kept:
                del self._owners[ref]
        return DetachedInstances(kept)

    def listed(self, session_id: str) -> list[InstanceInfo]:
        """The objects of a session, the oldest first."""
        with self._lock:
            kept = list(self._sessions.get(session_id, {}).items())
        return [
            InstanceInfo(
                ref=Ref(ref), type=type_name_of(entry.instance), created_at=entry.created_at
            )
            for ref, entry in kept
        ]

    def count(self, session_id: str | None = None) -> int:
        """How many objects a session holds, or all sessions together."""
        with self._lock:
            if session_id is None:
                return len(self._owners)
            return len(self._sessions.get(session_id, ()))

    def _quota(self, session_id: str) -> QuotaExceededError:
        return QuotaExceededError(
            f"Session {session_id!r} holds {self._limit} instances, as many as it may.",
            {
                "session_id": session_id,
                "limit": self._limit,
                "hint": "Release some with 'session.release', or raise --max-instances.",
            },
        )


class DetachedInstances:
    """Objects that no session knows any more, and that are still open."""

    __slots__ = ("_kept",)

    def __init__(self, kept: Mapping[str, _Entry]) -> None:
        self._kept = kept

    def close(self) -> int:
        """Close them, the newest first, and say how many there were."""
        for ref, entry in reversed(list(self._kept.items())):
            _close(ref, entry)
        return len(self._kept)


class SessionInstances:
    """The instances of one session; what a handler uses as ``session.instances``."""

    __slots__ = ("_manager", "_session_id")

    def __init__(self, manager: InstanceManager, session_id: str) -> None:
        self._manager = manager
        self._session_id = session_id

    def register(self, instance: object, *, lent: bool = False) -> Ref:
        """Keep an object; see ``InstanceManager.register``."""
        return self._manager.register(self._session_id, instance, lent=lent)

    def get(self, ref: str) -> Any:
        """The object of a ref; see ``InstanceManager.get``."""
        return self._manager.get(self._session_id, ref)

    def release(self, ref: str) -> bool:
        """Close one object and forget it; see ``InstanceManager.release``."""
        return self._manager.release(self._session_id, ref)

    def forget(self, ref: str) -> None:
        """Take a registration back; see ``InstanceManager.forget``."""
        self._manager.forget(self._session_id, ref)

    def listed(self) -> list[InstanceInfo]:
        """All of them, the oldest first."""
        return self._manager.listed(self._session_id)

    def __len__(self) -> int:
        return self._manager.count(self._session_id)


def _missing(
    session_id: str, ref: str, *, foreign: bool
) -> InstanceNotFoundError | ForeignRefError:
    details = {"ref": ref, "session_id": session_id}
    if foreign:
        hint = "Send the session_id of the session that created it; a ref works only there."
        return ForeignRefError(
            f"The ref {ref!r} belongs to another session than {session_id!r}.",
            {**details, "hint": hint},
        )
    hint = (
        "It was released, its session ended, or it never existed; 'session.instances' lists them."
    )
    return InstanceNotFoundError(
        f"No instance {ref!r} in session {session_id!r}.", {**details, "hint": hint}
    )


def _word(name: str) -> str:
    """The name of a class as one plain word; some are called ``Box[int]``, or in other letters."""
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "object"


def _close(ref: str, entry: _Entry) -> None:
    """Call the object's own ``close()``, if it has one; what it raises must not stop the others."""
    close = getattr(type(entry.instance), "close", None) if entry.is_ours else None
    if not callable(close):
        return
    try:
        close(entry.instance)
    except BaseException:
        log.exception("closing instance %s failed", ref)
