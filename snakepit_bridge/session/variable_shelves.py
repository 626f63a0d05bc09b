"""The shelves of all sessions behind one lock, with those who watch them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.session.variable_changes import unknown
from snakepit_bridge.session.variable_records import Claim, Record
from snakepit_bridge.session.variable_shelf import Room, Shelf
from snakepit_bridge.session.variable_watch import ChangeKind, VariableChange, VariableWatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakepit_bridge.session.variable_claims import Decide


class ChangedMeanwhileError(Exception):
    """Somebody else was quicker; look again."""


class Step(NamedTuple):
    """One variable's way to its next version."""

    before: Record | None
    """What was there when the step was thought out; it must still be there."""

    after: Record
    kind: ChangeKind


class Shelves:
    """Every method is one atomic and quick step: under the lock nothing is checked or copied.

    Args:
        room: How much one session may hold.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._shelves: dict[str, Shelf] = {}
        self._watches: dict[str, set[VariableWatch]] = {}

    @contextmanager
    def found(self, session_id: str, *names: str) -> Iterator[tuple[Shelf, list[Record]]]:
        """The shelf of a session with some variables on it, under the lock.

        Raises:
            VariableError: One of them does not exist.
        """
        with self._lock:
            shelf = self._shelves.get(session_id) or Shelf(session_id, self._room)
            records = [shelf.find(name) for name in names]
            if all(records):
                yield shelf, [each for each in records if each]
                return
            known = list(shelf.records)
        # The nearest name takes a while to find.
        missing = names[records.index(None)]
        raise unknown(session_id, missing, known)

    def peek(self, session_id: str, names: Collection[str]) -> dict[str, Record | None]:
        """What there is by these names."""
        with self._lock:
            shelf = self._shelves.get(session_id)
            return {name: shelf.find(name) if shelf else None for name in names}

    def some(
        self, session_id: str, names: Collection[str]
    ) -> dict[str, tuple[Record, Claim | None]]:
        """What there is by these names, all at one moment."""
        with self._lock:
            shelf = self._shelves.get(session_id)
            found = {name: shelf.find(name) for name in names} if shelf else {}
            return {
                name: (record, shelf.claims.get(record.name))
                for name, record in found.items()
                if shelf and record
            }

    def count(self, session_id: str) -> int:
        """How many variables there are."""
        with self._lock:
            shelf = self._shelves.get(session_id)
            return len(shelf.records) if shelf else 0

    def is_quick(self, session_id: str, limit_bytes: int) -> bool:
        """Whether a session has little to copy and nothing to search."""
        with self._lock:
            shelf = self._shelves.get(session_id)
            return shelf is None or shelf.is_quick(limit_bytes)

    def all(self, session_id: str) -> list[tuple[Record, Claim | None]]:
        """What there is, by name."""
        with self._lock:
            found = self._of(session_id)
        return sorted(found, key=lambda pair: pair[0].name)

    def put(self, session_id: str, steps: Mapping[str, Step]) -> dict[str, BridgeError]:
        """Take all steps, or none of them.

        Args:
            session_id: Whose variables.
            steps: By the names that were used to look for the variables.

        Returns:
            Why there is no room, by the same names; nothing has happened then.

        Raises:
            ChangedMeanwhileError: One of the variables is not any more what it was.
        """
        with self._lock:
            shelf = self._shelves.get(session_id) or Shelf(session_id, self._room)
            if any(shelf.find(name) is not step.before for name, step in steps.items()):
                raise ChangedMeanwhileError
            refusals = shelf.refusals([(name, step.after) for name, step in steps.items()])
            if not refusals:
                self._shelves[session_id] = shelf
                for step in steps.values():
                    shelf.put(step.after)
                    self._tell(session_id, step.kind, step.after, step.after.updated_at)
            return refusals

    def take_off(self, session_id: str, name: str, at: datetime) -> bool:
        """Forget a variable; false when there was none."""
        with self._lock:
            shelf = self._shelves.get(session_id)
            gone = shelf.find(name) if shelf else None
            if shelf is None or gone is None:
                return False
            # Told while the others still are known to follow it.
            self._tell(session_id, ChangeKind.DELETED, gone, at)
            shelf.take_off(gone)
            if not shelf.records:
                del self._shelves[session_id]
            return True

    def claim(
        self, session_id: str, name: str, decide: Decide, at: datetime
    ) -> tuple[Record, Claim | None]:
        """Let somebody decide, seeing the claim there is, which claim there shall be.

        Returns:
            The variable, and what was decided.

        Raises:
            VariableError: There is none of this name.
        """
        with self.found(session_id, name) as (shelf, (record,)):
            before = shelf.claims.get(record.name)
            after = decide(before)
            if after is not before:
                shelf.claims.pop(record.name, None)
                if after is not None:
                    shelf.claims[record.name] = after
                self._tell(session_id, ChangeKind.OPTIMIZATION_CHANGE, record, at)
            return record, after

    def forget(self, session_id: str) -> None:
        """Forget everything about a session, and let its watches end."""
        with self._lock:
            self._shelves.pop(session_id, None)
            watches = self._watches.pop(session_id, set())
        for watch in watches:
            watch.end()

    # --- watches ------------------------------------------------------------------------------

    @contextmanager
    def watching(
        self, session_id: str, names: Collection[str], at: datetime
    ) -> Iterator[VariableWatch]:
        """Watch some variables, or all, while the block runs."""
        with self._lock:
            watch = VariableWatch(
                names,
                initial=[
                    VariableChange(kind=ChangeKind.INITIAL_VALUE, record=record, claim=claim, at=at)
                    for record, claim in self._of(session_id)
                ],
            )
            self._watches.setdefault(session_id, set()).add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                watches = self._watches.get(session_id, set())
                watches.discard(watch)
                if not watches:
                    self._watches.pop(session_id, None)

    def end_watches(self) -> None:
        """Let every watch end."""
        with self._lock:
            watches = [watch for each in self._watches.values() for watch in each]
            self._watches.clear()
        for watch in watches:
            watch.end()

    def _of(self, session_id: str) -> list[tuple[Record, Claim | None]]:
        shelf = self._shelves.get(session_id)
        if shelf is None:
            return []
        return [(each, shelf.claims.get(each.name)) for each in shelf.records.values()]

    def _tell(self, session_id: str, kind: ChangeKind, record: Record, at: datetime) -> None:
        """Tell of a change to a variable, then of that to the ones that follow it."""
        watches = self._watches.get(session_id)
        if not watches:
            return
        shelf = self._shelves[session_id]
        changes = [_change(shelf, kind, record, at)]
        if kind is not ChangeKind.OPTIMIZATION_CHANGE:
            changes += _changes_of_followers(shelf, record, at)
        for change in changes:
            for watch in watches:
                watch.tell(change)


def _change(shelf: Shelf, kind: ChangeKind, record: Record, at: datetime) -> VariableChange:
    return VariableChange(kind=kind, record=record, claim=shelf.claims.get(record.name), at=at)


def _changes_of_followers(shelf: Shelf, record: Record, at: datetime) -> Iterator[VariableChange]:
    for name, dependency in shelf.dependencies.followers_of(record.name).items():
        yield VariableChange(
            kind=ChangeKind.DEPENDENCY_CHANGE,
            record=shelf.records[name],
            claim=shelf.claims.get(name),
            at=at,
            metadata={"depends_on": record.name, "dependency_type": dependency},
        )
