"""A worker as a process, started and ended by hand."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as ProtobufAny

import snakepit_bridge
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub

PACKAGE = Path(snakepit_bridge.__file__).parent
SCRIPT = PACKAGE / "worker" / "grpc_server.py"

RUN_ID = "k3x9a2p"

NOBODY = "127.0.0.1:9"
"""An address where no Elixir listens; a worker does not need one to serve."""

READY_S = 30.0
"""As long as Elixir waits."""

GRACE_S = 6.0
"""After which Elixir kills; the promise is 5 s, the rest is for a machine that is busy."""

ADAPTER = """
    import ctypes
    import multiprocessing
    import os
    import signal
    import sys
    import threading
    import time

    from snakepit_bridge.base_adapter import BaseAdapter, tool

    GO = threading.Event()


    def origin(_):
        import snakepit_bridge
        import snakepit_bridge_pb2

        return [snakepit_bridge.__file__, snakepit_bridge_pb2.__name__]


    class Tools(BaseAdapter):
        __thread_safe__ = True

        @tool()
        def pid(self):
            return os.getpid()

        @tool()
        def threads(self):
            return threading.current_thread() is threading.main_thread()

        @tool()
        def imported(self):
            import snakepit_bridge_pb2
            import snakepit_bridge_pb2_grpc
            from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as own

            return {
                "origin": origin(None),
                "same": snakepit_bridge_pb2 is own,
                "spec": snakepit_bridge_pb2.__spec__.name,
                "stub": hasattr(snakepit_bridge_pb2_grpc, "BridgeServiceStub"),
                "path": sys.path,
            }

        @tool()
        def imported_by_child(self):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                return pool.map(origin, [None])[0]

        @tool()
        def end_forked_child(self):
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                os.write(writer, b"x")
                signal.pause()
                os._exit(1)
            os.close(writer)
            os.read(reader, 1)
            os.close(reader)
            os.kill(child, signal.SIGTERM)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

        @tool()
        def announce_then_sleep(self, seconds):
            print("SLEEPING", flush=True)
            time.sleep(seconds)

        @tool()
        def announce_then_spin(self):
            print("SPINNING", flush=True)
            while not GO.is_set():
                pass
            return "stopped"

        @tool()
        def stop_spinning(self):
            GO.set()

        @tool()
        def hold_interpreter(self, seconds):
            print("HOLDING", flush=True)
            ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
            return "let go"
"""

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("SNAKEPIT_")
}


class Worker:
    """A worker that was started; see ``started``."""

    def __init__(self, process: subprocess.Popen[bytes], ready_file: Path) -> None:
        self.process = process
        self.ready_file = ready_file
        self._output = b""

    # --- what it says ---------------------------------------------------------------------------

    def port(self) -> int:
        """Its port, once it is ready."""
        self.until("GRPC_READY:")
        return int(self.ready_file.read_text())

    def until(self, words: str, *, times: int = 1) -> str:
        """Read its output until it has said this so often; what it has said so far."""
        wanted = words.encode()
        return self._read(lambda: self._output.count(wanted) >= times, f"it did not say {words!r}")

    def to_the_end(self, timeout_s: float = READY_S) -> str:
        """Read its output until nobody can write to it any more, which is when it has ended."""
        assert self.process.stdout is not None
        self._read(lambda: False, "it did not end", timeout_s, is_end_fine=True)
        return self._output.decode()

    def ended(self, timeout_s: float = GRACE_S) -> int:
        """Wait for its end; its exit code."""
        return self.process.wait(timeout_s)

    def _read(
        self,
        enough: Callable[[], bool],
        complaint: str,
        timeout_s: float = READY_S,
        *,
        is_end_fine: bool = False,
    ) -> str:
        pipe = self.process.stdout
        assert pipe is not None
        while not enough():
            assert select.select((pipe,), (), (), timeout_s)[0], f"{complaint}: {self._output!r}"
            said = os.read(pipe.fileno(), 65536)
            if not said:
                assert is_end_fine, f"{complaint}, but ended: {self._output!r}"
                break
            self._output += said
        return self._output.decode()

    # --- what the system says -------------------------------------------------------------------

    def command_line(self) -> list[str]:
        """Its arguments, the program first."""
        text = Path(f"/proc/{self.process.pid}/cmdline").read_text()
        return text.rstrip("\0").split("\0")

    def short_name(self) -> str:
        """What ``ps`` calls it."""
        return Path(f"/proc/{self.process.pid}/comm").read_text().strip()

    # --- what it does ---------------------------------------------------------------------------

    @contextmanager
    def called(self, host: str = "localhost") -> Iterator[BridgeServiceStub]:
        """A connection to it."""
        with grpc.insecure_channel(f"{host}:{self.port()}") as channel:
            yield BridgeServiceStub(channel)

    def call(self, tool: str, *, metadata: Mapping[str, str] | None = None, **args: Any) -> Any:
        """What a tool returns."""
        with self.called() as stub:
            call = request(tool, metadata=metadata, **args)
            answer = stub.ExecuteTool(call, timeout=READY_S)
        assert answer.success, answer.error_message
        return json.loads(answer.result.value)


def request(tool: str, *, metadata: Mapping[str, str] | None = None, **args: Any) -> Any:
    """A call of a tool."""
    call = pb.ExecuteToolRequest(session_id="s", tool_name=tool, metadata=metadata or {})
    for name, value in args.items():
        text = json.dumps(value).encode()
        kind = "type.googleapis.com/google.protobuf.StringValue"
        call.parameters[name].CopyFrom(ProtobufAny(type_url=kind, value=text))
    return call


class Workers:
    """Starts workers, whose adapter is ``tools.Tools``.

    Args:
        folder: Where the adapter and the ready files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tools.py").write_text(textwrap.dedent(ADAPTER))

    @contextmanager
    def started(
        self,
        *flags: str,
        command: Sequence[str | Path] = (sys.executable, SCRIPT),
        adapter: str = "tools.Tools",
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        cwd: Path | None = None,
    ) -> Iterator[Worker]:
        """Start one, and kill what is left of it in the end."""
        ready_file = self.folder / "snakepit_ready_pool_worker_1_2_3"
        variables = {
            "PYTHONPATH": str(self.folder),
            "SNAKEPIT_READY_FILE": str(ready_file),
            "SNAKEPIT_LOG_LEVEL": "info",
            # As Elixir sets them.
            "PYTHONUNBUFFERED": "1",
            "GRPC_POLL_STRATEGY": "poll",
            "GRPC_VERBOSITY": "ERROR",
            **(env or {}),
        }
        needed = ["--adapter", adapter, "--elixir-address", NOBODY, "--snakepit-run-id", RUN_ID]
        with subprocess.Popen(
            [*command, *needed, *flags],
            env={**ENVIRONMENT, **variables},
            cwd=cwd or self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                yield Worker(process, ready_file)
            finally:
                process.kill()


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    """Starts workers, whose adapter is ``tools.Tools``."""
    return Workers(tmp_path)
