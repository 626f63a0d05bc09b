from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.heartbeat import HeartbeatClient, HeartbeatConfig
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.telemetry.correlation import (
    get_correlation_id,
    reset_correlation_id,
    set_correlation_id,
)
from snakepit_bridge.testing import FakeClock
from tests.unit.adapters.stubs import AsyncStub, ScriptedClient

VALID = pb.HeartbeatResponse(session_valid=True)
FAST = HeartbeatConfig(interval_ms=1, timeout_ms=1000, max_missed_heartbeats=2)


def _stub(*answers: Any) -> AsyncStub:
    stub = AsyncStub()
    stub.say("Heartbeat", *answers)
    return stub


async def test_one_heartbeat_tells_session_and_time_and_has_a_deadline() -> None:
    stub = _stub(VALID)
    client = HeartbeatClient(stub, "s", HeartbeatConfig(timeout_ms=1500))

    assert await client.ping_once()

    [asked] = stub.asked
    assert asked.request.session_id == "s"
    assert asked.request.client_time.seconds > 0
    assert asked.timeout_s == 1.5


async def test_a_stub_of_the_worker_will_do_as_well() -> None:
    client = ScriptedClient()
    client.host.say("Heartbeat", VALID)

    assert await HeartbeatClient(HostStub(client), "s").ping_once()


async def test_the_status_tells_how_it_goes() -> None:
    client = HeartbeatClient(_stub(VALID, LookupError("gone")), "s")
    before = client.status()

    await client.ping_once()
    await client.ping_once()

    assert before == {
        "enabled": True,
        "missed_heartbeats": 0,
        "last_ping_monotonic": None,
        "last_success_monotonic": None,
        "running": False,
        "dependent": True,
    }
    after = client.status()
    assert after["missed_heartbeats"] == 1
    assert after["last_ping_monotonic"] > after["last_success_monotonic"]


async def test_a_loss_is_told_to_whoever_wants_to_know() -> None:
    lost = asyncio.Event()
    client = HeartbeatClient(_stub(LookupError("gone")), "s", FAST, on_threshold_exceeded=lost.set)

    assert client.start()
    assert client.status()["running"]
    async with asyncio.timeout(5):
        await lost.wait()
    await client.stop()
    await client.stop()

    assert not client.status()["running"]


async def test_the_loss_of_a_host_on_which_nothing_depends_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def never() -> None:
        raise NotImplementedError

    config = HeartbeatConfig(max_missed_heartbeats=1, dependent=False)
    client = HeartbeatClient(_stub(LookupError("gone")), "s", config, on_threshold_exceeded=never)

    await client.ping_once()

    assert "missed 1 heartbeats of session s" in caplog.text


async def test_a_process_that_depends_on_the_host_asks_itself_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The two system calls cannot be made for the sake of a test."""
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *call: killed.append(call))
    monkeypatch.setattr(os, "_exit", lambda _: None)
    config = HeartbeatConfig(max_missed_heartbeats=1)

    await HeartbeatClient(_stub(LookupError("gone")), "s", config).ping_once()

    assert killed == [(os.getpid(), signal.SIGTERM)]


async def test_what_is_disabled_or_begun_does_not_begin() -> None:
    off = HeartbeatClient(_stub(VALID), "s", HeartbeatConfig(enabled=False))
    on = HeartbeatClient(_stub(VALID), "s")

    assert not off.start()
    assert on.start()
    assert not on.start()
    await on.stop()
    assert on.start()
    await on.stop()


def test_without_a_loop_nothing_begins() -> None:
    closed = asyncio.new_event_loop()
    closed.close()

    assert not HeartbeatClient(_stub(VALID), "s").start()
    assert not HeartbeatClient(_stub(VALID), "s", loop=closed).start()


@pytest.mark.defect("D37")
async def test_heartbeats_are_no_part_of_the_call_that_began_them() -> None:
    """They carried its correlation id for ever, and would end with its deadline."""
    seen: list[Any] = []
    beaten = asyncio.Event()

    class Stub:
        async def Heartbeat(self, _request: Any, timeout: float) -> Any:  # noqa: ASYNC109, N802
            seen.extend([get_correlation_id(), current_execution.get()])
            beaten.set()
            return VALID

    job = Job(session_id="s", command="c", args={}, trace_context={})
    execution = Execution(job, lambda _: None, clock=FakeClock(), on_end=lambda: None)
    client = HeartbeatClient(Stub(), "s")
    current = current_execution.set(execution)
    correlation = set_correlation_id("sp-1")
    try:
        client.start()
    finally:
        reset_correlation_id(correlation)
        current_execution.reset(current)

    async with asyncio.timeout(5):
        await beaten.wait()
    await client.stop()

    assert seen == [None, None]
