from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from snakepit_bridge.adapters.heartbeat import HeartbeatConfig
from snakepit_bridge.errors import HostUnavailableError, SessionError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.correlation import reset_correlation_id, set_correlation_id
from snakepit_bridge.worker.elixir_link import ElixirLink, elixir_link
from tests.unit.adapters.stepped_time import SteppedTime
from tests.unit.worker.elixir_double import ElixirDouble, Registrations

QUIET = HeartbeatConfig(enabled=False)


class Link:
    """An open link, with all it needs."""

    def __init__(self) -> None:
        self.elixir = ElixirDouble()
        self.register = Registrations()
        self.time = SteppedTime()
        self.losses = 0
        self.lost = asyncio.Event()
        self.it: ElixirLink

    def lose(self) -> None:
        self.losses += 1
        self.lost.set()

    async def begin(self, session_id: str) -> pb.InitializeSessionResponse:
        return await self.it.begin(pb.InitializeSessionRequest(session_id=session_id))

    async def beat(self, session_id: str) -> pb.HeartbeatResponse:
        return await self.it.beat(pb.HeartbeatRequest(session_id=session_id))

    async def end(self, session_id: str) -> pb.CleanupSessionResponse:
        return await self.it.end(pb.CleanupSessionRequest(session_id=session_id))


@asynccontextmanager
async def opened(heartbeat: HeartbeatConfig = QUIET, **options: Any) -> AsyncIterator[Link]:
    link = Link()
    async with elixir_link(
        link.elixir,
        heartbeat=heartbeat,
        register=link.register,
        on_lost=link.lose,
        clock=link.time.clock,
        pause=link.time.pause,
        **options,
    ) as link.it:
        yield link


@pytest.mark.defect("D7")
async def test_a_session_begins_at_once_however_slow_elixir_is() -> None:
    """The answer waited for Elixir's, and everything else with it."""
    async with opened() as link:
        gate = link.elixir.hold("InitializeSession")
        async with asyncio.timeout(5):
            assert (await link.begin("own")).success
            link.it.seen("other")
            assert (await link.beat("own")).session_valid
        gate.set()
        await link.register.made(2)

        assert link.it.own_session_id == "own"
        assert sorted(link.register.attempts) == ["other", "own"]


async def test_a_session_without_an_id_does_not_begin() -> None:
    async with opened() as link:
        answer = await link.begin("")

        assert not answer.success
        assert answer.error_message
        assert link.it.own_session_id == ""


async def test_heartbeats_are_answered_here_with_the_time() -> None:
    async with opened() as link:
        await link.begin("own")
        link.it.seen("seen")
        await link.register.made(2)
        link.elixir.calls.clear()
        link.elixir.is_there = False

        own, seen, unknown = [await link.beat(each) for each in ("own", "seen", "unknown")]

        assert [own.session_valid, seen.session_valid, unknown.session_valid] == [True, True, False]
        assert own.server_time.ToDatetime().year == 2030
        assert link.elixir.calls == []


async def test_the_first_session_that_elixir_asks_about_is_the_workers_own() -> None:
    """Elixir would end a worker that did not know the session it was told about in vain."""
    async with opened() as link:
        assert (await link.beat("own")).session_valid
        await link.register.made(1)

        assert link.it.own_session_id == "own"


async def test_a_session_of_somebody_else_ends_in_elixir() -> None:
    async with opened() as link:
        await link.begin("own")
        await link.begin("other")
        await link.register.made(2)

        assert (await link.end("other")).success

        assert set(link.elixir.kept) == {"own"}
        assert not (await link.beat("other")).session_valid
        assert link.elixir.limits[-1] == (5.0, None)


@pytest.mark.defect("D54")
async def test_the_workers_own_session_ends_here_alone() -> None:
    """Elixir ended the worker together with its session."""
    ended: list[str] = []
    async with opened(on_session_end=ended.append) as link:
        await link.begin("own")
        await link.register.made(1)

        assert (await link.end("own")).success

        assert set(link.elixir.kept) == {"own"}
        assert ended == ["own"]
        assert (await link.beat("own")).session_valid


@pytest.mark.defect("D18")
async def test_an_ended_session_is_registered_again_with_its_next_command() -> None:
    async with opened() as link:
        await link.begin("own")
        await link.register.made(1)
        await link.end("own")

        link.it.seen("own")
        await link.register.made(2)


@pytest.mark.defect("D52")
async def test_the_end_of_a_session_is_told_even_if_elixir_does_not_hear_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody heard of it, so what the session held was never let go."""
    told: list[str] = []

    async def tell(session_id: str) -> None:
        told.append(session_id)
        raise LookupError("no such object")

    async with opened(on_session_end=tell) as link:
        link.elixir.is_there = False

        with pytest.raises(HostUnavailableError):
            await link.end("other")

    assert told == ["other"]
    assert "no such object" in caplog.text


async def test_a_session_is_described_by_elixir() -> None:
    request = pb.GetSessionRequest(session_id="s")
    async with opened() as link:
        assert (await link.it.describe(request)).session_id == "s"
        assert link.elixir.limits == [(5.0, None)]

        link.elixir.failures["GetSession"].append(SessionError("Session not found: s"))
        with pytest.raises(SessionError):
            await link.it.describe(request)


@pytest.mark.defect("D28", "D43")
async def test_opening_and_closing_waits_for_nobody() -> None:
    """The worker waited for Elixir up to two minutes, deaf to SIGTERM."""
    async with asyncio.timeout(5):
        async with opened(HeartbeatConfig()) as link:
            link.elixir.hold("Ping")
            link.elixir.hold("InitializeSession")
            await link.begin("own")
            await link.elixir.arrived("Ping")
        async with opened(HeartbeatConfig()):
            pass
    gc.collect()  # a coroutine that was never awaited would say so now


async def test_what_happens_inside_of_the_block_reaches_the_outside_as_it_is() -> None:
    async def fail() -> None:
        async with opened(HeartbeatConfig()):
            raise LookupError("as it is")

    with pytest.raises(LookupError, match="as it is"):
        await fail()


async def test_without_heartbeats_elixir_is_not_watched() -> None:
    async with opened() as link:
        await link.begin("own")
        await link.register.made(1)

    assert link.elixir.counts == {"InitializeSession": 1}


@pytest.mark.defect("D37")
async def test_what_is_sent_in_the_background_belongs_to_no_call() -> None:
    """Heartbeats carried the correlation id of the first call for ever."""
    token = set_correlation_id("sp-1")
    try:
        async with opened(HeartbeatConfig()) as link:
            await link.begin("own")
            await link.register.made(1)
            await link.time.step()
            await link.elixir.arrived("Heartbeat")
    finally:
        reset_correlation_id(token)

    assert link.elixir.contexts == {None}


async def test_a_lost_elixir_is_told() -> None:
    config = HeartbeatConfig(max_missed_heartbeats=1)
    async with asyncio.timeout(5), opened(config, first_contact_s=0) as link:
        link.elixir.is_there = False
        await link.lost.wait()

    assert link.losses == 1


@pytest.mark.parametrize(("dependent", "losses"), [(True, 1), (False, 0)])
async def test_a_link_that_fails_by_itself_is_as_good_as_lost(
    caplog: pytest.LogCaptureFixture, *, dependent: bool, losses: int
) -> None:
    """A worker whose watch is gone would outlive Elixir."""

    async def broken(_: float) -> None:
        raise LookupError("no time")

    link = Link()
    failed = asyncio.Event()

    class Seen(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            failed.set()

    log = logging.getLogger("snakepit_bridge.worker.elixir_link")
    seen = Seen()
    log.addHandler(seen)
    try:
        async with (
            asyncio.timeout(5),
            elixir_link(
                link.elixir,
                heartbeat=HeartbeatConfig(dependent=dependent),
                register=link.register,
                on_lost=link.lose,
                pause=broken,
            ),
        ):
            await failed.wait()
    finally:
        log.removeHandler(seen)

    assert link.losses == losses
    assert "the link to Elixir failed" in caplog.text
