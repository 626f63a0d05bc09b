"""Heartbeats of Elixir are answered whatever a worker is busy with: one that is late ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir import FakeElixirHost, FakeWorkerHandle
from snakepit_bridge.testing.elixir.faults import ANY_RPC
from tests.integration.busy_worker import FAST, READY_S, heartbeats, spawn_busy

THREADS = 8


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeElixirHost, FakeWorkerHandle]]:
    with FakeElixirHost(rhythm=FAST) as host:
        yield host, spawn_busy(host, "Pausing", profile="thread", max_workers=THREADS)


@pytest.fixture
def host(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeElixirHost:
    return shared[0]


@pytest.fixture
def worker(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> Iterator[FakeWorkerHandle]:
    yield shared[1]
    assert shared[1].dead == "", "the worker outlives every test"


def _ping(worker: FakeWorkerHandle) -> None:
    answer = worker.call("Ping", pb.PingRequest(message="health_check"))
    assert answer.message.endswith("health_check")


# --- tools ----------------------------------------------------------------------------------------


@pytest.mark.defect("D10", "D30")
@pytest.mark.parametrize(
    ("tool", "options"),
    [
        ("compute", {}),
        ("acompute", {}),
        ("ablock", {}),
        ("compute", {"thread_sensitive": True}),
        ("block", {"thread_sensitive": True}),
        ("ablock", {"thread_sensitive": True}),
    ],
    ids=lambda given: given if isinstance(given, str) else "-".join(given),
)
def test_heartbeats_are_answered_while_a_tool_is_inside(
    host: FakeElixirHost, worker: FakeWorkerHandle, tool: str, options: dict[str, Any]
) -> None:
    gate = f"{tool} {options}"
    inside = worker.submit(tool, {"gate": gate}, **options)
    worker.output.wait_for(f"inside {gate}.")

    heartbeats(host, count=20)
    _ping(worker)

    assert not inside.done()
    worker.execute("open_gate", {"gate": gate}, concurrent=True)
    assert inside.result(READY_S) is bool(options)


@pytest.mark.defect("D10", "D30")
def test_heartbeats_are_answered_while_every_thread_computes(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    gates = [f"gate {number}" for number in range(THREADS)]
    inside = [worker.submit("compute", {"gate": gate}, concurrent=True) for gate in gates]
    for gate in gates:
        worker.output.wait_for(f"inside {gate}.", timeout_s=READY_S)

    heartbeats(host, count=20)
    _ping(worker)

    assert not any(call.done() for call in inside)
    for gate in gates:
        # No thread is left for anything that is no coroutine.
        worker.execute("aopen_gate", {"gate": gate}, concurrent=True)
    assert [call.result(READY_S) for call in inside] == [False] * THREADS


# --- around tools ---------------------------------------------------------------------------------


@pytest.mark.defect("D45")
@pytest.mark.parametrize("tool", ["echo", "aecho"])
@pytest.mark.parametrize("place", ["constructor", "initialize", "cleanup"])
def test_heartbeats_are_answered_while_an_adapter_is_made_or_cleaned_up(
    host: FakeElixirHost, worker: FakeWorkerHandle, place: str, tool: str
) -> None:
    gate = f"{place} of {tool}"
    worker.execute("pause_at", {"place": place, "gate": gate})
    inside = worker.submit(tool, {"value": 1}, concurrent=True)
    worker.output.wait_for(f"inside {gate}.")

    heartbeats(host)

    assert not inside.done()
    worker.execute("open_gate", {"gate": gate}, concurrent=True)
    assert inside.result(READY_S) == 1


@pytest.mark.defect("D52")
def test_heartbeats_are_answered_while_an_adapter_hears_the_end_of_a_session(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    worker.execute("pause_at", {"place": "on_session_end", "gate": "end"})
    ended = worker.call("CleanupSession", pb.CleanupSessionRequest(session_id="of somebody"))
    worker.output.wait_for("inside end.")

    heartbeats(host)

    assert ended.success
    worker.execute("open_gate", {"gate": "end"})


def test_heartbeats_are_answered_while_an_adapter_registers_its_tools() -> None:
    with FakeElixirHost(rhythm=FAST) as host:
        worker = spawn_busy(host, "Registering")
        worker.output.wait_for("inside register.")

        heartbeats(host)

        assert worker.execute("echo", {"value": 1}) == 1
        worker.execute("open_gate", {"gate": "register"})
        host.calls.wait_for(lambda call: call.rpc == "RegisterTools")
        assert worker.dead == ""


# --- Elixir ---------------------------------------------------------------------------------------


@pytest.mark.defect("D7")
@pytest.mark.parametrize("rpc", ["RegisterTools", "Heartbeat", ANY_RPC])
def test_heartbeats_are_answered_while_elixir_keeps_the_worker_waiting(rpc: str) -> None:
    with FakeElixirHost(rhythm=FAST) as host, host.hold(rpc):
        worker = spawn_busy(host)
        host.calls.wait_for(lambda call: rpc in (call.rpc, ANY_RPC))

        heartbeats(host)
        _ping(worker)

        assert worker.execute("echo", {"value": 1}) == 1
        assert worker.execute("aecho", {"value": 2}) == 2
        assert worker.dead == ""


@pytest.mark.defect("D7", "D10", "D30")
def test_heartbeats_are_answered_while_everything_else_is_slow_at_once() -> None:
    with FakeElixirHost(rhythm=FAST) as host, host.hold(ANY_RPC):
        worker = spawn_busy(host, adapter_args=["--max-threads", "2"])
        calls = {
            "thread": worker.submit("compute", {"gate": "thread"}, concurrent=True),
            "loop": worker.submit("acompute", {"gate": "loop"}, concurrent=True),
            "main": worker.submit(
                "compute", {"gate": "main"}, thread_sensitive=True, concurrent=True
            ),
        }
        for gate in calls:
            worker.output.wait_for(f"inside {gate}.", timeout_s=READY_S)

        heartbeats(host)
        _ping(worker)

        assert not any(call.done() for call in calls.values())
        assert worker.dead == ""
        for gate in calls:
            worker.execute("open_gate", {"gate": gate}, concurrent=True)
