"""Workers come, work, go: nothing of them stays, and nothing grows while they are there."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from snakepit_bridge.testing.elixir import (
    ElixirError,
    FakeElixirHost,
    FakeWorkerHandle,
    HeartbeatRules,
    Rhythm,
    Termination,
    WorkerStartError,
    orphans_of,
)
from snakepit_bridge.worker.exit_codes import ExitCode
from tests.integration.busy_worker import PROMISED_S, READY_S, spawn_busy, watched

CYCLES = int(os.environ.get("SNAKEPIT_BRIDGE_CYCLES", "20"))
"""More of them, by hand, find what is rare."""

SELDOM = Rhythm(heartbeat=HeartbeatRules(interval_s=60))
"""So that no heartbeat meets a worker that ends, which would be the end of its calls."""

THREADS = 4

FORMS: Sequence[dict[str, Any]] = (
    {},
    {"profile": "thread", "max_workers": THREADS},
    {"launcher": "launcher"},
)


# --- coming and going -----------------------------------------------------------------------------


@pytest.mark.timeout(60 + 3 * CYCLES)
def test_workers_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with FakeElixirHost() as host:
        for number in range(CYCLES):
            worker = spawn_busy(host, env={"TMPDIR": str(temporary)}, **FORMS[number % len(FORMS)])
            assert worker.execute("echo", {"value": number}) == number

            assert worker.terminate() == Termination("SIGTERM", ExitCode.DONE)

            # A zombie would still have a folder there.
            assert not Path(f"/proc/{worker.pid}").exists()
        assert orphans_of(host.run_id) == []
        assert list(host.folders.tmp.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_a_signal_more_changes_nothing_once_the_interpreter_ends() -> None:
    """It once made the worker look killed, in the midst of its exit handlers."""
    with FakeElixirHost(rhythm=SELDOM) as host:
        worker = spawn_busy(host)
        worker.execute("stay_at_exit")
        worker.send_signal(signal.SIGTERM)
        worker.output.wait_for("inside exit.")

        worker.send_signal(signal.SIGTERM)

        assert worker.wait_for_exit(timeout_s=PROMISED_S) == ExitCode.DONE


@pytest.mark.defect("D42")
def test_a_port_has_one_worker() -> None:
    with FakeElixirHost() as host:
        first = spawn_busy(host)

        with pytest.raises(WorkerStartError) as caught:
            spawn_busy(host, adapter_args=["--port", str(first.port)])

        assert caught.value.exit_code == ExitCode.CANNOT_START
        assert f"cannot listen on port {first.port}" in caught.value.output
        assert list(host.folders.tmp.iterdir()) == []
        assert first.execute("echo", {"value": 1}) == 1


# --- in the midst of a call -----------------------------------------------------------------------


@pytest.mark.defect("D47")
@pytest.mark.parametrize(
    ("tool", "options", "signals"),
    [
        ("block", {}, [signal.SIGTERM]),
        ("ablock", {}, [signal.SIGTERM, signal.SIGTERM]),
        ("compute", {"thread_sensitive": True}, [signal.SIGINT, signal.SIGTERM]),
    ],
    ids=["thread", "loop", "main thread"],
)
def test_whoever_waits_for_a_tool_is_told_when_the_worker_is_asked_to_end(
    tool: str, options: dict[str, Any], signals: list[signal.Signals]
) -> None:
    with FakeElixirHost(rhythm=SELDOM) as host:
        worker = spawn_busy(host)
        waiting = worker.submit(tool, {"gate": "never opened"}, **options)
        worker.output.wait_for("inside never opened.")
        with watched(worker.pid) as process:
            for number in signals:
                worker.send_signal(number)

            assert process.ends_within(PROMISED_S)
        error = waiting.exception(READY_S)
        assert isinstance(error, ElixirError)
        assert f"'{tool}' was cancelled because the bridge stops" in str(error)
        assert worker.wait_for_exit() == ExitCode.DONE


@pytest.mark.parametrize("tool", ["endless", "aendless"])
def test_whoever_reads_a_stream_is_told_when_the_worker_is_asked_to_end(tool: str) -> None:
    with FakeElixirHost(rhythm=SELDOM) as host:
        worker = spawn_busy(host)
        stream = worker.stream(tool)
        assert next(stream) == {"data": 0, "is_final": False}
        with watched(worker.pid) as process:
            worker.send_signal(signal.SIGTERM)

            assert process.ends_within(PROMISED_S)
        with pytest.raises(ElixirError, match="was cancelled because the bridge stops"):
            list(stream)
        assert worker.wait_for_exit() == ExitCode.DONE


@pytest.mark.parametrize("tool", ["block", "ablock"])
def test_whoever_waits_for_a_tool_is_told_when_the_worker_is_killed(tool: str) -> None:
    with FakeElixirHost(rhythm=SELDOM) as host:
        worker = spawn_busy(host)
        waiting = worker.submit(tool, {"gate": "never opened"})
        worker.output.wait_for("inside never opened.")

        worker.send_signal(signal.SIGKILL)

        error = waiting.exception(PROMISED_S)
        assert isinstance(error, ElixirError)
        assert error.kind == "worker_exit"
        assert worker.wait_for_exit() == -signal.SIGKILL


# --- for long -------------------------------------------------------------------------------------

_SLACK = 4
"""Threads of gRPC come and go, and a stream of telemetry is open for its first seconds."""


class Figures(NamedTuple):
    """What must not grow."""

    threads: int
    files: int
    tasks: int


@pytest.mark.timeout(120)
@pytest.mark.defect("D15", "D33")
def test_a_worker_does_not_grow_by_calls_nor_by_streams_that_nobody_reads_to_the_end() -> None:
    with FakeElixirHost() as host:
        worker = spawn_busy(host, profile="thread", max_workers=THREADS)
        _call(worker, calls=100, streams=10)
        before = _figures(worker)

        _call(worker, calls=2_000, streams=200)

        for now, then in zip(_figures(worker), before, strict=True):
            assert now <= then + _SLACK, before


def _call(worker: FakeWorkerHandle, *, calls: int, streams: int) -> None:
    for number in range(calls // 2):
        assert worker.execute("echo", {"value": number}) == number
        assert worker.execute("aecho", {"value": number}) == number
    for tool in ("endless", "aendless"):
        for _ in range(streams // 2):
            with worker.stream(tool) as stream:
                next(stream)
    # They meet on all the threads, so the code of all streams has ended.
    meeting = [worker.submit("meet", {"count": THREADS}, concurrent=True) for _ in range(THREADS)]
    for each in meeting:
        each.result(READY_S)


def _figures(worker: FakeWorkerHandle) -> Figures:
    process = Path(f"/proc/{worker.pid}")
    return Figures(
        threads=len(list((process / "task").iterdir())),
        files=len(list((process / "fd").iterdir())),
        tasks=worker.execute("open_tasks"),
    )
