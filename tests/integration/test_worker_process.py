"""The life of a worker process: its start, its readiness, what it says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.worker.exit_codes import ExitCode
from tests.integration.worker_process import (
    ENVIRONMENT,
    READY_S,
    SCRIPT,
    Workers,
    request,
    workers,
)

__all__ = ["workers"]


# --- readiness ---------------------------------------------------------------------------------


def test_the_port_is_told_in_both_ways_and_leads_to_the_worker(workers: Workers) -> None:
    with workers.started() as worker:
        port = worker.port()

        assert f"GRPC_READY:{port}\n" in worker.until("serving tools.Tools")
        assert worker.ready_file.read_bytes() == str(port).encode()
        assert worker.call("pid") == worker.process.pid


@pytest.mark.defect("D28", "D43")
def test_readiness_does_not_wait_for_elixir(workers: Workers) -> None:
    with workers.started() as worker, worker.called() as stub:
        assert stub.Ping(pb.PingRequest(message="hello"), timeout=READY_S).message.endswith("hello")


@pytest.mark.defect("D35")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_the_worker_is_reached_over_the_loopback(host: str, workers: Workers) -> None:
    if host == "[::1]" and not _has_ipv6():
        pytest.skip("there is no IPv6 here")
    with workers.started() as worker, worker.called(host) as stub:
        assert stub.Ping(pb.PingRequest(message="m"), timeout=READY_S).message.endswith("m")


@pytest.mark.defect("D35")
def test_the_worker_listens_on_the_loopback_alone(workers: Workers) -> None:
    with workers.started() as worker:
        port = worker.port()
        listening = {
            address
            for name in ("tcp", "tcp6")
            for address, number in _listening(worker.process.pid, name)
            if number == port
        }

    ipv6 = {"00000000000000000000000001000000"}
    # The second is the same one, as gRPC writes it where there is IPv6.
    ipv4 = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert listening <= ipv4 | ipv6
    assert listening & ipv4


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _listening(pid: int, name: str) -> list[tuple[str, int]]:
    """Where any process of this machine listens, as the kernel writes it."""
    lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    listening = [each[1].split(":") for each in fields if each[3] == "0A"]
    return [(address, int(port, 16)) for address, port in listening]


# --- what cannot be started --------------------------------------------------------------------


def test_everything_that_is_wrong_with_the_flags_is_told_at_once(workers: Workers) -> None:
    with workers.started("--port", "x", "--max-workers", "0") as worker:
        said = worker.to_the_end()

        assert worker.ended() == ExitCode.USAGE
    assert "--port is 'x'" in said
    assert "--max-workers is '0'" in said
    assert "Try --help." in said


def test_help_is_shown() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("Usage: snakepit-bridge worker --adapter MODULE.CLASS")
    assert "--heartbeat-interval-ms N" in done.stdout


@pytest.mark.defect("D43")
@pytest.mark.parametrize(
    ("adapter", "told"),
    [
        ("nowhere.Tools", "there is no module 'nowhere'"),
        ("tools.Tool", "has no class 'Tool'. Did you mean 'Tools'?"),
        ("tools.os", "is no class"),
    ],
)
def test_an_adapter_that_cannot_be_had_ends_the_worker_before_it_is_ready(
    adapter: str, told: str, workers: Workers
) -> None:
    with workers.started(adapter=adapter) as worker:
        said = worker.to_the_end()

        assert worker.ended() == ExitCode.CANNOT_START
    assert told in said
    assert "GRPC_READY" not in said
    assert not worker.ready_file.exists()


def test_an_adapter_that_is_not_thread_safe_has_no_thread_profile(workers: Workers) -> None:
    (workers.folder / "unsafe.py").write_text("class Tools: pass\n")
    with workers.started("--max-workers", "4", adapter="unsafe.Tools") as worker:
        said = worker.to_the_end()

        assert worker.ended() == ExitCode.CANNOT_START
    assert "set __thread_safe__ = True" in said


@pytest.mark.defect("D42")
def test_two_workers_never_share_a_port(workers: Workers) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with workers.started("--port", str(port)) as worker:
            said = worker.to_the_end()

            assert worker.ended() == ExitCode.CANNOT_START
    assert f"cannot listen on port {port}" in said


def test_a_port_may_be_chosen(workers: Workers) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with workers.started("--port", str(port)) as worker:
        assert worker.port() == port


def test_a_ready_file_that_cannot_be_written_ends_the_worker(workers: Workers) -> None:
    path = workers.folder / "no" / "folder" / "ready"
    with workers.started(env={"SNAKEPIT_READY_FILE": str(path)}) as worker:
        said = worker.to_the_end()

        assert worker.ended() == ExitCode.CANNOT_START
    assert "the worker cannot serve" in said


def test_a_handler_that_cannot_be_had_ends_the_worker(workers: Workers) -> None:
    with workers.started("--handlers", "nowhere:Handler") as worker:
        said = worker.to_the_end()

        assert worker.ended() == ExitCode.CANNOT_START
    assert "nowhere" in said
    assert not worker.ready_file.exists()


# --- the log -----------------------------------------------------------------------------------


@pytest.mark.defect("D27")
def test_unknown_flags_are_logged_and_ignored(workers: Workers) -> None:
    with workers.started("--mode", "threaded", "--colour", "blue") as worker:
        said = worker.until("GRPC_READY")

        assert "Unknown flag, ignored: --colour" in said
        assert "--mode" not in said
        assert worker.call("pid") == worker.process.pid


def test_log_lines_have_the_form_that_snakepits_users_know(workers: Workers) -> None:
    with workers.started() as worker:
        said = worker.until("serving tools.Tools")

    form = (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - \[bridge-service\] - snakepit\.grpc_server"
        r" - INFO - \[corr=-\] serving tools\.Tools on port \d+"
    )
    assert re.search(f"^{form}$", said, re.MULTILINE)


@pytest.mark.parametrize("level", ["none", "error", ""])
def test_a_worker_that_is_well_says_nothing_unless_asked(level: str, workers: Workers) -> None:
    with workers.started("--colour", env={"SNAKEPIT_LOG_LEVEL": level}) as worker:
        port = worker.port()
        worker.call("pid")
        worker.process.terminate()

        assert worker.to_the_end() == f"GRPC_READY:{port}\n"


# --- health check ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ((), 0),
        (("--adapter", "tools.Tools"), 0),
        (("--adapter", "nowhere.Tools"), 1),
        (("--adapter", "tools.Nothing"), 1),
    ],
)
def test_a_health_check_tells_whether_the_adapter_can_be_imported(
    flags: tuple[str, ...], code: int, workers: Workers
) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--health-check", *flags],
        env={**ENVIRONMENT, "PYTHONPATH": str(workers.folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert ("ERROR" in done.stderr) == bool(code)


# --- while tools run ---------------------------------------------------------------------------


@pytest.mark.defect("D10")
def test_thread_sensitive_tools_run_on_the_main_thread_and_hold_nobody_up(
    workers: Workers,
) -> None:
    sensitive = {"thread_sensitive": "true"}
    with workers.started() as worker, worker.called() as stub:
        assert worker.call("threads", metadata=sensitive) is True
        assert worker.call("threads") is False
        spinning = stub.ExecuteTool.future(request("announce_then_spin", metadata=sensitive))
        worker.until("SPINNING")

        stub.Ping(pb.PingRequest(), timeout=READY_S)
        stub.Heartbeat(pb.HeartbeatRequest(session_id="s"), timeout=READY_S)
        worker.call("stop_spinning")
        assert spinning.result(timeout=READY_S).success


def test_names_of_the_environment_decide_what_is_thread_sensitive(workers: Workers) -> None:
    (workers.folder / "named.py").write_text(
        "import threading\n"
        "class Tools:\n"
        "    def execute_tool(self, tool_name, arguments, context):\n"
        "        return threading.current_thread() is threading.main_thread()\n"
    )
    variables = {"SNAKEPIT_THREAD_SENSITIVE": "faiss, math_verify.verify"}
    with workers.started(adapter="named.Tools", env=variables) as worker:
        assert worker.call("call", library="faiss") is True
        assert worker.call("call", python_module="math_verify", function="verify") is True
        assert worker.call("call", python_module="math_verify", function="parse") is False


@pytest.mark.defect("D10", "D30")
def test_heartbeats_are_answered_while_every_thread_calculates(workers: Workers) -> None:
    with workers.started("--max-threads", "16") as worker, worker.called() as stub:
        busy = [stub.ExecuteTool.future(request("announce_then_spin")) for _ in range(15)]
        worker.until("SPINNING", times=len(busy))

        stub.Ping(pb.PingRequest(), timeout=READY_S)
        stub.Heartbeat(pb.HeartbeatRequest(session_id="s"), timeout=READY_S)
        assert not any(each.done() for each in busy)
        worker.call("stop_spinning")
        assert all(each.result(timeout=READY_S).success for each in busy)


def test_the_end_of_a_forked_child_is_not_the_workers(workers: Workers) -> None:
    with workers.started() as worker:
        assert worker.call("end_forked_child") == -15
        assert worker.call("pid") == worker.process.pid


def test_a_worker_leads_its_group_where_it_is_asked_to(workers: Workers) -> None:
    # A shell stands in between, for the test starts the process as a leader already.
    shell = ("/bin/sh", "-c", '"$@"; exit $?', "sh", sys.executable, SCRIPT)
    with workers.started(command=shell, env={"SNAKEPIT_PROCESS_GROUP": "1"}) as worker:
        pid = worker.call("pid")

        assert pid != worker.process.pid
        assert os.getpgid(pid) == os.getsid(pid) == pid
        os.kill(pid, 15)
        assert worker.ended() == 0
