"""Load on a server: h2load where it is installed, else a grpcio client, which is slower itself."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import grpc

from benchmarks.messages import frame_file


class Load(NamedTuple):
    """What one run of calls took."""

    p50_us: float
    """Median time of one call, in microseconds."""

    calls_per_s: float


def best_generator() -> str:
    """h2load where Debian's nghttp2-client is installed, else grpcio."""
    return "h2load" if shutil.which("h2load") else "grpcio"


class Run(NamedTuple):
    """What to send, how often, and how many at a time."""

    method: str
    message: bytes
    calls: int
    callers: int


def run(port: int, what: Run, folder: Path, generator: str) -> Load:
    """Send the calls and check that each succeeds.

    Args:
        port: Of the server, on the loopback.
        what: The calls.
        folder: For files of the load generator.
        generator: ``"h2load"`` or ``"grpcio"``.

    Raises:
        RuntimeError: A call failed: a benchmark of failing calls measures nothing.
    """
    if generator == "h2load":
        return _h2load(port, what, folder)
    return asyncio.run(_grpcio(port, what))


def _h2load(port: int, what: Run, folder: Path) -> Load:
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    connections = max(1, what.callers // 4)
    command = [
        "h2load",
        f"--requests={what.calls}",
        f"--clients={connections}",
        f"--max-concurrent-streams={max(1, what.callers // connections)}",
        f"--data={frame_file(folder, what.message)}",
        "--header=content-type: application/grpc",
        "--header=te: trailers",
        f"--log-file={log}",
        f"http://127.0.0.1:{port}{what.method}",
    ]
    started = time.perf_counter()
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    elapsed_s = time.perf_counter() - started
    if f"{what.calls} succeeded, 0 failed" not in told:
        raise RuntimeError(told)
    # Each line: start (µs since the epoch), HTTP status, duration (µs).
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    first = min(int(row[0]) for row in rows)
    last = max(int(row[0]) + int(row[2]) for row in rows)
    span_s = (last - first) / 1e6 or elapsed_s
    return Load(statistics.median(int(row[2]) for row in rows), what.calls / span_s)


async def _grpcio(port: int, what: Run) -> Load:
    durations: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        is_stream = what.method.endswith("Stream")
        call = _stream(channel, what.method) if is_stream else _unary(channel, what.method)

        async def caller() -> None:
            for _ in range(what.calls // what.callers):
                began = time.perf_counter()
                await call(what.message)
                durations.append(time.perf_counter() - began)

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(what.callers):
                group.create_task(caller())
        elapsed_s = time.perf_counter() - started
    return Load(statistics.median(durations) * 1e6, len(durations) / elapsed_s)


def _unary(channel: grpc.aio.Channel, method: str) -> Callable[[bytes], Awaitable[None]]:
    remote: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)

    async def call(message: bytes) -> None:
        await remote(message)

    return call


def _stream(channel: grpc.aio.Channel, method: str) -> Callable[[bytes], Awaitable[None]]:
    remote: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)

    async def call(message: bytes) -> None:
        async for _ in remote(message):
            pass

    return call
