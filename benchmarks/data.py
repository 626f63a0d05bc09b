"""How fast values travel: large arrays beside bare gRPC and JSON, small calls beside one batch.

Every trial times the same work in each way, one after the other, so that a slow machine slows all
of them; a ratio is the median over the trials.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import grpc
import msgspec
import numpy

from benchmarks.servers import LARGE, RAW_ECHO
from benchmarks.startup import ENVIRONMENT, POLL_S
from snakepit_bridge.client import AsyncClient, connect
from snakepit_bridge.values import find_encoding

ELEMENTS = 4 * 1024 * 1024
"""Of the array: 16 MiB as float32."""

BATCH = 1000
REPEATS = 200


class Ratio(NamedTuple):
    """How much faster one thing is than another."""

    what: str
    measured: float
    target: str


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def _bridge(folder: Path) -> Iterator[str]:
    ready = folder / "values-ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakepit_bridge", "serve", "--port", "0", "--allow", "math"]
    with _process([*command, "--ready-file", str(ready)]) as process:
        while not ready.exists():
            if process.poll() is not None:
                text = f"serve ended with {process.returncode} before it was ready"
                raise RuntimeError(text)
            time.sleep(POLL_S)
        yield f"127.0.0.1:{ready.read_text().strip()}"


@contextmanager
def _raw() -> Iterator[int]:
    with _process([sys.executable, "-m", "benchmarks.servers", "raw"]) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _time(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _json_there_and_back(numbers: list[float], dumps: Any, loads: Any) -> float:
    """Seconds of what a bridge of JSON does with the array: write and read, twice."""

    def both_ways() -> None:
        loads(dumps(loads(dumps(numbers))))

    return _time(both_ways)


async def _arrays(target: str, raw_port: int, trials: int) -> list[Ratio]:
    array = numpy.random.default_rng(1).random(ELEMENTS, dtype=numpy.float32)
    numbers, data = array.tolist(), array.tobytes()
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(f"127.0.0.1:{raw_port}", options=LARGE)
        )
        bare: Any = channel.unary_unary(RAW_ECHO)
        in_band = await stack.enter_async_context(
            connect(target, encoding="msgpack", shares_files=False)
        )
        shared = await stack.enter_async_context(
            connect(target, encoding="msgpack", shares_files=True)
        )
        ways: dict[str, Callable[[], Awaitable[Any]]] = {
            "bare": lambda: bare(data),
            "in band": lambda: in_band.call("system.echo", {"value": array}),
            "shared": lambda: shared.call("system.echo", {"value": array}),
        }
        for way in ways.values():
            await way()
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(trials):
            for name, way in ways.items():
                seconds[name].append(await _timed(way))
    stdlib = _json_there_and_back(numbers, json.dumps, json.loads)
    quick = _json_there_and_back(numbers, msgspec.json.encode, msgspec.json.decode)

    def over(one: str, other: str) -> float:
        return median(a / b for a, b in zip(seconds[one], seconds[other], strict=True))

    plain = median(seconds["in band"])
    return [
        Ratio("16 MiB array, over bare gRPC bytes", over("bare", "in band"), "≥ 0.45"),
        Ratio("the same, through a shared file", over("bare", "shared"), "≥ 3.00"),
        Ratio("the same array, over JSON of the stdlib", stdlib / plain, "≥ 40"),
        Ratio("the same, over JSON of msgspec", quick / plain, "reported"),
    ]


def _dict() -> dict[str, Any]:
    kinds: list[Callable[[int], Any]] = [
        lambda number: number,
        lambda number: number / 7,
        lambda number: f"text {number}",
        lambda number: [number, number + 1, "x"],
        lambda number: number % 2 == 0,
    ]
    return {f"key_{number}": kinds[number % len(kinds)](number) for number in range(200)}


def _messages(trials: int) -> list[Ratio]:
    value, ours = _dict(), find_encoding("msgpack")
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode

    def bare() -> None:
        for _ in range(REPEATS):
            decode(encode(value))

    def bridged() -> None:
        for _ in range(REPEATS):
            ours.decode(ours.encode(value))

    ratios = [_time(bare) / _time(bridged) for _ in range(trials + 1)][1:]
    return [Ratio("dict of 200 as msgpack, over msgspec", median(ratios), "≥ 0.30")]


async def _batches(target: str, trials: int) -> list[Ratio]:
    calls = [
        {"command": "python.call", "args": {"target": "math.sqrt", "args": [number]}}
        for number in range(BATCH)
    ]
    async with connect(target, encoding="msgpack") as client:
        await client.call("python.batch", {"calls": calls})
        ratios = []
        for _ in range(trials):
            one_by_one = await _timed(lambda: _one_by_one(client, calls))
            at_once = await _timed(lambda: client.call("python.batch", {"calls": calls}))
            ratios.append(one_by_one / at_once)
    return [Ratio("1,000 calls in one batch, over one by one", median(ratios), "≥ 10")]


async def _one_by_one(client: AsyncClient, calls: list[dict[str, Any]]) -> None:
    for call in calls:
        await client.call(call["command"], call["args"])


def ratios(folder: Path, trials: int) -> list[Ratio]:
    """Measure all of it.

    Args:
        folder: For files.
        trials: How often each way is timed.
    """

    async def over_the_wire(target: str, raw_port: int) -> list[Ratio]:
        return [*await _arrays(target, raw_port, trials), *await _batches(target, trials)]

    with _bridge(folder) as target, _raw() as raw_port:
        travelled = asyncio.run(over_the_wire(target, raw_port))
    return [*travelled, *_messages(trials)]
