from __future__ import annotations

import asyncio
import threading

import pytest

from snakepit_bridge.errors import CommandNotFoundError, QuotaExceededError, WrongCallError
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.testing import FakeClock
from snakepit_bridge.testing.in_process import in_process_bridge


async def test_commands_of_two_sessions_are_inside_their_handler_together() -> None:
    """The barrier opens only once both commands wait at it."""
    both_inside = asyncio.Barrier(2)

    class Meeting:
        @handles("meeting.join")
        async def join(self, session: Session) -> str:
            await both_inside.wait()
            return session.id

    async with (
        asyncio.timeout(5),
        in_process_bridge(Meeting()) as bridge,
        asyncio.TaskGroup() as group,
    ):
        left = group.create_task(bridge.execute("left", "meeting.join"))
        right = group.create_task(bridge.execute("right", "meeting.join"))

    assert (left.result(), right.result()) == ("left", "right")


async def test_values_are_encoded_as_for_a_wire() -> None:
    class Pair:
        @handles("pair.make")
        def make(self, session: Session, *, left: int, right: int) -> tuple[int, int]:
            return left, right

    async with in_process_bridge(Pair()) as bridge:
        assert await bridge.execute("s", "pair.make", {"left": 1, "right": 2}) == [1, 2]


async def test_a_bridge_without_handlers_has_what_every_bridge_has() -> None:
    async with in_process_bridge() as bridge:
        await bridge.wait_ready(timeout_s=5)
        names = [command["name"] for command in await bridge.commands()]
        async with bridge.session() as session:
            info = await session.call("session.info")

        assert {"system.echo", "session.close"} <= set(names)
        assert info["id"] == session.id
        assert len(bridge.handler.sessions) == 0
        with pytest.raises(CommandNotFoundError):
            await bridge.execute("s", "no.such")


async def test_what_lives_in_sessions_is_closed_with_the_bridge() -> None:
    closed: list[str] = []

    class Vase:
        def close(self) -> None:
            closed.append(threading.current_thread().name)

    class Shelf:
        @handles("shelf.put")
        def put(self, session: Session) -> str:
            return session.instances.register(Vase())

    async with in_process_bridge(Shelf()) as bridge:
        await bridge.execute("s", "shelf.put")
        assert closed == []

    assert len(closed) == 1
    assert closed != [threading.current_thread().name]


async def test_time_passes_as_the_clock_says() -> None:
    clock = FakeClock()

    async with in_process_bridge(clock=clock, limits=SessionLimits(idle_s=60)) as bridge:
        await bridge.execute("s", "system.ping")
        clock.advance(60)
        expired = bridge.handler.sessions.expire()
        told = await bridge.call("system.ping")

    assert expired == ["s"]
    assert told["time"] == "2030-01-01T00:01:00+00:00"


async def test_limits_hold() -> None:
    async with in_process_bridge(limits=SessionLimits(sessions=1)) as bridge:
        await bridge.execute("one", "system.ping")
        with pytest.raises(QuotaExceededError):
            await bridge.execute("two", "system.ping")


async def test_variables_of_a_session_end_with_it() -> None:
    class Notes:
        @handles("notes.write")
        def write(self, session: Session, *, text: str) -> int:
            return session.set_variable("note", text)

    host = EmbeddedHost()
    async with in_process_bridge(Notes(), host=host) as bridge:
        await bridge.execute("s", "notes.write", {"text": "hello"})
        assert host.get_variable(session_id="s", name="note") == "hello"
        await bridge.execute("s", "session.close")

        assert host.list_variables(session_id="s") == []


async def test_the_number_of_threads_can_be_chosen() -> None:
    class Thread:
        @handles("thread.name")
        def name(self, session: Session) -> str:
            return threading.current_thread().name

    async with in_process_bridge(Thread(), max_threads=1) as bridge:
        names = {await bridge.execute("s", "thread.name") for _ in range(3)}

    assert len(names) == 1


async def test_a_handler_may_not_take_the_place_of_a_built_in_one() -> None:
    class Impostor:
        @handles("system.ping")
        def ping(self, session: Session) -> str:
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"system\.ping"):
        await in_process_bridge(Impostor()).__aenter__()


async def test_nothing_is_kept_without_a_session() -> None:
    class Shelf:
        @handles("shelf.put")
        def put(self, session: Session) -> str:
            return session.instances.register(object())

    async with in_process_bridge(Shelf()) as bridge:
        with pytest.raises(WrongCallError):
            await bridge.call("shelf.put")
