"""Who follows the variables of a session, and who works on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from snakepit_bridge.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    VariableError,
    WrongCallError,
)
from snakepit_bridge.session.variable_watch import ChangeKind, VariableWatch
from snakepit_bridge.session.variables import VariableStore, VariableUpdate
from snakepit_bridge.testing import FakeClock


def _set(store: VariableStore, name: str, value: Any, **more: Any) -> int:
    return store.set("s", VariableUpdate(name=name, value=value, **more))


async def _next(watch: VariableWatch) -> tuple[ChangeKind, str, Any, Mapping[str, str]]:
    async with asyncio.timeout(5):
        change = await anext(watch)
    return change.kind, change.record.name, change.record.value, change.metadata


async def _rest(watch: VariableWatch) -> list[tuple[ChangeKind, str]]:
    """What is told until the watch ends."""
    async with asyncio.timeout(5):
        return [(each.kind, each.record.name) async for each in watch]


# --- watches ----------------------------------------------------------------------------------


async def test_a_watch_begins_with_what_is_and_misses_nothing() -> None:
    clock = FakeClock()
    store = VariableStore(now=clock.now)
    _set(store, "a", 1)

    with store.watching("s") as watch:
        _set(store, "a", 2)
        (initial,) = watch.initial

        assert (initial.kind, initial.record.value) == (ChangeKind.INITIAL_VALUE, 1)
        assert initial.at == clock.now()
        assert await _next(watch) == (ChangeKind.VALUE_CHANGE, "a", 2, {})


async def test_every_kind_of_change_has_a_word() -> None:
    store = VariableStore()
    with store.watching("s") as watch:
        _set(store, "a", 1, type="integer")
        _set(store, "a", 2)
        _set(store, "a", 2, constraints={"max": 3})
        _set(store, "a", 2, constraints={"max": 3})
        store.roll_back("s", "a", 1)
        store.claim("s", "a", "mipro")
        store.claim("s", "a", "mipro")
        store.release("s", "a")
        store.release("s", "a", force=True)
        store.delete("s", "a")
        store.forget_session("s")

        assert [kind.value for kind, _ in await _rest(watch)] == [
            "created",
            "value_change",
            "constraint_change",
            "value_change",
            "rollback",
            "optimization_change",
            "optimization_change",
            "deleted",
        ]


async def test_a_watch_hears_of_its_own_session_and_variables_alone() -> None:
    store = VariableStore()
    with store.watching("s", ["a", "not yet"]) as watch:
        for name in ("a", "b", "not yet"):
            _set(store, name, 1)
        store.set("other", VariableUpdate(name="a", value=1))
        store.end_watches()

        assert [name for _, name in await _rest(watch)] == ["a", "not yet"]


async def test_what_is_refused_is_not_told() -> None:
    store = VariableStore(max_bytes=30)
    with store.watching("s") as watch:
        with pytest.raises(QuotaExceededError):
            _set(store, "a", "x" * 40)
        store.set_all(
            "s", [VariableUpdate(name="b", value=1), VariableUpdate(name="c", value="x" * 40)]
        )
        store.delete("s", "a")
        store.end_watches()

        assert await _rest(watch) == []


async def test_watches_end_with_their_session() -> None:
    store = VariableStore()
    with store.watching("s") as watch, store.watching("other") as other:
        _set(store, "a", 1)
        store.forget_session("s")
        _set(store, "a", 1)
        store.set("other", VariableUpdate(name="b", value=1))

        assert await _rest(watch) == [(ChangeKind.CREATED, "a")]
        assert (await _next(other))[1] == "b"


async def test_a_watch_that_is_left_hears_no_more() -> None:
    store = VariableStore()
    with store.watching("s") as first, store.watching("s") as second:
        pass
    _set(store, "a", 1)
    with store.watching("s"):
        pass
    for watch in (first, second):
        watch.end()

        assert await _rest(watch) == []


# --- dependencies -----------------------------------------------------------------------------


async def test_who_follows_a_variable_hears_of_its_changes() -> None:
    store = VariableStore()
    for name in ("prompt", "model", "style"):
        _set(store, name, name)
    store.depend("s", "prompt", store.find("s", "model").id, "data")

    with store.watching("s", ["prompt"]) as watch:
        _set(store, "model", "larger")
        _set(store, "style", "dry")
        store.claim("s", "model", "mipro")
        store.delete("s", "model")
        _set(store, "model", "again")
        store.end_watches()

        about = {"depends_on": "model", "dependency_type": "data"}
        for _ in range(2):
            assert await _next(watch) == (ChangeKind.DEPENDENCY_CHANGE, "prompt", "prompt", about)
        assert await _rest(watch) == []


def test_only_variables_that_exist_depend_on_each_other() -> None:
    store = VariableStore()
    _set(store, "a", 1)

    for pair in (("a", "b"), ("b", "a")):
        with pytest.raises(VariableError, match="No variable 'b'"):
            store.depend("s", *pair)
    with pytest.raises(InvalidArgumentError, match="would depend on itself"):
        store.depend("s", "a", "a")
    with pytest.raises(InvalidArgumentError, match="too much"):
        store.depend("s", "a", "a", "x" * 5000)


async def test_a_deleted_variable_is_told_before_those_that_follow_it() -> None:
    store = VariableStore()
    for name in ("a", "b"):
        _set(store, name, 1)
    store.depend("s", "a", "b")

    with store.watching("s") as watch:
        store.delete("s", "b")
        store.end_watches()

        assert await _rest(watch) == [
            (ChangeKind.DELETED, "b"),
            (ChangeKind.DEPENDENCY_CHANGE, "a"),
        ]


# --- claims -----------------------------------------------------------------------------------


def test_a_variable_tells_who_works_on_it() -> None:
    clock = FakeClock()
    store = VariableStore(now=clock.now)
    _set(store, "a", 1)
    assert store.find("s", "a").claim is None

    claim = store.claim("s", "a", "mipro", {"trials": "5"})

    assert store.find("s", "a").claim == claim
    assert (claim.optimizer_id, claim.config) == ("mipro", {"trials": "5"})
    assert claim.started_at == clock.now()
    assert claim.id.startswith("opt_")
    assert store.claim("s", "a", "mipro") == claim
    with pytest.raises(WrongCallError):
        store.claim("s", "a", "gepa")


def test_a_claim_keeps_nobody_from_setting_a_variable() -> None:
    store = VariableStore()
    _set(store, "a", 1)
    claim = store.claim("s", "a", "mipro")

    _set(store, "a", 2)

    assert store.find("s", "a").claim == claim
    assert store.find("s", "a").version == 2


def test_releasing_tells_what_the_variable_is() -> None:
    store = VariableStore()
    _set(store, "a", 1)
    store.claim("s", "a", "mipro")

    assert store.release("s", store.find("s", "a").id).value == 1
    assert store.find("s", "a").claim is None
    with pytest.raises(WrongCallError):
        store.release("s", "a")
    assert store.release("s", "a", force=True).value == 1


def test_a_claim_ends_with_its_variable() -> None:
    store = VariableStore()
    _set(store, "a", 1)
    store.claim("s", "a", "mipro")
    store.delete("s", "a")
    _set(store, "a", 1)

    assert store.find("s", "a").claim is None
    with pytest.raises(VariableError):
        store.claim("s", "b", "mipro")
    with pytest.raises(VariableError):
        store.release("s", "b")
