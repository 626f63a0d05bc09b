from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from snakepit_bridge.adapters.base import tool
from snakepit_bridge.adapters.session_context import SessionContext
from snakepit_bridge.errors import HandlerFailedError
from tests.unit.adapters.at_work import Journal, anew, at_work
from tests.unit.engine.probe import busy


class Counted:
    """An adapter that notes what becomes of its objects."""

    adapter_lifetime: ClassVar[str] = "session"
    journal: ClassVar[Journal]

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.contexts: list[Any] = []
        self.journal.note("init")

    def set_session_context(self, context: SessionContext) -> None:
        self.contexts.append(context)

    def initialize(self) -> Any:
        self.journal.note("initialize")

    def cleanup(self) -> Any:
        self.journal.note("cleanup")

    @tool()
    def plain(self) -> int:
        return next(self.numbers)

    @tool()
    async def on_loop(self) -> int:
        return next(self.numbers)

    @tool()
    def generator(self) -> Iterator[int]:
        yield next(self.numbers)

    @tool()
    def contexts_seen(self) -> int:
        return len({id(each) for each in self.contexts})


def counted(lifetime: str) -> Any:
    return anew(Counted, adapter_lifetime=lifetime)


@pytest.mark.defect("D26")
@pytest.mark.parametrize(
    ("lifetime", "answers"),
    [("request", [1, 1, 1, 1]), ("session", [1, 2, 3, 1]), ("process", [1, 2, 3, 4])],
)
async def test_an_object_lives_as_long_as_its_class_says(lifetime: str, answers: list[int]) -> None:
    cls = counted(lifetime)

    async with at_work(cls) as bridge:
        got = [
            await bridge.value("plain", "s"),
            await bridge.value("on_loop", "s"),
            *(await bridge.items("generator", "s")),
            await bridge.value("plain", "t"),
        ]

    assert got == answers
    objects = answers.count(1)
    assert sorted(cls.journal.notes) == sorted(["init", "initialize", "cleanup"] * objects)


async def test_every_call_of_a_shared_object_sets_its_own_context_once() -> None:
    async with at_work(counted("session")) as bridge:
        await bridge.value("plain")
        await bridge.value("on_loop")

        assert await bridge.value("contexts_seen") == 3


@pytest.mark.parametrize(
    "names", [["plain"] * 3, ["on_loop"] * 3, ["plain", "on_loop", "plain", "on_loop"]]
)
@pytest.mark.parametrize("lifetime", ["session", "process"])
async def test_first_calls_that_come_together_make_one_object(
    names: list[str], lifetime: str
) -> None:
    made: list[object] = []
    all_called = threading.Event()

    class Slow(counted(lifetime)):  # type: ignore[misc]
        def __init__(self) -> None:
            made.append(self)
            super().__init__()

        async def initialize(self) -> None:
            # The other calls wait by now, or come when the object is there: either is right.
            await asyncio.to_thread(all_called.wait, 5)

    async with at_work(Slow) as bridge, asyncio.TaskGroup() as group:
        calls = [group.create_task(bridge.value(name)) for name in names]
        await asyncio.sleep(0)
        all_called.set()

    assert sorted(each.result() for each in calls) == list(range(1, len(names) + 1))
    assert len(made) == 1


@pytest.mark.parametrize("name", ["plain", "on_loop"])
async def test_an_object_that_could_not_be_made_is_tried_again_by_the_next_call(name: str) -> None:
    class Unlucky(counted("process")):  # type: ignore[misc]
        attempts = 0

        def initialize(self) -> Any:
            Unlucky.attempts += 1
            if Unlucky.attempts == 1:
                raise StopIteration

    async with at_work(Unlucky) as bridge:
        with pytest.raises(HandlerFailedError) as caught:
            await bridge.value(name)
        assert await bridge.value(name) == 1
        assert await bridge.value(name) == 2

    assert caught.value.foreign_type in {"StopIteration", "RuntimeError"}
    assert Unlucky.journal.notes == ["init", "cleanup", "init", "cleanup"]


@pytest.mark.parametrize("kind", [LookupError, StopIteration, SystemExit])
@pytest.mark.parametrize("name", ["plain", "on_loop"])
async def test_calls_that_wait_for_an_object_do_not_share_the_failure_of_its_making(
    name: str, kind: type[BaseException]
) -> None:
    """One that no future can hold once left them waiting for ever."""
    first_inside, may_fail = threading.Event(), threading.Event()

    class Unlucky(counted("session")):  # type: ignore[misc]
        attempts = 0

        async def initialize(self) -> None:
            Unlucky.attempts += 1
            if Unlucky.attempts == 1:
                first_inside.set()
                await asyncio.to_thread(may_fail.wait, 5)
                raise kind

    async with at_work(Unlucky) as bridge:
        first = asyncio.create_task(bridge.value(name))
        assert await asyncio.to_thread(first_inside.wait, 5)
        others = [asyncio.create_task(bridge.value(name)) for _ in range(2)]
        await asyncio.sleep(0)
        may_fail.set()
        with pytest.raises(HandlerFailedError):
            await first
        got = await asyncio.gather(*others)

    assert sorted(got) == [1, 2]


async def test_a_call_that_waits_for_an_object_survives_the_end_of_the_one_that_made_it() -> None:
    first_inside = threading.Event()

    class Slow(counted("session")):  # type: ignore[misc]
        attempts = 0

        async def initialize(self) -> None:
            Slow.attempts += 1
            if Slow.attempts == 1:
                first_inside.set()
                await asyncio.Event().wait()

    async with at_work(Slow) as bridge:
        first = asyncio.create_task(bridge.value("on_loop"))
        assert await asyncio.to_thread(first_inside.wait, 5)
        second = asyncio.create_task(bridge.value("on_loop"))
        await busy(bridge.engine, in_flight=2)
        first.cancel()

        assert await second == 1

    assert Slow.journal.notes == ["init", "cleanup", "init", "cleanup"]
