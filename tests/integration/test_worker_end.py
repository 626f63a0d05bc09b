"""The end of a worker process, whoever asks for it and whatever runs then."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import (
    BridgeServiceServicer,
    add_BridgeServiceServicer_to_server,
)
from snakepit_bridge.worker.exit_codes import ExitCode
from tests.integration.worker_process import (
    GRACE_S,
    READY_S,
    SCRIPT,
    Workers,
    request,
    workers,
)

__all__ = ["workers"]

SENSITIVE = {"thread_sensitive": "true"}

LOSS_S = 10.0
"""In which a worker ends whose host does not listen any more."""


# --- by signal ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_worker_cleanly(number: signal.Signals, workers: Workers) -> None:
    with workers.started() as worker:
        worker.call("pid")
        worker.process.send_signal(number)

        said = worker.to_the_end(GRACE_S)
        assert worker.ended() == ExitCode.DONE
    assert f"{number.name} received; the worker ends with code 0" in said
    assert not worker.ready_file.exists()


@pytest.mark.defect("D47")
@pytest.mark.parametrize("metadata", [{}, SENSITIVE], ids=["on a thread", "on the main thread"])
def test_a_signal_ends_a_worker_whose_tool_sleeps_in_native_code(
    metadata: dict[str, str], workers: Workers
) -> None:
    with workers.started() as worker, worker.called() as stub:
        sleeping = stub.ExecuteTool.future(
            request("announce_then_sleep", metadata=metadata, seconds=20)
        )
        worker.until("SLEEPING")
        worker.process.terminate()

        assert worker.ended() == ExitCode.DONE
        assert sleeping.exception(timeout=READY_S) or not sleeping.result().success
    assert not worker.ready_file.exists()


@pytest.mark.defect("D47")
@pytest.mark.parametrize("metadata", [{}, SENSITIVE], ids=["on a thread", "on the main thread"])
def test_a_signal_ends_a_worker_whose_tool_calculates(
    metadata: dict[str, str], workers: Workers
) -> None:
    with workers.started() as worker, worker.called() as stub:
        spinning = stub.ExecuteTool.future(request("announce_then_spin", metadata=metadata))
        worker.until("SPINNING")
        worker.process.terminate()

        assert worker.ended() == ExitCode.DONE
        assert spinning.exception(timeout=READY_S) or not spinning.result().success


@pytest.mark.defect("D28", "D51")
def test_a_signal_ends_a_worker_that_imports_its_adapter(workers: Workers) -> None:
    (workers.folder / "slow.py").write_text(
        "import time\nprint('IMPORTING', flush=True)\ntime.sleep(20)\n"
    )
    with workers.started(adapter="slow.Tools") as worker:
        worker.until("IMPORTING")
        worker.process.terminate()

        assert worker.ended() == ExitCode.DONE
    assert not worker.ready_file.exists()


def test_a_signal_is_seen_although_an_adapter_has_taken_the_pipe(workers: Workers) -> None:
    (workers.folder / "greedy.py").write_text(
        "import signal\nfrom tools import Tools\nsignal.set_wakeup_fd(-1)\n"
    )
    with workers.started(adapter="greedy.Tools") as worker:
        worker.call("pid")
        worker.process.terminate()

        assert worker.ended() == ExitCode.DONE


def test_a_thread_that_never_ends_does_not_keep_the_worker_alive(workers: Workers) -> None:
    (workers.folder / "stuck.py").write_text(
        "import threading\n"
        "from tools import Tools\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
    )
    with workers.started(adapter="stuck.Tools") as worker:
        worker.call("pid")
        worker.process.terminate()

        assert worker.ended() == ExitCode.DONE


def test_exit_handlers_run(workers: Workers) -> None:
    (workers.folder / "tidy.py").write_text(
        "import atexit\nfrom tools import Tools\natexit.register(print, 'TIDIED', flush=True)\n"
    )
    with workers.started(adapter="tidy.Tools") as worker:
        worker.call("pid")
        worker.process.terminate()

        assert "TIDIED" in worker.to_the_end(GRACE_S)


def test_twenty_workers_leave_nothing_behind(workers: Workers) -> None:
    before = set(workers.folder.iterdir()) | {workers.folder / "__pycache__"}
    pids = []
    for _ in range(20):
        with workers.started() as worker:
            worker.port()
            pids.append(worker.process.pid)
            worker.process.terminate()
            worker.to_the_end(GRACE_S)
            assert worker.ended() == ExitCode.DONE

    assert set(workers.folder.iterdir()) <= before
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


# --- because nobody is left --------------------------------------------------------------------


@pytest.mark.defect("D29")
@pytest.mark.parametrize("flags", [(), ("--max-workers", "2")], ids=["process", "thread"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_a_worker_ends_when_its_parent_is_killed(
    flags: tuple[str, ...], workers: Workers, *, busy: bool
) -> None:
    shell = ("/bin/sh", "-c", '"$@"; exit $?', "sh", sys.executable, SCRIPT)
    with workers.started(*flags, command=shell) as worker, worker.called() as stub:
        call = request("announce_then_sleep", seconds=20)
        sleeping = stub.ExecuteTool.future(call) if busy else None
        worker.until("SLEEPING" if busy else "serving")
        worker.process.kill()

        # The pipe is closed once the last process has ended that could write to it.
        said = worker.to_the_end(GRACE_S)
        assert sleeping is None or sleeping.exception(timeout=READY_S)
    assert "the parent process has ended; the worker ends with code 71" in said


@pytest.mark.defect("D29")
def test_a_worker_ends_when_its_standard_input_is_closed(workers: Workers) -> None:
    with workers.started(stdin=subprocess.PIPE) as worker:
        worker.call("pid")
        assert worker.process.stdin is not None
        worker.process.stdin.close()

        assert worker.ended() == ExitCode.PARENT_GONE


@pytest.mark.defect("D29")
def test_a_worker_that_has_no_standard_input_goes_on(workers: Workers) -> None:
    shell = ("/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, SCRIPT)
    with workers.started(command=shell) as worker:
        assert worker.call("pid") == worker.process.pid


def test_a_worker_whose_host_has_gone_takes_the_processes_of_its_tools_along(
    workers: Workers,
) -> None:
    (workers.folder / "parents.py").write_text(
        "import subprocess\n"
        "from snakepit_bridge.base_adapter import tool\n"
        "from tools import Tools as Others\n"
        "class Tools(Others):\n"
        "    @tool()\n"
        "    def start_child(self):\n"
        "        return subprocess.Popen(['sleep', '1000']).pid\n"
    )
    with workers.started(
        adapter="parents.Tools", env={"SNAKEPIT_PROCESS_GROUP": "1"}, stdin=subprocess.PIPE
    ) as worker:
        worker.call("start_child")
        assert worker.process.stdin is not None
        worker.process.stdin.close()

        # The child holds the pipe open for as long as it lives.
        worker.to_the_end(GRACE_S)
        assert worker.ended() == ExitCode.PARENT_GONE


# --- while nobody reads ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["print", "logging.error"])
def test_a_worker_whose_output_nobody_reads_answers_and_ends_when_it_is_asked_to(
    how: str, workers: Workers
) -> None:
    (workers.folder / "noisy.py").write_text(
        "import logging\n"
        "from snakepit_bridge.base_adapter import tool\n"
        "from tools import Tools as Others\n"
        "class Tools(Others):\n"
        "    @tool()\n"
        "    def flood(self):\n"
        f"        {how}('FLOOD' * 10)\n"
        f"        while True: {how}('x' * 1000)\n"
    )
    with workers.started(adapter="noisy.Tools") as worker, worker.called() as stub:
        flooding = stub.ExecuteTool.future(request("flood"))
        worker.until("FLOOD")
        # Of all levels, so that the thread that answers has something to say about each.
        for _ in range(100):
            answer = stub.ExecuteTool(request("there is no such tool"), timeout=READY_S)
            assert not answer.success
        assert stub.Heartbeat(pb.HeartbeatRequest(session_id="s"), timeout=READY_S).session_valid
        assert not flooding.done()

        worker.process.terminate()

        assert worker.ended() == ExitCode.DONE


class _Elixir(BridgeServiceServicer):
    """Answers whatever a worker asks; the names are those of the wire."""

    def __init__(self) -> None:
        self._asked = False
        self.has_answered = threading.Event()

    def _hear(self) -> None:
        # Who asks again has had the first answer; of one that never comes no worker is the wiser.
        if self._asked:
            self.has_answered.set()
        self._asked = True

    def Ping(self, request: pb.PingRequest, context: object) -> pb.PingResponse:  # noqa: N802
        self._hear()
        return pb.PingResponse()

    def Heartbeat(self, request: pb.HeartbeatRequest, context: object) -> pb.HeartbeatResponse:  # noqa: N802
        self._hear()
        return pb.HeartbeatResponse(session_valid=True)

    def InitializeSession(  # noqa: N802
        self, request: pb.InitializeSessionRequest, context: object
    ) -> pb.InitializeSessionResponse:
        return pb.InitializeSessionResponse(success=True)

    def RegisterTools(  # noqa: N802
        self, request: pb.RegisterToolsRequest, context: object
    ) -> pb.RegisterToolsResponse:
        return pb.RegisterToolsResponse(success=True)


@pytest.mark.defect("D29", "D34")
def test_a_worker_that_has_lost_its_host_says_so_by_its_exit_code(workers: Workers) -> None:
    answers = _Elixir()
    elixir = grpc.server(futures.ThreadPoolExecutor(4))
    add_BridgeServiceServicer_to_server(answers, elixir)
    port = elixir.add_insecure_port("127.0.0.1:0")
    elixir.start()
    beats = ("--heartbeat-interval-ms", "100", "--heartbeat-max-missed", "2")
    address = ("--elixir-address", f"127.0.0.1:{port}")
    with workers.started(*address, *beats) as worker:
        worker.call("pid")
        assert answers.has_answered.wait(READY_S)
        elixir.stop(None).wait(READY_S)

        assert worker.ended(LOSS_S) == ExitCode.HOST_LOST


# --- because of native code --------------------------------------------------------------------


@pytest.mark.defect("D10")
def test_native_code_that_holds_the_interpreter_ends_the_worker_with_its_stack(
    workers: Workers,
) -> None:
    with workers.started("--gil-timeout-s", "0.5") as worker, worker.called() as stub:
        holding = stub.ExecuteTool.future(request("hold_interpreter", seconds=30))

        said = worker.to_the_end()
        assert worker.ended() == ExitCode.CANNOT_START
        assert holding.exception(timeout=READY_S)
    assert "Timeout (0:00:00.500000)!" in said
    assert "in hold_interpreter" in said


@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        (("--gil-timeout-s", "0.4", "--heartbeat-independent"), {}),
        (("--gil-timeout-s", "0"), {}),
        ((), {"SNAKEPIT_BRIDGE_GIL_TIMEOUT_S": "0"}),
        (("--gil-timeout-s", "0.4"), {"SNAKEPIT_HEARTBEAT_CONFIG": '{"enabled": false}'}),
    ],
)
def test_native_code_may_hold_the_interpreter_where_nobody_ends_the_worker_for_it(
    flags: tuple[str, ...], variables: dict[str, str], workers: Workers
) -> None:
    with workers.started(*flags, env=variables) as worker:
        assert worker.call("hold_interpreter", seconds=1.2) == "let go"


def test_threads_of_python_do_not_wake_the_watchdog(workers: Workers) -> None:
    with workers.started("--gil-timeout-s", "0.5") as worker, worker.called() as stub:
        spinning = [stub.ExecuteTool.future(request("announce_then_spin")) for _ in range(4)]
        worker.until("SPINNING", times=len(spinning))
        worker.call("announce_then_sleep", seconds=1.2)
        worker.call("stop_spinning")

        assert all(each.result(timeout=READY_S).success for each in spinning)
