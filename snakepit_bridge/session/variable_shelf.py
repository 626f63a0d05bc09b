"""The variables of one session: what they are, were, and who follows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from snakepit_bridge.errors import BridgeError, InvalidArgumentError, QuotaExceededError
from snakepit_bridge.session.variable_data import shown
from snakepit_bridge.session.variable_dependencies import Dependencies
from snakepit_bridge.session.variable_history import History

if TYPE_CHECKING:
    from snakepit_bridge.session.variable_records import Claim, Record


TAKES_TIME = "pattern"
"""The constraint whose check may take as long as ``text_pattern.SEARCH_TIMEOUT_S``."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much a session may hold."""

    variables: int
    bytes: int
    """What names, values and constraints may take, as JSON."""

    history_bytes: int
    history_versions: int


class Shelf:
    """Touched under the lock of the store only.

    Args:
        session_id: Whose variables these are.
        room: How many there may be.
    """

    def __init__(self, session_id: str, room: Room) -> None:
        self.records: dict[str, Record] = {}
        self.claims: dict[str, Claim] = {}
        """By name of the variable."""
        self.dependencies = Dependencies()
        self.history = History(max_versions=room.history_versions, max_bytes=room.history_bytes)
        self._session_id = session_id
        self._room = room
        self._names: dict[str, str] = {}
        self._size_bytes = 0
        self._searched = 0

    def is_quick(self, limit_bytes: int) -> bool:
        """Whether there is little to copy, and nothing to search."""
        return not self._searched and self._size_bytes + self.history.size_bytes <= limit_bytes

    def find(self, identifier: str) -> Record | None:
        """The variable of this name, else the one of this id."""
        record = self.records.get(identifier)
        return record or self.records.get(self._names.get(identifier, ""))

    def put(self, record: Record) -> None:
        """Let a version take the place of the one before."""
        before = self.records.get(record.name)
        if before is not None:
            self.history.keep(before)
            self._count(before, -1)
        self.records[record.name] = record
        self._names[record.id] = record.name
        self._count(record, 1)

    def take_off(self, record: Record) -> None:
        """Forget a variable, with its past."""
        del self.records[record.name], self._names[record.id]
        self._count(record, -1)
        self.claims.pop(record.name, None)
        self.history.forget(record)
        self.dependencies.forget(record.name)

    def _count(self, record: Record, sign: int) -> None:
        self._size_bytes += sign * record.size_bytes
        self._searched += sign * (TAKES_TIME in record.constraints)

    def refusals(self, coming: Sequence[tuple[str, Record]]) -> dict[str, BridgeError]:
        """Why there is no room for some of these, all of which are to be put on.

        Args:
            coming: Each with the identifier that its update gave.
        """
        refused: dict[str, BridgeError] = {}
        leaving = {name: self.records[name] for name in _names(coming) & self.records.keys()}
        bytes_taken = self._size_bytes - sum(each.size_bytes for each in leaving.values())
        count, seen = len(self.records), set[str]()
        for identifier, record in coming:
            count += record.name not in leaving
            error = self._refusal(record, count, bytes_taken)
            if record.name in seen:
                error = _twice(identifier, record)
            if error is not None:
                refused[identifier] = error
            seen.add(record.name)
            bytes_taken += record.size_bytes
        return refused

    def _refusal(self, record: Record, count: int, others_bytes: int) -> BridgeError | None:
        details = {"name": record.name, "session_id": self._session_id}
        room = self._room
        if record.name not in self.records and count > room.variables:
            hint = "Delete some with 'variable.delete'."
            return QuotaExceededError(
                f"Session {self._session_id!r} holds {room.variables} variables, "
                "as many as it may.",
                {**details, "limit": room.variables, "hint": hint},
            )
        if others_bytes + record.size_bytes > room.bytes:
            hint = "Delete some with 'variable.delete', or raise --max-variable-bytes."
            size = {"limit": room.bytes, "size_bytes": record.size_bytes}
            return QuotaExceededError(
                f"Variable {shown(record.name)} takes {record.size_bytes} bytes; of the "
                f"{room.bytes} of session {self._session_id!r}, the others take {others_bytes}.",
                {**details, **size, "hint": hint},
            )
        return None


def _names(coming: Iterable[tuple[str, Record]]) -> set[str]:
    return {record.name for _, record in coming}


def _twice(identifier: str, record: Record) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Variable {shown(record.name)} is to be set twice at once, also as {shown(identifier)}.",
        {"name": record.name, "hint": "Name each variable once."},
    )
