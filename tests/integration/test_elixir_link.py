from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from snakepit_bridge.adapters.heartbeat import HeartbeatConfig
from snakepit_bridge.errors import SessionError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER
from snakepit_bridge.worker.elixir_link import ElixirLink, elixir_link
from tests.integration.host_double import HostDouble, host_double

FAST = HeartbeatConfig(interval_ms=100, timeout_ms=1000, max_missed_heartbeats=3)
OWN = pb.InitializeSessionRequest(session_id="own", metadata={"elixir_node": "a@b"})


@pytest.fixture
def host() -> Iterator[HostDouble]:
    with host_double(knows_sessions=True) as host:
        yield host


class Link:
    """An open link towards a host, and what it has told."""

    def __init__(self, client: BridgeClient) -> None:
        self.client = client
        self.it: ElixirLink
        self.lost = asyncio.Event()
        self.losses = 0
        self.registered = asyncio.Semaphore(0)
        self._pauses = asyncio.Semaphore(0)

    def lose(self) -> None:
        self.losses += 1
        self.lost.set()

    async def register(self, session_id: str) -> bool:
        tool = pb.ToolRegistration(name="t")
        request = pb.RegisterToolsRequest(session_id=session_id, tools=[tool])
        answer = await self.client.arequest("RegisterTools", request)
        self.registered.release()
        return bool(answer.success)

    async def pause(self, seconds: float) -> None:
        self._pauses.release()
        await asyncio.sleep(seconds)

    async def beats(self, count: int) -> None:
        """Wait until so many beats more have gone, well or ill."""
        for _ in range(count):
            await self._pauses.acquire()


@asynccontextmanager
async def opened(
    host: HostDouble, heartbeat: HeartbeatConfig = FAST, **options: Any
) -> AsyncIterator[Link]:
    async with asyncio.timeout(10), BridgeClient(host.address) as client:
        link = Link(client)
        async with elixir_link(
            client,
            heartbeat=heartbeat,
            register=link.register,
            on_lost=link.lose,
            pause=link.pause,
            **options,
        ) as link.it:
            yield link


@pytest.mark.defect("D29", "D34")
async def test_the_loss_of_elixir_is_noticed_without_any_session(host: HostDouble) -> None:
    """A worker that never saw a session outlived Elixir for ever."""
    async with opened(host) as link:
        await link.beats(1)
        await asyncio.to_thread(host.stop)
        await link.lost.wait()

    assert link.losses == 1


async def test_the_loss_of_elixir_is_noticed_with_a_session(host: HostDouble) -> None:
    async with opened(host) as link:
        await link.it.begin(OWN)
        await link.registered.acquire()
        await asyncio.to_thread(host.stop)
        await link.lost.wait()

        assert (await link.it.beat(pb.HeartbeatRequest(session_id="own"))).session_valid


async def test_an_elixir_that_hangs_is_lost_as_well(host: HostDouble) -> None:
    released = threading.Event()

    def hang() -> None:
        released.wait(10)

    config = HeartbeatConfig(interval_ms=50, timeout_ms=500, max_missed_heartbeats=2)
    try:
        async with opened(host, config, first_contact_s=0) as link:
            await link.beats(1)
            host.before["Ping"] = hang
            await link.lost.wait()
    finally:
        released.set()


async def test_a_listener_that_comes_back_in_time_is_found(host: HostDouble) -> None:
    """The client tries anew every half second at least, and a beat waits for that."""
    config = HeartbeatConfig(interval_ms=500, max_missed_heartbeats=5)
    async with opened(host, config) as link:
        await link.it.begin(OWN)
        await link.registered.acquire()
        await link.beats(1)

        await asyncio.to_thread(host.stop)
        await link.beats(2)
        await asyncio.to_thread(host.start)
        before = host.counts["Heartbeat"]
        await link.beats(2)

        assert host.counts["Heartbeat"] > before
        assert link.losses == 0
        assert link.client.state == "connected"


@pytest.mark.defect("D54")
async def test_an_elixir_that_comes_back_without_the_session_gets_it_back(
    host: HostDouble,
) -> None:
    async with opened(host, HeartbeatConfig(interval_ms=100, max_missed_heartbeats=50)) as link:
        await link.it.begin(OWN)
        await link.registered.acquire()

        await asyncio.to_thread(host.stop)
        host.sessions.clear()
        host.registered.clear()
        await asyncio.to_thread(host.start)
        await link.registered.acquire()

        assert host.sessions == {"own": {"elixir_node": "a@b"}}
        assert set(host.registered) == {"own"}


async def test_elixir_may_come_up_later_than_the_worker(host: HostDouble) -> None:
    await asyncio.to_thread(host.stop)

    async with opened(host) as link:
        await link.it.begin(OWN)
        await link.beats(5)
        await asyncio.to_thread(host.start)
        await link.registered.acquire()

        assert link.losses == 0
        assert set(host.sessions) == {"own"}


async def test_an_elixir_that_never_comes_up_is_lost_after_a_while(host: HostDouble) -> None:
    await asyncio.to_thread(host.stop)

    async with opened(host, first_contact_s=0.5) as link:
        await link.lost.wait()

    assert link.losses == 1


@pytest.mark.defect("D7")
async def test_everything_is_answered_while_elixir_hangs(host: HostDouble) -> None:
    """An Elixir that took its time over a session kept heartbeats waiting."""
    released = threading.Event()
    entered = threading.Event()

    def hang() -> None:
        entered.set()
        released.wait(10)

    host.before["InitializeSession"] = hang
    try:
        async with opened(host) as link:
            assert (await link.it.begin(OWN)).success
            assert await asyncio.to_thread(entered.wait, 5)
            link.it.seen("other")
            assert (await link.it.beat(pb.HeartbeatRequest(session_id="own"))).session_valid
            assert host.sessions == {}

            released.set()
            await link.registered.acquire()
            await link.registered.acquire()

            assert set(host.sessions) == {"own", "other"}
    finally:
        released.set()


@pytest.mark.defect("D48")
async def test_an_elixir_that_is_full_is_asked_until_it_is_not(host: HostDouble) -> None:
    host.failures["InitializeSession"].extend([grpc.StatusCode.INTERNAL] * 3)

    async with opened(host) as link:
        await link.it.begin(OWN)
        await link.registered.acquire()

    assert set(host.registered) == {"own"}
    assert host.counts["InitializeSession"] == 4


@pytest.mark.defect("D33")
async def test_there_is_one_heartbeat_for_all_sessions_and_it_belongs_to_no_call(
    host: HostDouble,
) -> None:
    async with opened(host) as link:
        await link.it.begin(OWN)
        for number in range(20):
            link.it.seen(f"s{number}")
        for _ in range(21):
            await link.registered.acquire()
        await link.beats(3)

        beats = [each for each in host.received if each.rpc == "Heartbeat"]
        assert {each.request.session_id for each in beats} == {"own"}
        assert all(CORRELATION_HEADER not in each.metadata for each in beats)
        assert all(0 < (each.remaining_s or 0) < 1.1 for each in beats)


async def test_other_sessions_end_and_are_described_in_elixir(host: HostDouble) -> None:
    async with opened(host) as link:
        await link.it.begin(OWN)
        await link.it.begin(pb.InitializeSessionRequest(session_id="other"))
        await link.registered.acquire()
        await link.registered.acquire()

        described = await link.it.describe(pb.GetSessionRequest(session_id="own"))
        assert described.metadata["elixir_node"] == "a@b"
        assert (await link.it.end(pb.CleanupSessionRequest(session_id="own"))).success
        assert (await link.it.end(pb.CleanupSessionRequest(session_id="other"))).success
        with pytest.raises(SessionError, match="Session not found: other"):
            await link.it.describe(pb.GetSessionRequest(session_id="other"))

        assert set(host.sessions) == {"own"}
