"""The threads of a worker: as many at once as it was given, one that is special, and its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import snakepit_bridge
from snakepit_bridge.testing.elixir import (
    ElixirError,
    FakeElixirHost,
    FakeWorkerHandle,
    HeartbeatRules,
    Rhythm,
    WorkerStartError,
    orphans_of,
)
from snakepit_bridge.testing.elixir.launch import Launcher
from snakepit_bridge.worker.exit_codes import ExitCode
from tests.integration.busy_worker import PROMISED_S, READY_S, spawn_busy, watched

THREADS = 4

SCRIPTS = Path(snakepit_bridge.__file__).parent / "worker"
THREADED_SCRIPT = "grpc_server_threaded.py"

PROFILES: dict[str, dict[str, Any]] = {
    "process": {"adapter_args": ["--max-queued", "0", "--max-threads", str(THREADS)]},
    "thread": {"adapter_args": ["--max-queued", "0"], "profile": "thread", "max_workers": THREADS},
}

SENSITIVE = {"SNAKEPIT_THREAD_SENSITIVE": "faiss, math_verify.verify"}

SELDOM = Rhythm(heartbeat=HeartbeatRules(interval_s=60))
"""So that no heartbeat meets a worker that ends, which would be the end of its calls."""


@pytest.fixture(scope="module", params=PROFILES)
def worker(request: pytest.FixtureRequest) -> Iterator[FakeWorkerHandle]:
    with FakeElixirHost() as host:
        yield spawn_busy(host, env=SENSITIVE, **PROFILES[request.param])


# --- how many -------------------------------------------------------------------------------------


@pytest.mark.defect("D30")
def test_as_many_tools_run_at_once_as_the_worker_has_threads(worker: FakeWorkerHandle) -> None:
    """Each returns only once all the others are inside as well."""
    calls = [worker.submit("meet", {"count": THREADS}, concurrent=True) for _ in range(THREADS)]

    assert len({call.result(READY_S) for call in calls}) == THREADS


@pytest.mark.defect("D30")
def test_a_tool_more_than_there_are_threads_is_not_run(worker: FakeWorkerHandle) -> None:
    gates = [f"gate {number}" for number in range(THREADS)]
    inside = [worker.submit("block", {"gate": gate}, concurrent=True) for gate in gates]
    for gate in gates:
        worker.output.wait_for(f"inside {gate}.", timeout_s=READY_S)

    with pytest.raises(ElixirError, match=f"All {THREADS} threads are busy"):
        worker.execute("echo", {"value": 1}, concurrent=True)

    for gate in gates:
        worker.execute("aopen_gate", {"gate": gate}, concurrent=True)
    assert [call.result(READY_S) for call in inside] == [False] * THREADS
    assert worker.execute("echo", {"value": 1}) == 1


# --- the main thread ------------------------------------------------------------------------------


@pytest.mark.defect("D10")
@pytest.mark.parametrize("tool", ["is_main_thread", "ais_main_thread"])
def test_the_caller_decides_that_a_tool_runs_on_the_main_thread(
    worker: FakeWorkerHandle, tool: str
) -> None:
    assert worker.execute(tool, thread_sensitive=True) is True
    assert worker.execute(tool) is False


@pytest.mark.defect("D10")
@pytest.mark.parametrize("tool", ["is_main_thread", "ais_main_thread"])
@pytest.mark.parametrize(
    ("args", "is_main_thread"),
    [
        ({"library": "faiss"}, True),
        ({"python_module": "math_verify", "function": "verify"}, True),
        ({"python_module": "math_verify", "function": "parse"}, False),
        ({"library": "numpy"}, False),
    ],
)
def test_the_operator_decides_what_runs_on_the_main_thread(
    worker: FakeWorkerHandle, tool: str, args: dict[str, str], *, is_main_thread: bool
) -> None:
    assert worker.execute(tool, args) is is_main_thread


@pytest.mark.defect("D10", "D45")
def test_the_adapter_of_a_thread_sensitive_tool_lives_on_the_main_thread() -> None:
    with FakeElixirHost() as host:
        worker = spawn_busy(host, "Threaded")

        worker.execute("echo", {"value": 1}, thread_sensitive=True)

        for place in ("constructor", "initialize", "cleanup"):
            worker.output.wait_for(f"{place} on the main thread.")


# --- the process ----------------------------------------------------------------------------------


def test_an_adapter_that_is_not_thread_safe_is_refused() -> None:
    with FakeElixirHost() as host, pytest.raises(WorkerStartError) as caught:
        spawn_busy(host, "Unsafe", profile="thread", launcher="launcher")

    assert caught.value.exit_code == ExitCode.CANNOT_START
    assert "'busy.Unsafe' does not say that it is thread-safe" in caught.value.output
    assert "set __thread_safe__ = True on the class" in caught.value.output


@pytest.mark.parametrize("launcher", ["script", "launcher"])
def test_a_worker_of_the_thread_profile_is_found_as_one_of_the_other(launcher: Launcher) -> None:
    script = SCRIPTS / THREADED_SCRIPT if launcher == "script" else None
    with FakeElixirHost() as host:
        worker = spawn_busy(host, profile="thread", launcher=launcher, script=script)
        words = Path(f"/proc/{worker.pid}/cmdline").read_text().split("\0")

        assert any(THREADED_SCRIPT in word for word in worker.command_line)
        assert str(SCRIPTS / "grpc_server.py") in words
        assert orphans_of(host.run_id) == [worker.pid]
        assert worker.execute("echo", {"value": 1}) == 1


@pytest.mark.defect("D47", "D51")
def test_a_signal_ends_a_worker_whose_main_thread_is_in_native_code() -> None:
    """Python's own handlers would run only once that has returned."""
    with FakeElixirHost(rhythm=SELDOM) as host:
        worker = spawn_busy(host)
        hashing = worker.submit("hash_for_ever", thread_sensitive=True)
        worker.output.wait_for("inside native.")
        with watched(worker.pid) as process:
            worker.send_signal(signal.SIGTERM)

            assert process.ends_within(PROMISED_S)
        assert worker.wait_for_exit() == ExitCode.DONE
        assert isinstance(hashing.exception(READY_S), ElixirError)


@pytest.mark.defect("D10")
@pytest.mark.parametrize("is_sensitive", [False, True], ids=["on a thread", "on the main thread"])
def test_a_worker_whose_native_code_lets_nobody_run_ends_by_itself(*, is_sensitive: bool) -> None:
    """Nobody hears the signal, but Elixir need not kill the process."""
    with FakeElixirHost(rhythm=SELDOM) as host:
        worker = spawn_busy(host, adapter_args=["--gil-timeout-s", "1"])
        holding = worker.submit("hold_interpreter", thread_sensitive=is_sensitive)
        worker.output.wait_for("inside native.")
        with watched(worker.pid) as process:
            worker.send_signal(signal.SIGTERM)

            assert process.ends_within(READY_S)
        assert worker.wait_for_exit() == ExitCode.CANNOT_START
        assert isinstance(holding.exception(READY_S), ElixirError)
