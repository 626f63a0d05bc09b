"""An Elixir that starts workers, tells their ids, and waits to be killed.

``python -m tests.integration.mortal_host MOMENT``: at ``start`` the workers have just been started,
at ``work`` they do what they are there for.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from typing import Any

from snakepit_bridge.settings import environment
from snakepit_bridge.testing.elixir import FakeElixirHost, FakeWorkerHandle, HeartbeatRules
from snakepit_bridge.testing.elixir.launch import (
    RunningIn,
    WorkerSpec,
    command_line,
    worker_environment,
    working_folder,
)
from snakepit_bridge.testing.elixir.process import Spawned, WorkerProcess, start_process
from tests.integration.busy_worker import READY_S, spawn_busy, write_adapters

SPECS: Mapping[str, WorkerSpec] = {
    "process": WorkerSpec(adapter="busy.Busy"),
    "thread": WorkerSpec(adapter="busy.Busy", profile="thread"),
}
"""Workers that are started but not spoken to, so they never see a session."""


async def main(moment: str) -> None:
    with FakeElixirHost() as host:
        write_adapters(host)
        unseen = {name: await _started(host, name) for name in SPECS}
        pids = {f"{name}, unseen": process.pid for name, process in unseen.items()}
        if moment == "work":
            for process in unseen.values():
                await process.port()
            seen = await asyncio.to_thread(_spawned, host)
            pids.update({name: worker.pid for name, worker in seen.items()})
        print(json.dumps(pids), flush=True)  # noqa: T201  (whoever started it reads it)
        signal.pause()


async def _started(host: FakeElixirHost, name: str) -> WorkerProcess:
    spec = SPECS[name]
    where = RunningIn(
        folders=host.folders,
        elixir_address=host.address,
        run_id=host.run_id,
        worker_id=f"{name}_worker_1_67",
        environment=environment(),
    )
    ready_file = where.ready_file
    return await start_process(
        Spawned(
            command_line=command_line(spec, where),
            cwd=working_folder(spec, where),
            environment=worker_environment(spec, where, ready_file),
            ready_file=ready_file,
        )
    )


def _spawned(host: FakeElixirHost) -> Mapping[str, FakeWorkerHandle]:
    workers = {
        "process": spawn_busy(host),
        "thread": spawn_busy(host, profile="thread"),
        "independent": spawn_busy(host, heartbeat=HeartbeatRules(dependent=False)),
        "busy": spawn_busy(host),
    }
    for tool, options in _BUSINESS.items():
        workers["busy"].submit(tool, {"gate": tool}, concurrent=True, **options)
        workers["busy"].output.wait_for(f"inside {tool}.", timeout_s=READY_S)
    return workers


_BUSINESS: Mapping[str, Mapping[str, Any]] = {
    "compute": {},
    "acompute": {},
    "block": {"thread_sensitive": True},
}

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
