"""No worker outlives the Elixir that started it, and none leaves one that is there."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.testing.elixir import (
    Call,
    FakeElixirHost,
    FakeWorkerHandle,
    HeartbeatRules,
    Rhythm,
)
from snakepit_bridge.worker.exit_codes import ExitCode
from tests.integration.busy_worker import (
    PROMISED_S,
    READY_S,
    all_end_within,
    heartbeats,
    spawn_busy,
    watched,
)
from tests.integration.field_worker import registered

LOSS_S = 10.0
"""In which a worker ends whose host does not listen any more, by the rules of Elixir."""

HOST_LOST = f"the host does not answer; the worker ends with code {ExitCode.HOST_LOST}"
"""Told by the log: Elixir asks a worker that does not answer to end as well."""

AWAY_S = 3.0
"""For so long a listener may be away."""

ROOT = Path(__file__).parents[2]

PROFILES: dict[str, dict[str, Any]] = {
    "process": {},
    "thread": {"profile": "thread", "max_workers": 2},
}


def _rhythm(*, dependent: bool = True) -> Rhythm:
    """A worker that loses its host after two tenths of a second."""
    rules = HeartbeatRules(interval_s=0.1, max_missed=2, dependent=dependent)
    return Rhythm(heartbeat=rules)


# --- Elixir is killed -----------------------------------------------------------------------------


@pytest.mark.defect("D29")
@pytest.mark.parametrize("moment", ["start", "work"])
def test_no_worker_outlives_an_elixir_that_is_killed(moment: str, tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.mortal_host", moment],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
        ) as elixir,
        ExitStack() as stack,
    ):
        stack.callback(elixir.kill)
        assert elixir.stdout is not None
        assert select.select([elixir.stdout], [], [], READY_S)[0]
        pids = json.loads(elixir.stdout.readline())
        workers = [stack.enter_context(watched(pid)) for pid in pids.values()]

        elixir.kill()

        assert all_end_within(workers, PROMISED_S), pids


# --- Elixir does not listen -----------------------------------------------------------------------


@pytest.mark.defect("D29", "D34")
@pytest.mark.parametrize("profile", PROFILES)
def test_a_worker_ends_when_elixir_does_not_listen_any_more(profile: str) -> None:
    with FakeElixirHost(rhythm=_rhythm()) as host:
        worker = spawn_busy(host, log_level="info", **PROFILES[profile])
        registered(host)
        with watched(worker.pid) as process:
            host.stop_listening()

            assert process.ends_within(LOSS_S)
        worker.output.wait_for(HOST_LOST)
        assert worker.wait_for_exit() == ExitCode.HOST_LOST


@pytest.mark.defect("D29", "D34")
@pytest.mark.parametrize("profile", PROFILES)
def test_a_worker_without_a_session_ends_when_elixir_does_not_listen_any_more(profile: str) -> None:
    with FakeElixirHost(rhythm=_rhythm()) as host, host.hold("InitializeSession"):
        worker = spawn_busy(host, log_level="info", **PROFILES[profile])
        host.calls.wait_for(lambda call: call.rpc == "Ping", timeout_s=READY_S)
        with watched(worker.pid) as process:
            host.stop_listening()

            assert process.ends_within(LOSS_S)
        worker.output.wait_for(HOST_LOST)
        assert worker.wait_for_exit() == ExitCode.HOST_LOST


@pytest.mark.defect("D29", "D33")
def test_an_elixir_that_listens_again_after_a_moment_keeps_its_workers() -> None:
    with FakeElixirHost() as host, ExitStack() as stack:
        workers = [spawn_busy(host, **options) for options in PROFILES.values()]
        registered(host, count=len(workers))
        processes = [stack.enter_context(watched(worker.pid)) for worker in workers]

        host.stop_listening()
        assert not processes[0].ends_within(AWAY_S)
        host.calls.clear()
        host.listen_again()

        for worker in workers:
            _hear_of(worker, host)
            assert worker.execute("echo", {"value": 1}) == 1
            assert worker.dead == ""


def _hear_of(worker: FakeWorkerHandle, host: FakeElixirHost) -> None:
    def is_its(call: Call) -> bool:
        return bool(call.request.session_id == worker.session_id)

    host.calls.wait_for(is_its, timeout_s=LOSS_S)


@pytest.mark.defect("D28")
def test_a_worker_waits_for_an_elixir_that_is_yet_to_come_not_for_one_that_has_gone() -> None:
    with FakeElixirHost(rhythm=_rhythm(), listening=False) as host:
        worker = spawn_busy(host, log_level="info")
        with watched(worker.pid) as process:
            heartbeats(host)  # five times as many as it would miss of one that has gone
            assert worker.execute("echo", {"value": 1}) == 1
            assert worker.dead == ""

            host.listen_again()
            # The second one is sent when the first was answered.
            host.calls.wait_for(lambda call: call.rpc == "Heartbeat", count=2, timeout_s=LOSS_S)
            host.stop_listening()

            assert process.ends_within(LOSS_S)
        worker.output.wait_for(HOST_LOST)
        assert worker.wait_for_exit() == ExitCode.HOST_LOST


@pytest.mark.defect("D34")
def test_an_independent_worker_lives_on_when_elixir_does_not_listen() -> None:
    with FakeElixirHost(rhythm=_rhythm(dependent=False)) as host:
        worker = spawn_busy(host)
        registered(host)

        host.stop_listening()
        heartbeats(host)

        assert worker.execute("echo", {"value": 1}) == 1
        host.calls.clear()
        host.listen_again()
        host.calls.wait_for(lambda call: call.rpc == "Heartbeat", timeout_s=LOSS_S)
        assert worker.dead == ""
