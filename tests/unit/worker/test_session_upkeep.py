from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from snakepit_bridge.errors import HostToolError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.worker.session_upkeep import CALL_S, SessionUpkeep
from tests.unit.adapters.stepped_time import SteppedTime
from tests.unit.worker.elixir_double import ElixirDouble, Registrations

FULL = HostToolError("session_quota_exceeded")


class Upkeep:
    """An upkeep that runs, with all it needs."""

    def __init__(self) -> None:
        self.elixir = ElixirDouble()
        self.register = Registrations()
        self.time = SteppedTime()
        self.it = SessionUpkeep(self.elixir, self.register, pause=self.time.pause)

    def begin(self, session_id: str, **metadata: str) -> None:
        self.it.begin(pb.InitializeSessionRequest(session_id=session_id, metadata=metadata))

    @property
    def begun(self) -> list[str]:
        calls = self.elixir.calls
        return [message.session_id for rpc, message in calls if rpc == "InitializeSession"]


@asynccontextmanager
async def upkeep() -> AsyncIterator[Upkeep]:
    running = Upkeep()
    task = asyncio.create_task(running.it.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_the_first_session_that_elixir_begins_is_the_workers_own() -> None:
    async with upkeep() as it:
        assert it.it.begun_id == ""

        it.begin("own", elixir_node="a@b")
        await it.register.made(1)

        assert it.it.begun_id == "own"
        assert it.elixir.sessions.owns("own")
        assert dict(it.elixir.kept["own"].metadata) == {"elixir_node": "a@b"}
        assert it.elixir.limits == [(CALL_S, None)]
        assert it.register.attempts == ["own"]


async def test_a_session_of_somebody_else_is_not_the_workers_own() -> None:
    async with upkeep() as it:
        it.begin("own")
        it.begin("other", why="test")
        await it.register.made(2)

        assert it.elixir.sessions.own_id == "own"
        assert set(it.begun) == {"own", "other"}
        assert dict(it.elixir.kept["other"].metadata) == {"why": "test"}


async def test_the_first_session_a_command_comes_for_is_taken_for_the_own_one() -> None:
    async with upkeep() as it:
        it.it.seen("first")
        it.it.seen("second")
        await it.register.made(2)

        assert it.it.begun_id == "first"


async def test_the_session_that_elixir_begins_takes_the_place_of_the_one_seen() -> None:
    async with upkeep() as it:
        it.it.seen("first")
        await it.register.made(1)
        it.begin("own")
        await it.register.made(2)

        assert it.it.begun_id == "own"
        assert it.elixir.sessions.owns("own")
        assert not it.elixir.sessions.owns("first")


@pytest.mark.defect("D7")
async def test_only_the_first_command_of_a_session_leads_to_a_call() -> None:
    """Every command once began its session."""
    async with upkeep() as it:
        for _ in range(3):
            it.it.seen("a")
            it.it.seen("b")
        await it.register.made(2)
        it.it.seen("a")
        it.it.seen("")

        assert sorted(it.begun) == ["a", "b"]
        assert sorted(it.register.attempts) == ["a", "b"]


@pytest.mark.defect("D48")
async def test_the_own_session_is_begun_at_whatever_cost(caplog: pytest.LogCaptureFixture) -> None:
    """That Elixir was full was not noticed, nor that nothing was registered."""
    async with upkeep() as it:
        it.elixir.failures["InitializeSession"].extend([FULL] * 8)
        with caplog.at_level(logging.WARNING):
            it.begin("own")
            pauses = [await it.time.step() for _ in range(8)]
            await it.register.made(1)

        assert pauses == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
        assert it.it.begun_id == "own"
        assert caplog.text.count("session_quota_exceeded") == 1


@pytest.mark.defect("D48")
async def test_tools_that_were_not_registered_are_registered_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with upkeep() as it:
        it.register.outcomes.extend([False, LookupError("no tools"), True])
        with caplog.at_level(logging.DEBUG, logger="snakepit_bridge"):
            it.begin("own")
            await it.time.step()
            await it.time.step()
            await it.register.made(3)

        assert it.begun == ["own"]
        assert "LookupError: no tools" in caplog.text


@pytest.mark.defect("D54")
async def test_a_session_that_elixir_has_lost_is_begun_again_with_its_tools() -> None:
    async with upkeep() as it:
        it.begin("own", elixir_node="a@b")
        await it.register.made(1)
        it.elixir.kept.clear()

        it.it.renew()
        assert it.it.begun_id == ""
        await it.register.made(2)

        assert it.it.begun_id == "own"
        assert dict(it.elixir.kept["own"].metadata) == {"elixir_node": "a@b"}


async def test_a_session_that_is_lost_while_its_tools_wait_is_begun_first() -> None:
    async with upkeep() as it:
        it.register.outcomes.append(False)
        it.begin("own")
        await it.register.made(1)

        it.it.renew()
        await it.time.step()
        await it.register.made(2)

        assert it.begun == ["own", "own"]
        assert it.register.attempts == ["own", "own"]


async def test_a_session_that_changes_while_it_begins_is_not_taken_for_begun() -> None:
    async with upkeep() as it:
        gate = it.elixir.hold("InitializeSession")
        it.it.seen("first")
        await it.elixir.arrived("InitializeSession")
        it.begin("own")
        gate.set()
        await it.register.made(1)

        assert it.begun == ["first", "own"]
        assert it.register.attempts == ["own"]
        assert it.it.begun_id == "own"


async def test_the_session_of_somebody_else_is_given_up_until_its_next_command() -> None:
    async with upkeep() as it:
        it.begin("own")
        await it.register.made(1)
        it.elixir.failures["InitializeSession"].extend([FULL] * 4)
        it.it.seen("other")
        for _ in range(3):
            await it.time.step()
        await it.elixir.arrived("InitializeSession", 5)
        assert not it.it.knows("other")

        it.it.seen("other")
        await it.register.made(2)

        assert it.begun == ["own", *["other"] * 5]


@pytest.mark.defect("D18")
async def test_a_session_that_ended_is_begun_and_registered_when_it_comes_back() -> None:
    """It was remembered as registered for ever."""
    async with upkeep() as it:
        it.begin("own")
        it.it.seen("other")
        await it.register.made(2)
        it.it.forget("own")
        it.it.forget("other")
        assert not it.it.knows("other")

        it.it.seen("own")
        it.it.seen("other")
        await it.register.made(4)

        assert sorted(it.register.attempts) == ["other", "other", "own", "own"]


@pytest.mark.defect("D18")
async def test_of_too_many_sessions_the_oldest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("snakepit_bridge.worker.session_upkeep.KNOWN_SESSIONS", 2)
    async with upkeep() as it:
        for session_id in ("own", "a", "b"):
            it.it.seen(session_id)
        await it.register.made(3)

        assert it.it.knows("own")
        assert [it.it.knows(session_id) for session_id in ("a", "b", "c")] == [True, True, False]


async def test_too_many_new_sessions_at_once_wait_for_their_next_command(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("snakepit_bridge.worker.session_upkeep._WAITING_SESSIONS", 1)
    async with upkeep() as it:
        it.it.seen("own")
        it.it.seen("a")
        it.it.seen("b")

        assert it.it.knows("a")
        assert not it.it.knows("b")
        assert "so b waits" in caplog.text


async def test_one_slow_session_does_not_keep_the_others_waiting() -> None:
    """The second is begun while the first one is under way."""
    async with upkeep() as it:
        it.begin("own")
        await it.register.made(1)
        gate = it.elixir.hold("InitializeSession")
        it.it.seen("a")
        it.it.seen("b")
        await it.elixir.arrived("InitializeSession", 3)
        gate.set()
        await it.register.made(3)
