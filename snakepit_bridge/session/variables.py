"""Values by name, kept in memory for each session, with a version against lost updates."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.session.host import VariableInfo
from snakepit_bridge.session.variable_data import NoDataError, copied, shown, size_of
from snakepit_bridge.session.variable_types import Declaration, type_of
from snakepit_bridge.values.refusals import has_lone_surrogate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_NAME = 256
"""Characters of a name, and of a pattern that looks for names."""

MAX_VARIABLES = 10_000
"""Variables of one session, as many as it may have instances; each costs memory beyond its JSON."""


class VariableUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks of a variable: a value, and perhaps more."""

    name: str
    value: Any
    type: str | None = None
    """Declares the type; this and all later values are checked against it."""

    constraints: Mapping[str, Any] | None = None
    """Replaces the constraints; needs a declared type, from now or before."""

    expected_version: int | None = None
    """The version the variable must have; 0 means that there must be none yet."""


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable with all that is known of it."""

    name: str
    value: Any
    type: str
    constraints: Mapping[str, Any]
    version: int
    updated_at: datetime


class _Record(msgspec.Struct, frozen=True, eq=False):
    """One version of a variable; its value belongs to the store alone."""

    value: Any
    type: str
    declaration: Declaration | None
    version: int
    updated_at: datetime
    size_bytes: int


class _Shelf:
    """The variables of one session. Touched under the lock of the store only."""

    __slots__ = ("records", "size_bytes")

    def __init__(self) -> None:
        self.records: dict[str, _Record] = {}
        self.size_bytes = 0

    def take_off(self, name: str) -> bool:
        gone = self.records.pop(name, None)
        if gone is not None:
            self.size_bytes -= gone.size_bytes
        return gone is not None


class VariableStore:
    """Keeps the variables of all sessions of one host. Safe to use from any thread.

    Values are copied on their way in and out, so nobody can change one but through ``set``.

    Args:
        max_bytes: What the names, values and constraints of one session may take, as JSON.
        max_variables: How many variables one session may have.
        now: The wall-clock time, aware.
    """

    def __init__(
        self,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        max_variables: int = MAX_VARIABLES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._max_bytes = max_bytes
        self._max_variables = max_variables
        self._now = now
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}

    def find(self, session_id: str, name: str) -> Variable:
        """A variable with all that is known of it.

        Raises:
            VariableError: There is none; the hint is the nearest name.
        """
        record = self._peek(session_id, name)
        if record is None:
            raise self._unknown(session_id, name)
        declaration = record.declaration
        return Variable(
            name=name,
            value=copied(record.value),
            type=record.type,
            constraints=copied(declaration.constraints) if declaration else {},
            version=record.version,
            updated_at=record.updated_at,
        )

    def set(self, session_id: str, update: VariableUpdate) -> int:
        """Create or change a variable and return its new version; 1 for a new one.

        A declared type stays until another one is declared, and with it its constraints. Without
        one the type is that of the value, whatever it was before.

        Raises:
            InvalidArgumentError: The value does not fit the type or the constraints, or is not
                data, or one of the other parts makes no sense. Nothing is changed then.
            VersionConflictError: The variable is not at ``expected_version``.
            QuotaExceededError: The session's variables are as large or as many as they may be.
        """
        _check(update)
        value, size_bytes = _as_data(update.name, update.value)
        while True:
            before = self._peek(session_id, update.name)
            # Checking runs patterns over texts and may take its time, so the lock is not held;
            # whoever was quicker makes us look again.
            after = self._next_record(before, update, value, size_bytes)
            with self._lock:
                shelf = self._shelves.get(session_id) or _Shelf()
                if shelf.records.get(update.name) is not before:
                    continue
                self._check_room(session_id, shelf, update.name, after)
                shelf.take_off(update.name)
                shelf.records[update.name] = after
                shelf.size_bytes += after.size_bytes
                self._shelves[session_id] = shelf
            return after.version

    def listed(self, session_id: str, pattern: str | None = None) -> list[VariableInfo]:
        """The variables of a session whose names match a shell pattern, by name.

        Raises:
            InvalidArgumentError: The pattern is longer than a name could be.
        """
        if pattern and len(pattern) > MAX_NAME:
            raise InvalidArgumentError(
                f"The pattern {shown(pattern)} has {len(pattern)} characters.",
                {"hint": f"Names have at most {MAX_NAME}; so may a pattern."},
            )
        with self._lock:
            shelf = self._shelves.get(session_id)
            records = list(shelf.records.items()) if shelf else []
        return [
            VariableInfo(
                name=name, type=record.type, version=record.version, updated_at=record.updated_at
            )
            for name, record in sorted(records, key=lambda item: item[0])
            if not pattern or fnmatchcase(name, pattern)
        ]

    def delete(self, session_id: str, name: str) -> bool:
        """Forget a variable; false when there was none."""
        with self._lock:
            shelf = self._shelves.get(session_id)
            gone = shelf is not None and shelf.take_off(name)
            if shelf is not None and not shelf.records:
                del self._shelves[session_id]
            return gone

    def forget_session(self, session_id: str) -> None:
        """Forget all variables of a session that has ended."""
        with self._lock:
            self._shelves.pop(session_id, None)

    def _peek(self, session_id: str, name: str) -> _Record | None:
        with self._lock:
            shelf = self._shelves.get(session_id)
            return shelf.records.get(name) if shelf else None

    def _next_record(
        self, before: _Record | None, update: VariableUpdate, value: Any, size_bytes: int
    ) -> _Record:
        version = before.version if before else 0
        if update.expected_version not in {None, version}:
            raise _conflict(update, version)
        declaration = _declaration(before.declaration if before else None, update)
        if declaration is not None:
            value = declaration.admit(update.name, value)
            size_bytes += _as_data(update.name, declaration.constraints)[1]
        return _Record(
            value=value,
            type=declaration.type if declaration else type_of(value),
            declaration=declaration,
            version=version + 1,
            updated_at=self._now(),
            size_bytes=size_bytes + size_of(update.name),
        )

    def _check_room(self, session_id: str, shelf: _Shelf, name: str, after: _Record) -> None:
        before = shelf.records.get(name)
        others_bytes = shelf.size_bytes - (before.size_bytes if before else 0)
        details: dict[str, Any] = {"name": name, "session_id": session_id}
        if before is None and len(shelf.records) >= self._max_variables:
            raise QuotaExceededError(
                f"Session {session_id!r} holds {self._max_variables} variables, as many as it may.",
                {
                    **details,
                    "limit": self._max_variables,
                    "hint": "Delete some with 'variable.delete'.",
                },
            )
        if others_bytes + after.size_bytes > self._max_bytes:
            raise QuotaExceededError(
                f"Variable {shown(name)} takes {after.size_bytes} bytes; of the "
                f"{self._max_bytes} of session {session_id!r}, the others take {others_bytes}.",
                {
                    **details,
                    "limit": self._max_bytes,
                    "size_bytes": after.size_bytes,
                    "hint": "Delete some with 'variable.delete', or raise --max-variable-bytes.",
                },
            )

    def _unknown(self, session_id: str, name: str) -> VariableError:
        with self._lock:
            shelf = self._shelves.get(session_id)
            names = list(shelf.records) if shelf else []
        return VariableError(
            f"No variable {shown(name)} in session {session_id!r}.",
            {"name": name, "session_id": session_id, "hint": _nearest(name, names)},
        )


def _nearest(name: str, names: Iterable[str]) -> str:
    # Comparing costs the product of the lengths, and no name is longer than this.
    known = "'variable.list' names those there are."
    return did_you_mean(name[:MAX_NAME], names, otherwise=known)


def _check(update: VariableUpdate) -> None:
    if not 1 <= len(update.name) <= MAX_NAME or has_lone_surrogate(update.name):
        raise InvalidArgumentError(
            f"The variable name {shown(update.name)} is not possible.",
            {"name": shown(update.name), "hint": f"Use 1 to {MAX_NAME} characters."},
        )
    if update.expected_version is not None and update.expected_version < 0:
        raise InvalidArgumentError(
            f"No variable is ever at version {update.expected_version}.",
            {
                "expected_version": update.expected_version,
                "hint": "Send 0 for a variable that must not exist yet, else its version.",
            },
        )


def _as_data(name: str, value: Any) -> tuple[Any, int]:
    """A copy of a value, or of constraints, and its size."""
    try:
        # Before it is copied: an object that is no data may not like to be.
        size_bytes = size_of(value)
        return copied(value), size_bytes
    except NoDataError as error:
        raise InvalidArgumentError(
            f"Variable {shown(name)} cannot keep {shown(value)}: {error}.",
            {
                "name": name,
                "hint": "Variables hold data; keep a live object as an instance, and its ref here.",
            },
        ) from error


def _declaration(before: Declaration | None, update: VariableUpdate) -> Declaration | None:
    """What holds from now on: declared now, or before, or by nobody."""
    if update.type is None and update.constraints is None:
        return before
    type_name = update.type or (before.type if before else None)
    if type_name is None:
        raise InvalidArgumentError(
            f"Variable {shown(update.name)} has constraints, but no type that could know them.",
            {"name": update.name, "hint": "Send the 'type' along with them, e.g. 'float'."},
        )
    constraints = update.constraints
    if constraints is None and before is not None and before.type == type_name:
        constraints = before.constraints
    return Declaration(type_name, constraints)


def _conflict(update: VariableUpdate, version: int) -> VersionConflictError:
    at = f"is at version {version}" if version else "does not exist"
    expected = f"at version {update.expected_version}" if update.expected_version else "none yet"
    return VersionConflictError(
        f"Variable {shown(update.name)} {at}; {expected} was expected.",
        {
            "name": update.name,
            "expected_version": update.expected_version,
            "version": version,
            "hint": "Read it again, and decide with its new value.",
        },
    )
