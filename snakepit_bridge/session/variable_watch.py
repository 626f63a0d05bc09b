"""The changes of a session's variables, as they happen, for whoever watches."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import msgspec

from snakepit_bridge.errors import QuotaExceededError
from snakepit_bridge.session.variable_records import NOTHING

if TYPE_CHECKING:
    from snakepit_bridge.session.variable_records import Claim, Record

MAX_PENDING = 1000
"""Changes that a watcher may be behind."""

MAX_PENDING_BYTES = 8 * 1024 * 1024
"""Size of the values among them; a watcher further behind gets only the latest of each variable."""


class ChangeKind(StrEnum):
    """What has happened to a variable; the first three words are those of Snakepit's drafts."""

    INITIAL_VALUE = "initial_value"
    """Nothing: it was so when the watch began."""

    VALUE_CHANGE = "value_change"
    CONSTRAINT_CHANGE = "constraint_change"
    """Its type or its constraints, and perhaps the value with them."""

    CREATED = "created"
    ROLLBACK = "rollback"
    DELETED = "deleted"
    DEPENDENCY_CHANGE = "dependency_change"
    """It is as it was, but a variable that it depends on has changed."""

    OPTIMIZATION_CHANGE = "optimization_change"
    """It is as it was, but an optimiser has begun or stopped to work on it."""


class VariableChange(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has happened to one variable."""

    kind: ChangeKind
    record: Record
    """The variable afterwards; where it was deleted, as it was at last."""

    claim: Claim | None = None
    at: datetime
    metadata: Mapping[str, str] = NOTHING
    """Facts that belong to the kind of the change."""

    @property
    def size_bytes(self) -> int:
        """Of what waits to be told."""
        return self.record.size_bytes


class VariableWatch:
    """What happens to some variables, or all, of a session: an asynchronous iterator.

    It never holds back whoever changes a variable. A reader too slow for ``max_pending`` changes,
    or for ``max_pending_bytes`` of values, misses all but the latest change of each variable and
    kind; the versions show the gaps. The iterator ends when the session ends.

    Args:
        identifiers: Names or ids to watch, whether they exist yet or not; none means all.
        initial: How the variables are when the watch begins.
        max_pending: Changes that may wait to be read.
        max_pending_bytes: Size of their values.
    """

    def __init__(
        self,
        identifiers: Collection[str] = (),
        *,
        initial: Iterable[VariableChange] = (),
        max_pending: int = MAX_PENDING,
        max_pending_bytes: int = MAX_PENDING_BYTES,
    ) -> None:
        self._identifiers = frozenset(identifiers)
        self.initial = [change for change in initial if self._is_about(change)]
        """How the variables were when the watch began, by name."""
        self._max_pending = max_pending
        self._max_pending_bytes = max_pending_bytes
        # By their order; once the reader has fallen behind, by variable and kind.
        self._pending: OrderedDict[Hashable, VariableChange] = OrderedDict()
        self._count = itertools.count()
        self._is_behind = False
        self._pending_bytes = 0
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._ended = False
        self._overrun = False

    def tell(self, change: VariableChange) -> None:
        """Let the reader know of a change, from any thread."""
        if not self._is_about(change):
            return
        with self._lock:
            if self._ended:
                return
            self._add(change)
            if not self._is_behind and self._is_too_much():
                self._keep_the_latest()
            if len(self._pending) > self._max_pending:
                self._pending.clear()
                self._ended = self._overrun = True
        self._wake()

    def end(self) -> None:
        """Let the iterator end once it has told what waits, from any thread."""
        with self._lock:
            self._ended = True
        self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> VariableChange:
        """The next change.

        Raises:
            QuotaExceededError: More variables changed than may wait to be read.
        """
        while True:
            with self._lock:
                if self._pending:
                    return self._pop()
                if self._overrun:
                    raise _overrun(self._max_pending)
                if self._ended:
                    raise StopAsyncIteration
                self._told.clear()
            await self._told.wait()

    def _is_about(self, change: VariableChange) -> bool:
        names = self._identifiers
        return not names or change.record.name in names or change.record.id in names

    def _pop(self) -> VariableChange:
        _, change = self._pending.popitem(last=False)
        self._pending_bytes -= change.size_bytes
        self._is_behind = self._is_behind and bool(self._pending)
        return change

    def _add(self, change: VariableChange) -> None:
        key: Hashable = next(self._count)
        if self._is_behind:
            # Of each kind: that a variable is claimed must not hide that its value has changed.
            key = (change.record.id, change.kind)
            replaced = self._pending.pop(key, None)
            self._pending_bytes -= replaced.size_bytes if replaced else 0
        self._pending[key] = change
        self._pending_bytes += change.size_bytes

    def _is_too_much(self) -> bool:
        is_far = self._pending_bytes > self._max_pending_bytes
        return is_far or len(self._pending) > self._max_pending

    def _keep_the_latest(self) -> None:
        # Once, until the reader has caught up: whoever changes a variable waits for this.
        pending = [*self._pending.values()]
        self._pending.clear()
        self._pending_bytes = 0
        self._is_behind = True
        for change in pending:
            self._add(change)

    def _wake(self) -> None:
        # The loop may be closed, and nobody reads any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told.set)


def _overrun(max_pending: int) -> QuotaExceededError:
    return QuotaExceededError(
        f"More than {max_pending} variables changed before the watcher read of it.",
        {
            "limit": max_pending,
            "hint": "Watch again, with initial values, and fewer variables or a faster reader.",
        },
    )
