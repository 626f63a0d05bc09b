from __future__ import annotations

import asyncio
from typing import Any

import pytest

from snakepit_bridge.engine import inline_engine
from snakepit_bridge.errors import ForeignRefError, HostUnavailableError, SessionError
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.handlers.session_handler import SessionHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.host import VariableInfo
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing import EmbeddedHost, FakeClock


class Door:
    def __init__(self, name: str, closed: list[str]) -> None:
        self._name = name
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self._name)


class Bridge:
    """The ``session.*`` commands, and the sessions they are about."""

    def __init__(self, host: EmbeddedHost | None = None) -> None:
        self.host = host or EmbeddedHost()
        self.clock = FakeClock()
        self.sessions = SessionManager(
            self.host, clock=self.clock, on_end=[self.host.forget_session]
        )
        self.registry = HandlerRegistry()
        self.registry.register(SessionHandler(self.sessions))
        self.handler = CommandHandler(self.registry, self.sessions)

    def __call__(self, command: str, session_id: str = "s", **args: Any) -> Any:
        return self.handler.execute(session_id, command, args)


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


def test_the_info_tells_what_the_session_holds(bridge: Bridge) -> None:
    session = bridge.sessions.get_or_create("s")
    session.instances.register(object())
    session.set_variable("a", 1)
    session.set_variable("b", 2)
    bridge.clock.advance(60)

    assert bridge("session.info") == {
        "id": "s",
        "created_at": "2030-01-01T00:00:00+00:00",
        "idle_s": 60.0,
        "instances": 1,
        "variables": 2,
    }


def test_the_info_is_there_while_the_host_is_not() -> None:
    class Gone(EmbeddedHost):
        async def alist_variables(
            self, *, session_id: str, pattern: str | None = None
        ) -> list[VariableInfo]:
            raise HostUnavailableError("The host is gone.")

    info = Bridge(Gone())("session.info")

    assert info["variables"] is None
    assert info["instances"] == 0


def test_the_instances_are_listed_the_oldest_first(bridge: Bridge) -> None:
    session, closed = bridge.sessions.get_or_create("s"), list[str]()
    refs = [session.instances.register(Door(name, closed)) for name in ("a", "b")]

    listed = bridge("session.instances")

    assert [each["ref"] for each in listed] == refs
    assert listed[0] == {
        "ref": refs[0],
        "type": f"{__name__}.Door",
        "created_at": "2030-01-01T00:00:00+00:00",
    }


def test_a_released_instance_is_closed(bridge: Bridge) -> None:
    closed: list[str] = []
    ref = bridge.sessions.get_or_create("s").instances.register(Door("front", closed))

    assert bridge("session.release", ref=ref) is True
    assert bridge("session.release", ref=ref) is False

    assert closed == ["front"]


def test_an_instance_of_another_session_is_not_released(bridge: Bridge) -> None:
    ref = bridge.sessions.get_or_create("theirs").instances.register(object())

    with pytest.raises(ForeignRefError):
        bridge("session.release", ref=ref)


def test_a_session_ends_by_its_own_command(bridge: Bridge) -> None:
    closed: list[str] = []
    session = bridge.sessions.get_or_create("s")
    for name in ("first", "second"):
        session.instances.register(Door(name, closed))
    session.set_variable("x", 1)

    assert bridge("session.close") == 2

    assert closed == ["second", "first"]
    assert bridge.host.list_variables(session_id="s") == []
    with pytest.raises(SessionError):
        bridge.sessions.find("s")
    assert bridge("session.info")["instances"] == 0
    assert bridge.sessions.find("s") is not session


async def test_a_session_ends_while_another_command_runs_in_it(bridge: Bridge) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        @handles("slow.keep")
        async def keep(self, session: Session) -> str:
            inside.set()
            await go_on.wait()
            return session.instances.register(object())

    bridge.registry.register(Slow())
    async with asyncio.timeout(5), inline_engine(max_threads=1) as engine:
        handler = bridge.handler.on_engine(engine)
        slow = asyncio.create_task(handler.run(Command(name="slow.keep", args={}, session_id="s")))
        await inside.wait()
        closed = await handler.run(Command(name="session.close", args={}, session_id="s"))
        go_on.set()
        with pytest.raises(SessionError, match="No session 's'"):
            await slow

    assert closed.value == 0
    assert len(bridge.sessions) == 0
    assert bridge.sessions.instances.count() == 0


def test_a_session_that_ends_with_its_command_has_answers_too(bridge: Bridge) -> None:
    ref = bridge.sessions.get_or_create("s").instances.register(object())

    info = bridge("session.info", "")

    assert info["id"]
    assert (info["instances"], info["variables"]) == (0, 0)
    assert bridge("session.instances", "") == []
    assert bridge("session.close", "") == 0
    with pytest.raises(ForeignRefError, match="Send the session_id"):
        bridge("session.release", "", ref=ref)
    assert len(bridge.sessions) == 1
