from __future__ import annotations

import asyncio
from datetime import UTC

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_watch import INLINE_BYTES, updates_of
from snakepit_bridge.session.variables import VariableStore, VariableUpdate
from snakepit_bridge.testing import FakeClock


async def _told(store: VariableStore, *, with_initial: bool = False) -> list[pb.VariableUpdate]:
    """What a watch tells of everything that can happen to a variable."""
    async with asyncio.timeout(5):
        with store.watching("s") as watch:
            store.set("s", VariableUpdate(name="x", value=b"1", source="elixir"))
            store.claim("s", "x", "mipro", {"trials": "5"})
            store.release("s", "x")
            store.delete("s", "x")
            store.end_watches()
            return [each async for each in updates_of(watch, with_initial=with_initial)]


async def test_an_update_tells_what_happened_to_which_variable() -> None:
    clock = FakeClock()
    store = VariableStore(now=clock.now)
    told = await _told(store)

    created, claimed, released, deleted = told
    assert [each.update_type for each in told] == [
        "created",
        "optimization_change",
        "optimization_change",
        "deleted",
    ]
    assert {each.variable_id for each in told} == {created.variable.id}
    assert created.variable.binary_value == b"1"
    assert created.update_source == "elixir"
    assert created.timestamp.ToDatetime(tzinfo=UTC) == clock.now()
    assert claimed.variable.optimization_status.optimizing
    assert dict(claimed.update_metadata) == {
        "trials": "5",
        "optimization_id": claimed.update_metadata["optimization_id"],
    }
    assert not released.variable.optimization_status.optimizing
    assert dict(released.update_metadata) == {}
    assert (deleted.variable.name, deleted.variable.binary_value) == ("x", b"")
    assert not deleted.variable.HasField("value")


async def test_initial_values_come_first_if_they_are_wanted() -> None:
    store = VariableStore()
    store.set("s", VariableUpdate(name="a", value=1))

    wanted = await _told(store, with_initial=True)
    unwanted = await _told(store)

    assert (wanted[0].update_type, wanted[0].update_source) == ("initial_value", "initial")
    assert wanted[0].variable.value.value == b"1"
    assert [each.update_type for each in wanted[1:]] == [each.update_type for each in unwanted]


async def test_what_a_variable_depends_on_is_named() -> None:
    store = VariableStore()
    for name in ("a", "b"):
        store.set("s", VariableUpdate(name=name, value=1))
    store.depend("s", "a", "b", "data")

    async with asyncio.timeout(5):
        with store.watching("s", ["a"]) as watch:
            store.set("s", VariableUpdate(name="b", value=2))
            store.end_watches()
            (update,) = [each async for each in updates_of(watch, with_initial=False)]

    assert (update.update_type, update.variable.name) == ("dependency_change", "a")
    assert dict(update.update_metadata) == {"depends_on": "b", "dependency_type": "data"}


async def test_a_large_value_is_told_like_a_small_one() -> None:
    store = VariableStore()
    async with asyncio.timeout(5):
        with store.watching("s") as watch:
            store.set("s", VariableUpdate(name="a", value="x" * INLINE_BYTES))
            store.end_watches()
            (update,) = [each async for each in updates_of(watch, with_initial=False)]

    assert len(update.variable.value.value) == INLINE_BYTES + 2
