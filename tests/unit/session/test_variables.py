from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from snakepit_bridge.errors import (
    ErrorCode,
    InvalidArgumentError,
    QuotaExceededError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.session.variable_data import size_of
from snakepit_bridge.session.variables import MAX_NAME, VariableStore, VariableUpdate
from snakepit_bridge.testing import FakeClock


def _set(store: VariableStore, name: str, value: Any, **more: Any) -> int:
    return store.set("s", VariableUpdate(name=name, value=value, **more))


def _value(store: VariableStore, name: str) -> Any:
    return store.find("s", name).value


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.0, "a", b"a", [1, None], (1, 2), {"a": {1: 2}}, {1}, 1j, 2**70]
)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    store = VariableStore()

    _set(store, "x", value)

    assert _value(store, "x") == value
    assert type(_value(store, "x")) is type(value)


def test_nobody_changes_a_value_but_through_set() -> None:
    store = VariableStore()
    sent = {"rows": [1]}
    _set(store, "x", sent)

    sent["rows"].append(2)
    _value(store, "x")["rows"].append(3)

    assert _value(store, "x") == {"rows": [1]}


@pytest.mark.parametrize("value", [object(), [threading.Lock()], "\ud800", {"f": len}])
def test_what_is_no_data_is_refused(value: Any) -> None:
    store = VariableStore()

    with pytest.raises(InvalidArgumentError, match="Variable 'x' cannot keep ") as caught:
        _set(store, "x", value)

    assert "its ref" in caught.value.hint
    assert store.listed("s") == []


def test_what_is_too_deep_is_refused() -> None:
    value: Any = []
    for _ in range(300):
        value = [value]

    with pytest.raises(InvalidArgumentError, match="deeper than 200 levels"):
        _set(VariableStore(), "x", value)


def test_all_that_is_known_of_a_variable() -> None:
    clock = FakeClock(datetime(2031, 1, 1, tzinfo=UTC))
    store = VariableStore(now=clock.now)

    _set(store, "x", 1, type="float", constraints={"max": 2})
    found = store.find("s", "x")

    assert (found.name, found.value, found.type, found.version) == ("x", 1.0, "float", 1)
    assert found.constraints == {"max": 2}
    assert found.updated_at == clock.now()


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a" * (MAX_NAME + 1), "\udc00"])
def test_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="Use 1 to 256 characters"):
        _set(VariableStore(), name, 1)


def test_an_unknown_variable_is_answered_with_the_nearest_name() -> None:
    store = VariableStore()
    _set(store, "temperature", 1)

    with pytest.raises(VariableError) as near:
        store.find("s", "temprature")
    with pytest.raises(VariableError) as far:
        store.find("other", "temprature")

    assert near.value.code is ErrorCode.VARIABLE_NOT_FOUND
    assert near.value.hint == "Did you mean 'temperature'?"
    assert "'temprature' in session 's'" in near.value.message
    assert "variable.list" in far.value.hint


def test_a_name_that_nobody_could_have_set_is_just_unknown() -> None:
    with pytest.raises(VariableError):
        VariableStore().find("s", "x" * 100_000)


def test_variables_are_listed_by_shell_pattern_and_name() -> None:
    store = VariableStore()
    for name in ("model_b", "model_a", "Model_c", "other"):
        _set(store, name, 1)

    assert [each.name for each in store.listed("s", "model_*")] == ["model_a", "model_b"]
    assert [each.name for each in store.listed("s", "model_[b-z]")] == ["model_b"]
    assert len(store.listed("s")) == len(store.listed("s", "")) == 4
    assert store.listed("other") == []


def test_a_pattern_longer_than_any_name_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="has 257 characters"):
        VariableStore().listed("s", "*" * 257)


def test_a_listed_variable_has_its_type_and_version() -> None:
    store = VariableStore()
    _set(store, "x", 1)
    _set(store, "x", "one")

    (listed,) = store.listed("s")

    assert (listed.name, listed.type, listed.version) == ("x", "string", 2)


# --- types ------------------------------------------------------------------------------------


def test_without_a_declaration_the_type_follows_the_value() -> None:
    store = VariableStore()

    for value, type_name in [(1, "integer"), (1.5, "float"), ("a", "string"), (None, "any")]:
        _set(store, "x", value)

        assert store.find("s", "x").type == type_name
        assert _value(store, "x") == value


def test_a_declared_type_holds_for_all_later_values() -> None:
    store = VariableStore()
    _set(store, "x", 1, type="float", constraints={"max": 2})

    _set(store, "x", 2)
    for wrong in ("hot", 3):
        with pytest.raises(InvalidArgumentError, match="Variable 'x' cannot be"):
            _set(store, "x", wrong)

    assert store.find("s", "x").version == 2
    assert repr(_value(store, "x")) == "2.0"


def test_the_same_type_declared_again_keeps_the_constraints() -> None:
    store = VariableStore()
    _set(store, "x", 1, type="float", constraints={"max": 2})

    with pytest.raises(InvalidArgumentError, match="at most 2"):
        _set(store, "x", 3, type="float")


def test_another_type_brings_its_own_constraints() -> None:
    store = VariableStore()
    _set(store, "x", 1, type="float", constraints={"max": 2})

    _set(store, "x", 3, type="integer")

    assert store.find("s", "x").constraints == {}
    assert store.find("s", "x").type == "integer"


def test_new_constraints_replace_the_old_ones() -> None:
    store = VariableStore()
    _set(store, "x", 1, type="float", constraints={"max": 2})

    _set(store, "x", 3, constraints={"min": 3})

    assert store.find("s", "x").constraints == {"min": 3}
    assert _set(store, "x", 1, constraints={}) == 3


def test_constraints_without_a_type_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="no type that could know them") as caught:
        _set(VariableStore(), "x", 1, constraints={"min": 0})

    assert caught.value.hint == "Send the 'type' along with them, e.g. 'float'."


def test_constraints_that_are_no_data_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="surrogates"):
        _set(VariableStore(), "x", "a", type="choice", constraints={"choices": ["a", "\ud800"]})


# --- versions ---------------------------------------------------------------------------------


def test_versions_count_from_one() -> None:
    store = VariableStore()

    assert [_set(store, "x", number) for number in range(3)] == [1, 2, 3]
    assert store.delete("s", "x")
    assert _set(store, "x", 0) == 1


def test_a_value_is_set_only_over_the_expected_version() -> None:
    store = VariableStore()

    assert _set(store, "x", "first", expected_version=0) == 1
    assert _set(store, "x", "second", expected_version=1) == 2
    with pytest.raises(VersionConflictError) as caught:
        _set(store, "x", "late", expected_version=1)

    assert caught.value.code is ErrorCode.VERSION_CONFLICT
    assert caught.value.message == "Variable 'x' is at version 2; at version 1 was expected."
    assert caught.value.details["expected_version"] == 1
    assert caught.value.details["version"] == 2
    assert _value(store, "x") == "second"


def test_a_variable_that_must_not_exist_yet_conflicts_with_one_that_does() -> None:
    store = VariableStore()
    _set(store, "x", 1)

    with pytest.raises(VersionConflictError, match="is at version 1; none yet was expected"):
        _set(store, "x", 2, expected_version=0)


def test_an_expected_variable_that_is_missing_is_a_conflict() -> None:
    with pytest.raises(VersionConflictError, match="does not exist; at version 3 was expected"):
        _set(VariableStore(), "x", 2, expected_version=3)


def test_a_version_that_never_was_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="No variable is ever at version -1"):
        _set(VariableStore(), "x", 2, expected_version=-1)


def test_a_change_that_comes_between_looking_and_storing_is_not_lost() -> None:
    """The clock is read in between, which shows that no lock is held then."""
    changes = [VariableUpdate(name="x", value="between", type="string")]

    def now() -> datetime:
        while changes:
            store.set("s", changes.pop())
        return datetime(2030, 1, 1, tzinfo=UTC)

    store: VariableStore = VariableStore(now=now)

    with pytest.raises(InvalidArgumentError, match="expects a text"):
        _set(store, "x", 1)
    assert _value(store, "x") == "between"


def test_of_threads_that_expect_the_same_version_one_wins() -> None:
    store, threads_count, rounds = VariableStore(), 6, 20
    _set(store, "x", 0)
    together = threading.Barrier(threads_count)
    conflicts = list[int]()

    def count_up() -> None:
        together.wait(5)
        for _ in range(rounds):
            while True:
                before = store.find("s", "x")
                try:
                    _set(store, "x", before.value + 1, expected_version=before.version)
                except VersionConflictError:
                    conflicts.append(before.version)
                else:
                    break

    threads = [threading.Thread(target=count_up) for _ in range(threads_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert _value(store, "x") == threads_count * rounds
    assert store.find("s", "x").version == threads_count * rounds + 1


# --- quotas -----------------------------------------------------------------------------------


def test_a_value_beyond_the_quota_changes_nothing() -> None:
    store = VariableStore(max_bytes=20)
    _set(store, "a", "12345")

    with pytest.raises(QuotaExceededError) as of_change:
        _set(store, "a", "x" * 20)
    with pytest.raises(QuotaExceededError) as of_new:
        _set(store, "b", "x" * 8)

    assert "--max-variable-bytes" in of_change.value.hint
    assert of_change.value.details["limit"] == 20
    assert of_change.value.details["size_bytes"] == 25
    assert "the others take 10" in of_new.value.message
    assert [(each.name, each.version) for each in store.listed("s")] == [("a", 1)]
    assert _value(store, "a") == "12345"


def test_the_room_of_a_replaced_value_is_used_again() -> None:
    store = VariableStore(max_bytes=10)

    for value in ("12345", "54321", "", "12345"):
        _set(store, "a", value)
    store.delete("s", "a")
    _set(store, "b", "12345")

    assert _value(store, "b") == "12345"


def test_constraints_take_room_too() -> None:
    store = VariableStore(max_bytes=60)

    with pytest.raises(QuotaExceededError):
        _set(store, "a", "x", type="choice", constraints={"choices": ["x"] * 20})


def test_each_session_has_a_quota_of_its_own() -> None:
    store = VariableStore(max_bytes=10)

    for session_id in ("a", "b"):
        store.set(session_id, VariableUpdate(name="x", value="12345"))

    assert store.find("a", "x").value == store.find("b", "x").value


def test_a_session_has_only_so_many_variables() -> None:
    store = VariableStore(max_variables=2)
    for name in ("a", "b"):
        _set(store, name, 1)

    with pytest.raises(QuotaExceededError, match="holds 2 variables"):
        _set(store, "c", 1)
    assert _set(store, "b", 2) == 2


# --- ends -------------------------------------------------------------------------------------


def test_a_deleted_variable_is_gone() -> None:
    store = VariableStore()
    _set(store, "x", 1)

    assert store.delete("s", "x") is True
    assert store.delete("s", "x") is False

    with pytest.raises(VariableError):
        store.find("s", "x")


def test_deleting_one_of_two_leaves_the_other() -> None:
    store = VariableStore()
    for name in ("a", "b"):
        _set(store, name, 1)

    assert store.delete("s", "a") is True
    assert store.delete("s", "a") is False
    assert [each.name for each in store.listed("s")] == ["b"]


def test_the_variables_of_one_session_are_forgotten() -> None:
    store = VariableStore()
    for session_id in ("a", "b"):
        store.set(session_id, VariableUpdate(name="x", value=1))

    store.forget_session("a")
    store.forget_session("never was")

    assert store.listed("a") == []
    assert len(store.listed("b")) == 1


class Shelf(RuleBasedStateMachine):
    """Against a plain dictionary: the same values, and never more bytes than may be."""

    LIMIT = 60
    names = st.sampled_from(["a", "b", "c"])

    def __init__(self) -> None:
        super().__init__()
        self.store = VariableStore(max_bytes=self.LIMIT)
        self.model: dict[str, Any] = {}

    @rule(name=names, value=st.integers() | st.text("ab", max_size=30))
    def set(self, name: str, value: Any) -> None:
        after = {**self.model, name: value}
        try:
            _set(self.store, name, value)
        except QuotaExceededError:
            assert self._size(after) > self.LIMIT
        else:
            self.model = after

    @rule(name=names)
    def delete(self, name: str) -> None:
        existed = name in self.model
        assert self.store.delete("s", name) is existed
        self.model.pop(name, None)

    @invariant()
    def both_hold_the_same(self) -> None:
        listed = [each.name for each in self.store.listed("s")]
        assert {name: _value(self.store, name) for name in listed} == self.model
        assert self._size(self.model) <= self.LIMIT

    def _size(self, model: dict[str, Any]) -> int:
        return sum(size_of(name) + size_of(value) for name, value in model.items())


TestShelf = Shelf.TestCase


@given(value=st.integers() | st.floats(allow_nan=False) | st.booleans())
def test_a_value_without_a_declared_type_is_never_coerced(value: Any) -> None:
    store = VariableStore()

    _set(store, "x", value)

    assert repr(_value(store, "x")) == repr(value)
