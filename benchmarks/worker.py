"""A worker of Snakepit under measurement, spawned as Elixir spawns it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.startup import ENVIRONMENT, POLL_S
from snakepit_bridge.testing.elixir import FakeElixirHost
from snakepit_bridge.worker import grpc_server

READY_S = 10.0
"""Bounds a worker that never registers its tools."""

SHOWCASE = "snakepit_bridge.adapters.showcase.ShowcaseAdapter"
SCRIPT = Path(grpc_server.__file__)


class Worker(NamedTuple):
    """A worker that serves, with the Elixir it belongs to."""

    port: int
    session_id: str
    """The one Elixir gave it."""

    host: FakeElixirHost

    def calls_back(self) -> int:
        """RPCs that Elixir got from the worker so far, but for those that only ask if it lives."""
        alive = ("Heartbeat", "Ping")
        return sum(call.rpc not in alive for call in self.host.calls)


@contextmanager
def worker() -> Iterator[Worker]:
    """A worker with the showcase adapter, initialised by a stand-in for Elixir."""
    with FakeElixirHost() as host:
        handle = host.spawn(adapter=SHOWCASE)
        # What a worker tells Elixir once, whatever is called.
        host.calls.wait_for(lambda call: call.rpc == "RegisterTools", timeout_s=READY_S)
        yield Worker(handle.port, handle.session_id, host)


def ready_s(folder: Path) -> float:
    """Seconds from the spawn of a worker to its ready file."""
    ready = folder / "snakepit_ready_default_worker_1_1_1"
    ready.unlink(missing_ok=True)
    command = [sys.executable, str(SCRIPT), "--adapter", SHOWCASE, "--port", "0"]
    command += ["--elixir-address", "127.0.0.1:9", "--snakepit-run-id", "bench00"]
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**ENVIRONMENT, "SNAKEPIT_READY_FILE": str(ready)},
    ) as process:
        while not ready.exists():
            if process.poll() is not None:
                text = f"the worker ended with {process.returncode} before it was ready"
                raise RuntimeError(text)
            time.sleep(POLL_S)
        elapsed_s = time.perf_counter() - started
        os.kill(process.pid, 9)
    return elapsed_s
