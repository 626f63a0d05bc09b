from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from snakepit_bridge.adapters.heartbeat import HeartbeatConfig
from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.worker.host_watch import HostWatch
from snakepit_bridge.worker.session_upkeep import SessionUpkeep
from tests.unit.adapters.stepped_time import SteppedTime
from tests.unit.worker.elixir_double import ElixirDouble, Registrations

OWN = pb.InitializeSessionRequest(session_id="own")


class Watch:
    """A watch that runs, with all it needs."""

    def __init__(self, **options: Any) -> None:
        self.elixir = ElixirDouble()
        self.register = Registrations()
        self.time = SteppedTime()
        self.losses = 0
        self.beats: asyncio.Task[None]
        self.upkeep = SessionUpkeep(self.elixir, self.register, pause=self.time.pause)
        self.it = HostWatch(
            self.elixir,
            HeartbeatConfig(**options),
            self.upkeep,
            on_lost=self._lose,
            clock=self.time.clock,
            pause=self.time.pause,
        )

    async def begin(self) -> None:
        self.upkeep.begin(OWN)
        await self.register.made(1)

    def _lose(self) -> None:
        self.losses += 1


@asynccontextmanager
async def watch(**options: Any) -> AsyncIterator[Watch]:
    running = Watch(**options)
    upkeep = asyncio.create_task(running.upkeep.run())
    running.beats = asyncio.create_task(running.it.run())
    try:
        yield running
    finally:
        upkeep.cancel()
        running.beats.cancel()
        await asyncio.wait({upkeep, running.beats})


@pytest.mark.defect("D29")
async def test_elixir_is_watched_before_there_is_any_session() -> None:
    """A worker that never saw a session did not notice that Elixir had gone."""
    async with watch() as it:
        await it.time.step()
        it.elixir.is_there = False
        for _ in range(2):
            await it.time.step()
            assert it.losses == 0
        async with asyncio.timeout(5):
            await it.beats

    assert it.losses == 1
    assert it.elixir.counts == {"Ping": 4}


@pytest.mark.defect("D33")
async def test_one_heartbeat_is_sent_however_many_sessions_there_are() -> None:
    """There was one for each."""
    async with watch() as it:
        await it.begin()
        for number in range(50):
            it.upkeep.seen(f"session {number}")
        await it.register.made(51)
        before = it.elixir.counts["Heartbeat"]
        await it.time.step()
        await it.time.step()

        beats = [message for rpc, message in it.elixir.calls if rpc == "Heartbeat"]
        assert len(beats) - before == 1
        assert beats[-1].session_id == "own"
        assert beats[-1].client_time.ToDatetime().year == 2030


async def test_a_beat_has_little_time_to_connect_and_its_own_time_to_be_answered() -> None:
    async with watch(timeout_ms=7000) as it:
        await it.time.step()
    async with watch(interval_ms=100) as hasty:
        await hasty.time.step()

    assert it.elixir.limits == [(7.0, 1.0)]
    assert hasty.elixir.limits == [(10.0, 0.05)]


@pytest.mark.defect("D34")
async def test_a_loss_is_told_once_and_ends_the_watch() -> None:
    async with watch() as it:
        await it.time.step()
        it.elixir.is_there = False
        async with asyncio.timeout(5):
            for _ in range(2):
                await it.time.step()
            await it.beats

    assert it.losses == 1


async def test_the_loss_of_an_elixir_on_which_nothing_depends_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with watch(dependent=False) as it:
        await it.time.step()
        it.elixir.is_there = False
        with caplog.at_level(logging.WARNING):
            for _ in range(6):
                await it.time.step()
            it.elixir.is_there = True
            for _ in range(3):
                await it.time.step()

    assert it.losses == 0
    assert [record.message for record in caplog.records] == [
        "Elixir at elixir:1 missed 3 beats: Elixir is gone.",
        "Elixir at elixir:1 was reached again",
    ]


async def test_elixir_may_be_away_for_less_than_the_misses_that_count() -> None:
    async with watch() as it:
        for is_there in [True, False, False] * 3:
            it.elixir.is_there = is_there
            await it.time.step()

    assert it.losses == 0


async def test_elixir_has_a_minute_to_come_up() -> None:
    async with watch() as it:
        it.elixir.is_there = False
        for _ in range(30):
            assert it.losses == 0
            await it.time.step()
        async with asyncio.timeout(5):
            await it.beats

    assert it.time.clock.monotonic() == 60.0
    assert it.losses == 1


@pytest.mark.defect("D54")
async def test_a_session_that_elixir_does_not_know_any_more_is_begun_again() -> None:
    """The answer was ignored; the next heartbeat of Elixir then ended the worker."""
    async with watch() as it:
        await it.begin()
        it.elixir.kept.clear()

        await it.time.step()
        await it.register.made(2)
        await it.time.step()
        await it.time.step()

        assert "own" in it.elixir.kept
        assert it.losses == 0
        assert it.elixir.calls[-1][0] == "Heartbeat"


async def test_an_answer_about_a_session_that_is_begun_anew_changes_nothing() -> None:
    async with watch() as it:
        await it.begin()
        gate = it.elixir.hold("Heartbeat")
        await it.time.step()
        await it.elixir.arrived("Heartbeat")
        it.elixir.kept.clear()
        it.upkeep.renew()
        gate.set()
        await it.register.made(2)
        await it.time.step()

        assert it.elixir.counts["InitializeSession"] == 2


async def test_a_host_that_serves_no_heartbeats_is_asked_by_ping() -> None:
    async with watch() as it:
        await it.begin()
        unserved = WrongCallError("no", {"status": "UNIMPLEMENTED"})
        it.elixir.failures["Heartbeat"].append(unserved)
        for _ in range(6):
            await it.time.step()

        assert it.elixir.counts["Heartbeat"] == 1
        assert it.losses == 0
