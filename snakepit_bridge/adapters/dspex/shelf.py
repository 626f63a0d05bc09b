"""What the tools of DSPex keep of one session, by name."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.errors import (
    BridgeError,
    InstanceNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
)
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session

NAMESPACE = "dspex"
"""Where ``session.settings`` holds the shelf."""

LIMIT = 10_000
"""Names that one session may use."""

MOST_NAME = 1_000
"""Characters of a name."""

SIGNATURE = "signature_"
TOOL = "elixir_tool_"
DEFAULT_LM = "default_lm"

_OWN = (SIGNATURE, TOOL)
"""How names begin that stand for things of one kind, which callers make by tools of their own."""

_DIGITS = 12
"""Of an id, so that one of another worker, or of another session, hits nothing here."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One thing under a name: a live object of the session, or data."""

    type: str
    """Name of its class."""

    ref: str = ""
    """Under which the session keeps the object; empty for data."""

    data: Any = None
    is_program: bool = False


class Shelf:
    """Things by name. Safe to use from any thread.

    Whoever takes something off, or puts something in its place, releases the object.

    Args:
        limit: How many there may be.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._things: dict[str, Stored] = {}

    def put(self, name: str, thing: Stored) -> Stored | None:
        """Keep a thing; returns the one whose place it took.

        Raises:
            QuotaExceededError: There are as many as there may be.
            InvalidArgumentError: The name is too long.
        """
        if len(name) > MOST_NAME:
            text = f"A name has at most {MOST_NAME} characters, not {len(name)}."
            raise InvalidArgumentError(text, {"argument": "name"})
        with self._lock:
            old = self._things.get(name)
            if old is None:
                self._check_room()
            self._things[name] = thing
            return old

    def put_new(self, prefix: str, thing: Stored) -> str:
        """Keep a thing under a name of its own: the prefix, an underscore, digits.

        Raises:
            QuotaExceededError: There are as many as there may be.
        """
        with self._lock:
            self._check_room()
            name = _new_name(prefix)
            while name in self._things:
                name = _new_name(prefix)
            self._things[name] = thing
            return name

    def find(self, name: str, *, kind: str = "Stored object") -> Stored:
        """The thing of a name.

        Args:
            name: Its name.
            kind: What an error calls it.

        Raises:
            InstanceNotFoundError: There is none; the hint is the nearest name.
        """
        with self._lock:
            thing = self._things.get(name)
            known = list(self._things) if thing is None else []
        if thing is None:
            hint = did_you_mean(
                name, known, otherwise="'list_stored_objects' lists them; a worker has its own."
            )
            raise InstanceNotFoundError(f"{kind} {name!r} not found.", {"name": name, "hint": hint})
        return thing

    def has(self, name: str) -> bool:
        """Whether there is a thing of this name."""
        with self._lock:
            return name in self._things

    def take(self, name: str) -> Stored | None:
        """Take a thing off the shelf; ``None`` where there is none."""
        with self._lock:
            return self._things.pop(name, None)

    def clear(self) -> list[Stored]:
        """Take everything off the shelf."""
        with self._lock:
            things, self._things = list(self._things.values()), {}
            return things

    def listed(self) -> list[tuple[str, Stored]]:
        """All of it, the oldest first."""
        with self._lock:
            return list(self._things.items())

    def programs(self) -> list[str]:
        """The names of what ``execute_program`` runs."""
        return [name for name, thing in self.listed() if thing.is_program]

    def _check_room(self) -> None:
        if len(self._things) >= self._limit:
            raise QuotaExceededError(
                f"The session has {self._limit} stored objects, as many as it may.",
                {"limit": self._limit, "hint": "Delete some with 'delete_program'."},
            )


def shelf_of(session: Session) -> Shelf:
    """The shelf of a session."""
    found: Shelf = session.settings.setdefault(NAMESPACE, Shelf())
    return found


def check_name(name: str) -> None:
    """Refuse a name of the caller's under which something of another kind is looked for.

    Raises:
        InvalidArgumentError: It begins like one.
    """
    prefix = next((each for each in _OWN if name.startswith(each)), None)
    if prefix is not None:
        raise InvalidArgumentError(
            f"The name {name!r:.200} is taken: what 'create_signature' and 'register_elixir_tool' "
            f"make is kept under {prefix!r}.",
            {"argument": "name", "hint": "Choose another name."},
        )


def store(session: Session, name: str, thing: Stored) -> None:
    """Keep a thing under a name of the caller's, in the place of what was there.

    Raises:
        QuotaExceededError: The session has as many as it may.
        InvalidArgumentError: The name is too long.
    """
    try:
        old = shelf_of(session).put(name, thing)
    except BridgeError:
        release(session, thing)
        raise
    release(session, old)


def store_new(session: Session, prefix: str, thing: Stored) -> str:
    """Keep a thing under a new name, and say which.

    Raises:
        QuotaExceededError: The session has as many as it may.
    """
    try:
        return shelf_of(session).put_new(prefix, thing)
    except QuotaExceededError:
        release(session, thing)
        raise


def release(session: Session, thing: Stored | None) -> None:
    """Let go of the object of a thing that is on the shelf no more."""
    if thing is not None and thing.ref:
        session.instances.release(thing.ref)


def _new_name(prefix: str) -> str:
    return f"{prefix}_{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
