from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from snakepit_bridge.errors import QuotaExceededError
from snakepit_bridge.session.variable_records import Record
from snakepit_bridge.session.variable_watch import ChangeKind, VariableChange, VariableWatch

AT = datetime(2030, 1, 1, tzinfo=UTC)


def _change(
    name: str,
    version: int = 1,
    *,
    kind: ChangeKind = ChangeKind.VALUE_CHANGE,
    size_bytes: int = 1,
) -> VariableChange:
    record = Record(
        id=f"var_{name}_1",
        name=name,
        value=version,
        type="integer",
        declaration=None,
        version=version,
        updated_at=AT,
        size_bytes=size_bytes,
    )
    return VariableChange(kind=kind, record=record, at=AT)


async def _told(watch: VariableWatch) -> list[tuple[str, int]]:
    """Everything that is told until the watch ends."""
    async with asyncio.timeout(5):
        return [(each.record.name, each.record.version) async for each in watch]


async def test_changes_are_told_in_order() -> None:
    watch = VariableWatch()
    changes = [_change("b"), _change("a"), _change("b", 2)]
    for change in changes:
        watch.tell(change)
    watch.end()

    assert await _told(watch) == [("b", 1), ("a", 1), ("b", 2)]


async def test_a_watch_tells_of_what_it_was_asked_for_by_name_or_id() -> None:
    watch = VariableWatch(["a", "var_b_1"], initial=[_change("b"), _change("c")])
    for name in ("a", "b", "c"):
        watch.tell(_change(name))
    watch.end()

    assert [each.record.name for each in watch.initial] == ["b"]
    assert await _told(watch) == [("a", 1), ("b", 1)]


async def test_a_reader_that_waits_is_woken_from_any_thread() -> None:
    watch = VariableWatch()
    waiting = asyncio.Event()

    async def read() -> int:
        waiting.set()
        return (await anext(watch)).record.version

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await waiting.wait()
        await asyncio.to_thread(watch.tell, _change("a", 7))

    assert reader.result() == 7


async def test_a_reader_that_waits_learns_of_the_end() -> None:
    watch = VariableWatch()
    waiting = asyncio.Event()

    async def read() -> list[tuple[str, int]]:
        waiting.set()
        return await _told(watch)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await waiting.wait()
        await asyncio.to_thread(watch.end)

    assert reader.result() == []


async def test_after_the_end_nothing_is_told_but_what_waits() -> None:
    watch = VariableWatch()
    watch.tell(_change("a"))
    watch.end()
    watch.tell(_change("b"))

    assert await _told(watch) == [("a", 1)]


@pytest.mark.parametrize(("count", "size_bytes"), [(3, 1000), (1000, 3)])
async def test_who_reads_too_slowly_gets_the_latest_of_each_variable(
    count: int, size_bytes: int
) -> None:
    watch = VariableWatch(max_pending=count, max_pending_bytes=size_bytes)
    for change in (_change("a", 1), _change("a", 2), _change("a", 3), _change("b", 9)):
        watch.tell(change)
    watch.tell(_change("a", 4))
    watch.end()

    assert await _told(watch) == [("b", 9), ("a", 4)]


async def test_who_has_caught_up_gets_every_change_again() -> None:
    watch = VariableWatch(max_pending=2)
    for version in (1, 2, 3, 4):
        watch.tell(_change("a", version))
    assert (await anext(watch)).record.version == 4

    watch.tell(_change("a", 5))
    watch.tell(_change("a", 6))
    watch.end()

    assert await _told(watch) == [("a", 5), ("a", 6)]


async def test_what_is_replaced_while_a_reader_is_behind_takes_no_room() -> None:
    watch = VariableWatch(max_pending_bytes=10)
    for version in range(1, 10):
        watch.tell(_change("a", version, size_bytes=6))
    await anext(watch)

    watch.tell(_change("b", 1, size_bytes=5))
    watch.tell(_change("b", 2, size_bytes=5))
    watch.end()

    assert await _told(watch) == [("b", 1), ("b", 2)]


async def test_the_latest_changes_stay_in_their_order() -> None:
    watch = VariableWatch(max_pending=2)
    for change in (_change("a", 1), _change("b", 1), _change("a", 2)):
        watch.tell(change)
    watch.end()

    assert await _told(watch) == [("b", 1), ("a", 2)]


async def test_that_a_variable_is_claimed_does_not_hide_that_it_changed() -> None:
    watch = VariableWatch(max_pending=2)
    watch.tell(_change("a", 1))
    watch.tell(_change("a", 2))
    watch.tell(_change("a", 2, kind=ChangeKind.OPTIMIZATION_CHANGE))
    watch.end()

    async with asyncio.timeout(5):
        kinds = [each.kind async for each in watch]
    assert kinds == [ChangeKind.VALUE_CHANGE, ChangeKind.OPTIMIZATION_CHANGE]


async def test_one_large_value_is_told_whatever_its_size() -> None:
    watch = VariableWatch(max_pending_bytes=3)
    watch.tell(_change("a", size_bytes=100))
    watch.end()

    assert await _told(watch) == [("a", 1)]


async def test_too_many_changed_variables_end_the_watch_with_an_error() -> None:
    watch = VariableWatch(max_pending=2)
    for name in ("a", "b", "c"):
        watch.tell(_change(name))

    with pytest.raises(QuotaExceededError, match="More than 2 variables") as caught:
        await anext(watch)
    watch.tell(_change("a", 2))
    with pytest.raises(QuotaExceededError):
        await anext(watch)

    assert caught.value.retryable


async def test_room_is_free_again_once_changes_are_read() -> None:
    watch = VariableWatch(max_pending_bytes=10)
    for version in range(1, 50):
        watch.tell(_change("a", version, size_bytes=6))
        assert (await anext(watch)).record.version == version


def test_telling_a_watch_whose_loop_is_closed_is_no_mistake() -> None:
    async def opened() -> VariableWatch:
        return VariableWatch()

    watch = asyncio.run(opened())

    watch.tell(_change("a"))
    watch.end()


async def test_changes_from_many_threads_are_all_told() -> None:
    watch = VariableWatch()
    together = threading.Barrier(4)

    def change(name: str) -> Callable[[], None]:
        def run() -> None:
            together.wait(5)
            for version in range(1, 51):
                watch.tell(_change(name, version))

        return run

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(asyncio.to_thread(change(name)))
        told: dict[str, list[int]] = {name: [] for name in "abcd"}
        for _ in range(200):
            seen = await anext(watch)
            told[seen.record.name].append(seen.record.version)

    assert told == {name: list(range(1, 51)) for name in "abcd"}
