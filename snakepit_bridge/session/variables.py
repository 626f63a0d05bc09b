"""Values by name, kept in memory for each session, with a version against lost updates."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec.structs import replace

from snakepit_bridge.errors import BridgeError, InvalidArgumentError, VariableError
from snakepit_bridge.session.host import VariableInfo
from snakepit_bridge.session.variable_changes import (
    MAX_NAME,
    CheckedUpdate,
    Clockwork,
    check_metadata,
    checked,
    next_record,
    unknown,
    unknown_version,
)
from snakepit_bridge.session.variable_claims import claiming, releasing
from snakepit_bridge.session.variable_data import copied, shown
from snakepit_bridge.session.variable_history import MAX_BYTES, MAX_VERSIONS
from snakepit_bridge.session.variable_records import (
    NOTHING,
    Claim,
    Record,
    Variable,
    VariableUpdate,
)
from snakepit_bridge.session.variable_shelf import TAKES_TIME, Room
from snakepit_bridge.session.variable_shelves import ChangedMeanwhileError, Shelves, Step
from snakepit_bridge.session.variable_watch import ChangeKind, VariableWatch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_NAME", "MAX_VARIABLES", "Batch", "Variable", "VariableStore", "VariableUpdate"]

MAX_VARIABLES = 10_000
"""Variables of one session, as many as it may have instances; each costs memory beyond its JSON."""

_From = TypeVar("_From")
_To = TypeVar("_To")


class Batch(NamedTuple):
    """What became of updates, by the names they were given with."""

    records: Mapping[str, Record]
    errors: Mapping[str, BridgeError]


class VariableStore:
    """Keeps the variables of all sessions of one host. Safe to use from any thread.

    Values are copied on their way in and out, so nobody can change one but through ``set``. A
    variable is found by its name or by its id.

    Args:
        max_bytes: What the names, values and constraints of one session may take, as JSON.
        max_variables: How many variables one session may have.
        max_history_bytes: What the earlier versions of one session may take beside these.
        now: The wall-clock time, aware.
    """

    def __init__(
        self,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        max_variables: int = MAX_VARIABLES,
        max_history_bytes: int = MAX_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._clockwork = Clockwork(now, itertools.count(1).__next__)
        self._shelves = Shelves(
            Room(
                variables=max_variables,
                bytes=max_bytes,
                history_bytes=max_history_bytes,
                history_versions=MAX_VERSIONS,
            )
        )

    # --- what is ------------------------------------------------------------------------------

    def find(self, session_id: str, name: str) -> Variable:
        """A variable with all that is known of it.

        Raises:
            VariableError: There is none; the hint is the nearest name.
        """
        record, claim = self.look(session_id, name)
        return Variable(
            id=record.id,
            name=record.name,
            value=copied(record.value),
            type=record.type,
            constraints=copied(dict(record.constraints)),
            version=record.version,
            updated_at=record.updated_at,
            metadata=dict(record.metadata),
            source=record.source,
            claim=claim,
        )

    def look(self, session_id: str, name: str) -> tuple[Record, Claim | None]:
        """A variable as the store itself holds it, to be read only.

        Raises:
            VariableError: There is none; the hint is the nearest name.
        """
        found = self._shelves.some(session_id, (name,)).get(name)
        if found is None:
            raise self._unknown(session_id, name)
        return found

    def look_at(
        self, session_id: str, names: Collection[str]
    ) -> dict[str, tuple[Record, Claim | None]]:
        """As ``look``, for those of several variables that exist; all as of one moment."""
        return self._shelves.some(session_id, names)

    def look_at_all(self, session_id: str) -> list[tuple[Record, Claim | None]]:
        """As ``look``, for every variable of a session, by name."""
        return self._shelves.all(session_id)

    def count(self, session_id: str) -> int:
        """How many variables a session has."""
        return self._shelves.count(session_id)

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
        return [
            VariableInfo(
                name=each.name, type=each.type, version=each.version, updated_at=each.updated_at
            )
            for each, _ in self.look_at_all(session_id)
            if not pattern or fnmatchcase(each.name, pattern)
        ]

    # --- changes ------------------------------------------------------------------------------

    def set(self, session_id: str, update: VariableUpdate) -> int:
        """Create or change a variable and return its new version; 1 for a new one.

        A declared type stays until another one is declared, and with it its constraints. Without
        one the type is that of the value, whatever it was before.

        Raises:
            InvalidArgumentError: The value does not fit the type or the constraints, or is not
                data, or one of the other parts makes no sense. Nothing is changed then.
            VariableError: There is no such variable, and the update demands one.
            VersionConflictError: The variable is not at ``expected_version``.
            QuotaExceededError: The session's variables are as large or as many as they may be.
        """
        return self.update(session_id, update).version

    def update(self, session_id: str, update: VariableUpdate) -> Record:
        """As ``set``; returns what the variable is now, to be read only."""
        batch = self.set_all(session_id, [update])
        for error in batch.errors.values():
            raise error
        return batch.records[update.name]

    def set_all(self, session_id: str, updates: Sequence[VariableUpdate]) -> Batch:
        """Create or change several variables at once, or none of them.

        Returns:
            The new versions, or every error that kept the updates from being made.

        Raises:
            ValueError: Two of the updates have one name.
        """
        named = {each.name: each for each in updates}
        if len(named) < len(updates):
            raise ValueError("several updates have one name")
        ready, errors = _each(named, checked)
        while not errors:
            known = self._shelves.peek(session_id, ready)
            # Checking runs patterns over texts and may take its time, so no lock is held; whoever
            # was quicker makes us look again.
            steps, errors = _each(ready, partial(self._step, session_id, known))
            if errors:
                break
            with suppress(ChangedMeanwhileError):
                errors = self._shelves.put(session_id, steps)
                if not errors:
                    return Batch({name: step.after for name, step in steps.items()}, {})
        return Batch({}, errors)

    def takes_time(self, session_id: str, update: VariableUpdate) -> bool:
        """Whether an update has to be checked by a search, which may be too long for a loop."""
        if update.constraints is not None:
            return TAKES_TIME in update.constraints
        before = self._shelves.peek(session_id, [update.name])[update.name]
        return before is not None and TAKES_TIME in before.constraints

    def is_quick(self, session_id: str, limit_bytes: int) -> bool:
        """Whether whatever is done with the variables of a session is short enough for a loop.

        Args:
            session_id: Whose variables.
            limit_bytes: Size of what may be copied or written there, the history included.
        """
        return self._shelves.is_quick(session_id, limit_bytes)

    def delete(self, session_id: str, name: str) -> bool:
        """Forget a variable; false when there was none."""
        return self._shelves.take_off(session_id, name, self._now())

    def forget_session(self, session_id: str) -> None:
        """Forget all variables of a session that has ended, and let its watches end."""
        self._shelves.forget(session_id)

    # --- what was -----------------------------------------------------------------------------

    def history(self, session_id: str, name: str) -> list[Record]:
        """The versions of a variable that are kept, the current one first; to be read only.

        Raises:
            VariableError: There is no such variable.
        """
        with self._shelves.found(session_id, name) as (shelf, (current,)):
            return [current, *shelf.history.before(current)]

    def roll_back(self, session_id: str, name: str, version: int) -> Record:
        """Make a variable once more what it was: a new version with everything of an old one.

        Raises:
            VariableError: There is no such variable.
            InvalidArgumentError: The version is not kept, or there never was one.
            QuotaExceededError: The session has become too full for it.
        """
        while True:
            current, *_ = kept = self.history(session_id, name)
            old = next((each for each in kept if each.version == version), None)
            if old is None:
                raise unknown_version(current, version, oldest=kept[-1].version)
            after = replace(old, version=current.version + 1, updated_at=self._now())
            with suppress(ChangedMeanwhileError):
                step = Step(current, after, ChangeKind.ROLLBACK)
                for error in self._shelves.put(session_id, {name: step}).values():
                    raise error
                return after

    # --- who follows --------------------------------------------------------------------------

    def watching(
        self, session_id: str, names: Collection[str] = ()
    ) -> AbstractContextManager[VariableWatch]:
        """Watch some variables, whether they exist yet or not, or all; for code on a loop.

        The watch lives as long as the block.

        Args:
            session_id: Whose variables.
            names: Their names or ids; none means all.
        """
        return self._shelves.watching(session_id, names, self._now())

    def end_watches(self) -> None:
        """Let every watch end, because the host does."""
        self._shelves.end_watches()

    def depend(self, session_id: str, dependent: str, needed: str, kind: str = "") -> None:
        """Let one variable depend on another: who watches it hears of changes of the other.

        Args:
            session_id: Whose variables.
            dependent: The one that follows.
            needed: The one that it is computed from.
            kind: Any word for it; told together with each change.

        Raises:
            VariableError: One of them does not exist.
            InvalidArgumentError: It would depend on itself, perhaps through others.
            QuotaExceededError: There are as many dependencies as there may be.
        """
        check_metadata({"dependency_type": kind})
        with self._shelves.found(session_id, dependent, needed) as (shelf, (follower, followed)):
            shelf.dependencies.add(follower.name, followed.name, kind)

    def claim(
        self,
        session_id: str,
        name: str,
        optimizer_id: str,
        config: Mapping[str, str] = NOTHING,
    ) -> Claim:
        """Let an optimiser work on a variable; no other one may until it is released.

        The same optimiser gets the same claim again, so it may ask twice.

        Raises:
            VariableError: There is no such variable.
            InvalidArgumentError: The optimiser has no name, or its configuration is too long.
            WrongCallError: Another optimiser works on it.
        """
        claim = Claim(
            id=f"opt_{self._clockwork.next_number()}",
            optimizer_id=optimizer_id,
            started_at=self._now(),
            config=dict(config),
        )
        decide = claiming(name, claim)
        _, decided = self._shelves.claim(session_id, name, decide, claim.started_at)
        return decided or claim

    def release(self, session_id: str, name: str, *, force: bool = False) -> Record:
        """Let no optimiser work on a variable any more; returns what it is now.

        Args:
            session_id: Whose variable.
            name: Its name or id.
            force: Whether it is all right when none does.

        Raises:
            VariableError: There is no such variable.
            WrongCallError: No optimiser works on it.
        """
        decide = releasing(name, force=force)
        record, _ = self._shelves.claim(session_id, name, decide, self._now())
        return record

    def _step(
        self, session_id: str, known: Mapping[str, Record | None], checked: CheckedUpdate
    ) -> Step:
        name = checked.update.name
        before = known[name]
        if before is None and checked.update.must_exist:
            raise self._unknown(session_id, name)
        after = next_record(before, checked, self._clockwork)
        return Step(before, after, _kind(before, after))

    def _unknown(self, session_id: str, name: str) -> VariableError:
        names = [each.name for each, _ in self._shelves.all(session_id)]
        return unknown(session_id, name, names)


def _kind(before: Record | None, after: Record) -> ChangeKind:
    if before is None:
        return ChangeKind.CREATED
    is_declared = before.declaration is not after.declaration
    if is_declared and (before.type, before.constraints) != (after.type, after.constraints):
        return ChangeKind.CONSTRAINT_CHANGE
    return ChangeKind.VALUE_CHANGE


def _each(
    items: Mapping[str, _From], make: Callable[[_From], _To]
) -> tuple[dict[str, _To], dict[str, BridgeError]]:
    made: dict[str, _To] = {}
    errors: dict[str, BridgeError] = {}
    for name, item in items.items():
        try:
            made[name] = make(item)
        except BridgeError as error:
            errors[name] = error
    return made, errors
