"""The objects of an adapter class that serve more than one call."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from snakepit_bridge.session.turns import Turnstile

if TYPE_CHECKING:
    from snakepit_bridge.adapters.hooks import Lifetime

_OF_ALL = ""
"""The key of the one object of a process; the others have the ids of sessions, never empty."""


class Shared:
    """An object that several calls use: from before it is made until the last has let go of it.

    Args:
        key: What finds it.
    """

    __slots__ = ("adapter", "is_over", "key", "making", "users")

    def __init__(self, key: str) -> None:
        self.key = key
        self.adapter: Any = None
        """The object, once it can be used. Until then whoever has the turn makes it, so that one
        that could not be made is tried again by the next."""
        self.making = Turnstile()
        self.users = 0
        """Those beneath whom it must not be cleaned up. Belongs to the lock of ``Instances``."""
        self.is_over = False
        """Whether it gets no more users. Belongs to the same lock."""


class Instances:
    """Keeps the shared objects of one adapter class. Safe to use from any thread.

    Whoever is given a ``Shared`` holds it, and releases it again.

    Args:
        lifetime: How long they live; of a ``"request"`` there are none.
    """

    def __init__(self, lifetime: Lifetime) -> None:
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._shared: dict[str, Shared] = {}

    def hold(self, session_id: str) -> Shared | None:
        """The object for a call in a session; none where every call has its own."""
        if self._lifetime == "request":
            return None
        key = session_id if self._lifetime == "session" else _OF_ALL
        with self._lock:
            shared = self._shared.get(key)
            if shared is None:
                shared = self._shared[key] = Shared(key)
            shared.users += 1
            return shared

    def release(self, shared: Shared) -> bool:
        """Let go of an object; true if it is to be cleaned up now, which is said once."""
        with self._lock:
            shared.users -= 1
            return shared.is_over and not shared.users

    def at_end_of(self, session_id: str) -> Shared | None:
        """The object that the calls of an ended session used, if there is one.

        A later session of the same id gets another, unless there is one for the whole process.
        """
        with self._lock:
            shared = self._shared.get(session_id)
            if shared is not None:
                return self._retire(shared)
            shared = self._shared.get(_OF_ALL)
            if shared is not None:
                shared.users += 1
            return shared

    def retire_all(self) -> list[Shared]:
        """All objects, the newest first; no further call gets them."""
        with self._lock:
            return [self._retire(shared) for shared in reversed(list(self._shared.values()))]

    def _retire(self, shared: Shared) -> Shared:
        shared.is_over = True
        shared.users += 1
        del self._shared[shared.key]
        return shared
