"""What the first ``dspy.*`` command of a server costs, by when DSPy is imported."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.dspy_bridge import created
from benchmarks.dspy_growth import resident_mb
from benchmarks.startup import ENVIRONMENT, POLL_S
from snakepit_bridge.client import connect

WAYS = ("first-use", "background", "ready")

BACKGROUND_S = 8.0
"""How long a server that imports in the background is left alone, several times what it needs."""


class Cost(NamedTuple):
    """What one server took."""

    ready_ms: float
    """From the start of the process to its ready file."""

    call_ms: float
    """The first command of DSPy."""

    before_mb: float
    """Resident memory before it."""

    after_mb: float


def measured(when: str, folder: Path, rounds: int) -> Cost:
    """The medians of servers that import DSPy at this time."""
    costs = [_one(when, folder) for _ in range(rounds)]
    return Cost(*(median(column) for column in zip(*costs, strict=True)))


def _one(when: str, folder: Path) -> Cost:
    ready = folder / "dspy-ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakepit_bridge", "serve", "--port", "0"]
    command += ["--ready-file", str(ready), "--dspy-import", when]
    started = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        try:
            _wait(process, ready)
            ready_ms = (time.perf_counter() - started) * 1000
            if when == "background":
                time.sleep(BACKGROUND_S)
            before_mb = resident_mb(process.pid)
            call_ms = asyncio.run(_first_call_ms(f"127.0.0.1:{ready.read_text().strip()}"))
            return Cost(ready_ms, call_ms, before_mb, resident_mb(process.pid))
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], ready: Path) -> None:
    while not ready.exists():
        if process.poll() is not None:
            text = f"serve ended with {process.returncode} before it was ready"
            raise RuntimeError(text)
        time.sleep(POLL_S)


async def _first_call_ms(target: str) -> float:
    async with connect(target) as client:
        await client.call("system.ping")
        started = time.perf_counter()
        await created(client)
        return (time.perf_counter() - started) * 1000
