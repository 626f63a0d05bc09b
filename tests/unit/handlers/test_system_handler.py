from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from snakepit_bridge.engine import inline_engine
from snakepit_bridge.errors import CommandNotFoundError, InvalidArgumentError
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.handlers.system_handler import BridgeStatus, SystemHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing import EmbeddedHost, FakeClock


class Bridge:
    """The ``system.*`` commands, and what they look at."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sessions = SessionManager(EmbeddedHost(), clock=self.clock)
        self.status = BridgeStatus(
            version="1.2.3", worker_id="w7", clock=self.clock, max_message_bytes=1_048_576
        )
        self.registry = HandlerRegistry()
        self.registry.register(SystemHandler(self.registry, self.sessions, self.status))
        self.handler = CommandHandler(self.registry, self.sessions)

    def __call__(self, command: str, /, **args: Any) -> Any:
        return self.handler.execute("s", command, args)


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


def test_a_ping_is_answered_with_pong_and_the_time(bridge: Bridge) -> None:
    assert bridge("system.ping") == {"message": "pong", "time": "2030-01-01T00:00:00+00:00"}


@pytest.mark.parametrize("value", [None, 1, "a", (1, 2), {"a": [b"b"]}, 2**70])
def test_an_echo_is_the_value_itself(bridge: Bridge, value: Any) -> None:
    answer = bridge("system.echo", value=value)

    assert answer == value
    assert type(answer) is type(value)


def test_an_echo_needs_a_value(bridge: Bridge) -> None:
    with pytest.raises(InvalidArgumentError, match="'value' is missing"):
        bridge("system.echo")


def test_the_info_tells_what_the_bridge_is(bridge: Bridge) -> None:
    bridge.sessions.get_or_create("other").instances.register(object())
    bridge.clock.advance(12.5)

    assert bridge("system.info") == {
        "version": "1.2.3",
        "python": platform.python_version(),
        "pid": os.getpid(),
        "worker_id": "w7",
        "uptime_s": 12.5,
        "engine": "none",
        "in_flight": 0,
        "queued": 0,
        "abandoned": 0,
        "sessions": 2,
        "instances": 1,
        "variables_live_in": "memory",
        "host_state": "embedded",
        "max_message_bytes": 1_048_576,
    }


async def test_the_info_tells_how_busy_the_engine_is(bridge: Bridge) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        @handles("slow.run")
        async def run(self, session: Session) -> None:
            inside.set()
            await go_on.wait()

    bridge.registry.register(Slow())
    async with asyncio.timeout(5), inline_engine(max_threads=1) as engine:
        bridge.status.engine = engine
        handler = bridge.handler.on_engine(engine)
        slow = asyncio.create_task(handler.run(Command(name="slow.run", args={})))
        await inside.wait()
        info = (await handler.run(Command(name="system.info", args={}))).value
        go_on.set()
        await slow

    assert info["engine"] == "inline"
    assert info["in_flight"] == 2
    assert (info["queued"], info["abandoned"]) == (0, 0)


def test_every_command_is_described(bridge: Bridge) -> None:
    described = bridge("system.describe")

    assert [each["name"] for each in described] == [
        "system.describe",
        "system.echo",
        "system.info",
        "system.ping",
    ]
    assert all(each["description"] for each in described)
    assert not any(each["streams"] for each in described)


def test_one_command_is_described_with_its_schema(bridge: Bridge) -> None:
    (described,) = bridge("system.describe", command="system.echo")

    assert described["name"] == "system.echo"
    assert described["schema"]["required"] == ["value"]


def test_a_streaming_command_says_so(bridge: Bridge) -> None:
    class Counter:
        @handles("count.up")
        def up(self, session: Session, *, to: int) -> Iterator[int]:
            """Count."""
            yield from range(to)

        @handles("count.down")
        async def down(self, session: Session, *, to: int) -> AsyncIterator[int]:
            yield to

    bridge.registry.register(Counter())

    streams = {each["name"]: each["streams"] for each in bridge("system.describe")}

    assert (streams["count.up"], streams["count.down"]) == (True, True)


def test_a_command_that_its_handler_recognises_is_described_by_the_name_asked_for(
    bridge: Bridge,
) -> None:
    class Anything:
        def can_handle(self, command: str) -> bool:
            return command.startswith("any.")

        def execute(self, session: Session, args: Any) -> Any:
            raise NotImplementedError

    bridge.registry.register(Anything())

    (described,) = bridge("system.describe", command="any.thing")

    assert described["name"] == "any.thing"


def test_an_unknown_command_is_answered_with_the_nearest(bridge: Bridge) -> None:
    with pytest.raises(CommandNotFoundError) as caught:
        bridge("system.describe", command="system.pnig")

    assert caught.value.hint == "Did you mean 'system.ping'?"


def test_a_status_has_a_clock_by_default() -> None:
    assert BridgeStatus(version="1").uptime_s >= 0
