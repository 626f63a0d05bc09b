"""What variables were, back to it, and that watching tells the whole story."""

from __future__ import annotations

import asyncio
import copy
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError, VariableError
from snakepit_bridge.session.variable_data import size_of
from snakepit_bridge.session.variable_history import MAX_VERSIONS
from snakepit_bridge.session.variable_records import Record
from snakepit_bridge.session.variable_watch import ChangeKind
from snakepit_bridge.session.variables import VariableStore, VariableUpdate
from snakepit_bridge.testing import FakeClock


def _set(store: VariableStore, name: str, value: Any, **more: Any) -> int:
    return store.set("s", VariableUpdate(name=name, value=value, **more))


def _past(store: VariableStore, name: str) -> list[tuple[int, Any]]:
    return [(each.version, each.value) for each in store.history("s", name)]


def test_the_history_begins_with_what_is() -> None:
    store = VariableStore()
    for value in "abc":
        _set(store, "x", value)

    assert _past(store, "x") == [(3, "c"), (2, "b"), (1, "a")]
    assert _past(store, store.find("s", "x").id) == _past(store, "x")


def test_an_unknown_variable_has_no_history() -> None:
    with pytest.raises(VariableError, match="No variable 'x'"):
        VariableStore().history("s", "x")


def test_the_history_tells_when_who_and_why() -> None:
    clock = FakeClock()
    store = VariableStore(now=clock.now)
    _set(store, "x", 1, metadata={"why": "start"}, source="elixir")
    clock.advance(60)
    _set(store, "x", 2, metadata={"why": "better"})

    now, before = store.history("s", "x")

    assert now.updated_at - before.updated_at == timedelta(seconds=60)
    assert (now.source, before.source) == ("python", "elixir")
    assert (now.metadata, before.metadata) == ({"why": "better"}, {"why": "start"})


def test_only_so_much_of_the_past_is_kept() -> None:
    store = VariableStore()
    for value in range(MAX_VERSIONS + 10):
        _set(store, "x", value)

    assert len(store.history("s", "x")) == MAX_VERSIONS + 1


def test_the_past_has_a_quota_of_its_own() -> None:
    store = VariableStore(max_bytes=40, max_history_bytes=30)
    for value in ("a" * 10, "b" * 10, "c" * 10, "d" * 10):
        _set(store, "x", value)

    assert [version for version, _ in _past(store, "x")] == [4, 3, 2]


def test_a_variable_is_what_it_was_before() -> None:
    clock = FakeClock()
    store = VariableStore(now=clock.now)
    _set(store, "x", 1, type="float", constraints={"max": 2}, metadata={"why": "start"})
    _set(store, "x", "text", type="string", metadata={"why": "other"}, source="elixir")
    clock.advance(1)

    record = store.roll_back("s", "x", 1)

    found = store.find("s", "x")
    assert record.version == found.version == 3
    assert (found.value, found.type, found.constraints) == (1.0, "float", {"max": 2})
    assert (found.metadata, found.source) == ({"why": "start"}, "python")
    assert found.updated_at == clock.now()
    with pytest.raises(InvalidArgumentError, match="at most 2"):
        _set(store, "x", 3)


def test_a_rollback_can_be_rolled_back() -> None:
    store = VariableStore()
    for value in "ab":
        _set(store, "x", value)

    store.roll_back("s", "x", 1)
    store.roll_back("s", "x", 2)

    assert _past(store, "x") == [(4, "b"), (3, "a"), (2, "b"), (1, "a")]


@pytest.mark.parametrize("version", [0, 3, -1])
def test_nobody_goes_back_to_a_version_that_never_was(version: int) -> None:
    store = VariableStore()
    for value in "ab":
        _set(store, "x", value)

    with pytest.raises(InvalidArgumentError, match=r"has no version .*; of it are kept 1 to 2\."):
        store.roll_back("s", "x", version)

    assert _past(store, "x") == [(2, "b"), (1, "a")]


def test_nobody_goes_back_to_a_version_that_is_forgotten() -> None:
    store = VariableStore(max_history_bytes=0)
    for value in "ab":
        _set(store, "x", value)

    with pytest.raises(InvalidArgumentError, match="no version 1; of it are kept 2 alone"):
        store.roll_back("s", "x", 1)


def test_going_back_needs_room() -> None:
    store = VariableStore(max_bytes=20)
    _set(store, "x", "a" * 15)
    _set(store, "x", "")
    _set(store, "y", "b" * 10)

    with pytest.raises(QuotaExceededError):
        store.roll_back("s", "x", 1)

    assert store.find("s", "x").version == 2


def test_what_is_deleted_has_no_past_when_it_comes_again() -> None:
    store = VariableStore()
    for value in "ab":
        _set(store, "x", value)
    store.delete("s", "x")
    _set(store, "x", "c")

    assert _past(store, "x") == [(1, "c")]


def test_a_change_between_looking_and_going_back_is_not_lost() -> None:
    """The clock is read in between."""
    late: list[str] = []

    def now() -> datetime:
        while late:
            _set(store, "x", late.pop())
        return datetime(2030, 1, 1, tzinfo=UTC)

    store: VariableStore = VariableStore(now=now)
    for value in "ab":
        _set(store, "x", value)
    late.append("between")

    record = store.roll_back("s", "x", 1)

    assert record.version == 4
    assert _past(store, "x") == [(4, "a"), (3, "between"), (2, "b"), (1, "a")]


# --- laws -------------------------------------------------------------------------------------


class Story(RuleBasedStateMachine):
    """Against lists of everything that ever was; a watch is told of all of it."""

    MAX_BYTES = 120
    MAX_HISTORY_BYTES = 60
    names = st.sampled_from(["a", "b", "c"])
    values = st.integers(-5, 5) | st.text("xy", max_size=12) | st.lists(st.booleans(), max_size=3)

    def __init__(self) -> None:
        super().__init__()
        self.store = VariableStore(
            max_bytes=self.MAX_BYTES, max_history_bytes=self.MAX_HISTORY_BYTES
        )
        self.past: dict[str, list[Any]] = {}
        self.seen: dict[str, Record] = {}
        self._stack = ExitStack()
        self._runner = self._stack.enter_context(asyncio.Runner())
        self._runner.run(self._open())

    async def _open(self) -> None:
        self.watch = self._stack.enter_context(self.store.watching("s"))

    def teardown(self) -> None:
        self._stack.close()

    @rule(name=names, value=values)
    def set(self, name: str, value: Any) -> None:
        sent = copy.deepcopy(value)
        try:
            version = _set(self.store, name, sent)
        except QuotaExceededError:
            assert self._size({**self._now(), name: value}) > self.MAX_BYTES
            return
        self.past.setdefault(name, []).append(value)
        assert version == len(self.past[name])
        if isinstance(sent, list):
            sent.append("changed by its owner")

    @rule(changes=st.dictionaries(names, values, min_size=1))
    def set_all(self, changes: dict[str, Any]) -> None:
        updates = [VariableUpdate(name=name, value=value) for name, value in changes.items()]
        records, errors = self.store.set_all("s", updates)
        fits = self._size({**self._now(), **changes}) <= self.MAX_BYTES
        assert bool(errors) is not fits
        assert records.keys() == (changes.keys() if fits else set())
        for name in records:
            self.past.setdefault(name, []).append(changes[name])

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.past)))
        version = data.draw(st.integers(0, len(self.past[name]) + 1))
        kept = [each.version for each in self.store.history("s", name)]
        try:
            record = self.store.roll_back("s", name, version)
        except InvalidArgumentError:
            assert version not in kept
            return
        except QuotaExceededError:
            after = {**self._now(), name: self.past[name][version - 1]}
            assert self._size(after) > self.MAX_BYTES
            return
        assert version in kept
        assert record.version == len(self.past[name]) + 1
        self.past[name].append(self.past[name][version - 1])

    @rule(name=names)
    def delete(self, name: str) -> None:
        assert self.store.delete("s", name) is (name in self.past)
        self.past.pop(name, None)

    @invariant()
    def everything_is_what_was_set_last(self) -> None:
        assert {each.name: each.value for each, _ in self.store.look_at_all("s")} == self._now()

    @invariant()
    def the_history_is_the_end_of_what_happened(self) -> None:
        total = 0
        for name, values in self.past.items():
            history = self.store.history("s", name)
            versions = [each.version for each in history]
            assert versions == list(range(len(values), len(values) - len(history), -1))
            assert [each.value for each in history] == values[::-1][: len(history)]
            total += sum(each.size_bytes for each in history[1:])
        assert total <= self.MAX_HISTORY_BYTES

    @invariant()
    def who_watches_knows_the_same(self) -> None:
        self._runner.run(self._read())
        now = {each.name: each for each, _ in self.store.look_at_all("s")}
        assert self.seen == now

    async def _read(self) -> None:
        self.store.set("other", VariableUpdate(name="a", value=0))
        while self.watch._pending:  # noqa: SLF001  (whether a watch has more to tell is not public)
            change = await anext(self.watch)
            record, before = change.record, self.seen.get(change.record.name)
            assert record.version == (1 if before is None else before.version + 1) or (
                change.kind is ChangeKind.DELETED
            )
            self.seen[record.name] = record
            if change.kind is ChangeKind.DELETED:
                del self.seen[record.name]

    def _now(self) -> dict[str, Any]:
        return {name: values[-1] for name, values in self.past.items()}

    def _size(self, values: dict[str, Any]) -> int:
        return sum(size_of(name) + size_of(value) for name, value in values.items())


TestStory = Story.TestCase
