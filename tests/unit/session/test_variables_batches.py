"""Several variables at once, and what is told of one beside its value."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from snakepit_bridge.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.session.variable_changes import MAX_METADATA, MAX_METADATA_BYTES
from snakepit_bridge.session.variables import VariableStore, VariableUpdate


def _set(store: VariableStore, name: str, value: Any, **more: Any) -> int:
    return store.set("s", VariableUpdate(name=name, value=value, **more))


def _values(store: VariableStore) -> dict[str, Any]:
    return {record.name: record.value for record, _ in store.look_at_all("s")}


# --- ids --------------------------------------------------------------------------------------


def test_a_variable_is_found_by_its_id_as_well() -> None:
    store = VariableStore()
    _set(store, "x", 1)
    variable_id = store.find("s", "x").id

    assert variable_id.startswith("var_x_")
    assert int(variable_id.removeprefix("var_x_")) > 0
    assert store.find("s", variable_id).name == "x"
    assert _set(store, variable_id, 2) == 2
    assert store.delete("s", variable_id) is True
    assert _values(store) == {}


def test_a_variable_that_is_created_again_is_another_one() -> None:
    store = VariableStore()
    ids = []
    for _ in range(3):
        _set(store, "x", 1)
        ids.append(store.find("s", "x").id)
        store.delete("s", "x")

    assert len(set(ids)) == 3
    with pytest.raises(VariableError):
        store.find("s", ids[0])


def test_a_name_comes_before_an_id_of_the_same_text() -> None:
    store = VariableStore()
    _set(store, "x", "by id")
    variable_id = store.find("s", "x").id
    store.delete("s", "x")
    _set(store, variable_id, "by name")

    assert store.find("s", variable_id).value == "by name"


def test_a_session_knows_how_many_variables_it_has() -> None:
    store = VariableStore()
    for name in ("a", "b", "a"):
        _set(store, name, 1)

    assert (store.count("s"), store.count("other")) == (2, 0)


# --- what stands beside the value -------------------------------------------------------------


def test_notes_are_laid_over_those_there_are() -> None:
    store = VariableStore()
    _set(store, "x", 1, metadata={"why": "start", "who": "me"}, source="elixir")
    first = store.find("s", "x")
    _set(store, "x", 2, metadata={"why": "better"})

    assert (first.metadata, first.source) == ({"why": "start", "who": "me"}, "elixir")
    assert store.find("s", "x").metadata == {"why": "better", "who": "me"}
    assert store.find("s", "x").source == "python"


@pytest.mark.parametrize(
    "metadata", [{f"k{number}": "" for number in range(MAX_METADATA + 1)}, {"k": "ö" * 2048}]
)
def test_notes_are_short(metadata: dict[str, str]) -> None:
    store = VariableStore()

    with pytest.raises(InvalidArgumentError, match="is too much") as caught:
        _set(store, "x", 1, metadata=metadata)

    assert str(MAX_METADATA_BYTES) in caught.value.hint


def test_notes_do_not_add_up_to_long_ones() -> None:
    store = VariableStore()
    _set(store, "x", 1, metadata={"a": "x" * 4000})

    with pytest.raises(InvalidArgumentError, match="is too much"):
        _set(store, "x", 2, metadata={"b": "x" * 4000})

    assert store.find("s", "x").version == 1


def test_notes_take_room() -> None:
    store = VariableStore(max_bytes=100)

    with pytest.raises(QuotaExceededError):
        _set(store, "x", 1, metadata={"why": "x" * 100})


def test_an_update_may_demand_that_there_is_a_variable() -> None:
    store = VariableStore()
    _set(store, "temperature", 1)

    with pytest.raises(VariableError) as caught:
        _set(store, "temprature", 1, must_exist=True)

    assert caught.value.hint == "Did you mean 'temperature'?"
    assert _set(store, "temperature", 2, must_exist=True) == 2


def test_searching_takes_time() -> None:
    store = VariableStore()
    _set(store, "plain", "a", type="string")
    _set(store, "searched", "a", type="string", constraints={"pattern": "a"})

    def takes_time(name: str, **more: Any) -> bool:
        return store.takes_time("s", VariableUpdate(name=name, value="a", **more))

    assert takes_time("searched")
    assert takes_time("new", type="string", constraints={"pattern": "a"})
    assert not takes_time("new")
    assert not takes_time("plain")
    assert not takes_time("searched", constraints={"min_length": 1})


def test_a_session_with_little_in_it_is_quick() -> None:
    store = VariableStore()
    assert store.is_quick("s", 0)

    _set(store, "x", "a" * 100)
    assert store.is_quick("s", 200)
    _set(store, "x", "a" * 100)
    assert not store.is_quick("s", 200)
    store.delete("s", "x")
    assert store.is_quick("s", 200)


def test_a_session_with_a_pattern_in_it_is_not_quick() -> None:
    store = VariableStore()
    _set(store, "x", "a", type="string", constraints={"pattern": "a"})
    assert not store.is_quick("s", 10_000)

    _set(store, "x", "a", constraints={})
    assert store.is_quick("s", 10_000)


# --- several at once --------------------------------------------------------------------------


def _updates(**values: Any) -> list[VariableUpdate]:
    return [VariableUpdate(name=name, value=value) for name, value in values.items()]


def test_several_variables_are_set_at_once() -> None:
    store = VariableStore()
    _set(store, "a", 1)

    records, errors = store.set_all("s", _updates(a=2, b=3))

    assert {name: record.version for name, record in records.items()} == {"a": 2, "b": 1}
    assert errors == {}
    assert _values(store) == {"a": 2, "b": 3}


def test_if_some_cannot_be_set_none_is() -> None:
    store = VariableStore()
    _set(store, "a", 1, type="integer", constraints={"max": 9})
    _set(store, "b", 1, type="integer")

    records, errors = store.set_all("s", _updates(a=10, b="text", c=1))

    assert records == {}
    assert errors.keys() == {"a", "b"}
    assert "at most 9" in str(errors["a"])
    assert _values(store) == {"a": 1, "b": 1}


def test_what_is_wrong_by_itself_is_found_before_anything_is_looked_at() -> None:
    store = VariableStore()

    records, errors = store.set_all("s", _updates(a=object(), b=1))

    assert records == {}
    assert isinstance(errors["a"], InvalidArgumentError)


def test_together_they_keep_the_quota() -> None:
    store = VariableStore(max_bytes=20)
    _set(store, "a", "12345")

    _, errors = store.set_all("s", _updates(a="x", b="12345", c="123456789"))
    assert errors.keys() == {"c"}

    records, _ = store.set_all("s", _updates(a="x", b="12345"))
    assert records.keys() == {"a", "b"}


def test_together_they_keep_the_number_of_variables() -> None:
    store = VariableStore(max_variables=2)
    _set(store, "a", 1)

    _, errors = store.set_all("s", _updates(a=2, b=1, c=1))

    assert errors.keys() == {"c"}
    assert _values(store) == {"a": 1}


def test_no_variable_is_set_twice_at_once() -> None:
    store = VariableStore()
    _set(store, "a", 1)
    variable_id = store.find("s", "a").id
    updates = [
        VariableUpdate(name="a", value=2),
        VariableUpdate(name=variable_id, value=3),
    ]

    _, errors = store.set_all("s", updates)

    assert errors.keys() == {variable_id}
    assert "twice at once" in str(errors[variable_id])
    assert _values(store) == {"a": 1}


def test_nobody_names_a_variable_twice_in_a_batch() -> None:
    with pytest.raises(ValueError, match="several updates have one name"):
        VariableStore().set_all("s", [*_updates(a=1), *_updates(a=2)])


def test_an_expected_version_holds_in_a_batch_too() -> None:
    store = VariableStore()
    _set(store, "a", 1)

    _, errors = store.set_all(
        "s", [VariableUpdate(name="a", value=2, expected_version=7), *_updates(b=1)]
    )

    assert isinstance(errors["a"], VersionConflictError)
    assert _values(store) == {"a": 1}


def test_who_looks_at_several_variables_sees_no_half_batch() -> None:
    store, rounds = VariableStore(), 200
    store.set_all("s", _updates(a=0, b=0))
    done = threading.Event()

    def write() -> None:
        for number in range(rounds):
            store.set_all("s", _updates(a=number, b=number))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        (a, _), (b, _) = store.look_at("s", ["a", "b"]).values()
        assert a.value == b.value
        everything = store.look_at_all("s")
        assert len({record.value for record, _ in everything}) == 1
    writer.join(5)

    assert store.look_at("s", ["a", "c"]).keys() == {"a"}
    assert store.look_at("other", ["a"]) == {}
