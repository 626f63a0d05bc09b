"""What the ``dspy.*`` commands cost beyond DSPy itself: ``python -m benchmarks.dspy``.

Client, server and language model share a process. Inside a measured interval is one call as its
client sees it; importing DSPy, making the connection and creating the instance are not.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import dspy_growth, dspy_import
from benchmarks.dspy_bridge import (
    ANSWER,
    ASKED,
    SESSION,
    SIGNATURE,
    Scene,
    TimedEngine,
    asked,
    configured,
)
from benchmarks.dspy_bridge import scene as open_scene
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import offline_lm

CALLS = 200
"""Of each kind in a round."""

STREAMS = 20
CANCELS = 10

CALLERS = 32
MODEL_S = 0.2

PAUSE_S = 0.02
"""Between the first text of a stream and the next, which must not be what pushes it out."""

FOR_EVER_S = 60.0
"""How long a model takes whose call is cancelled."""


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    measured: float
    target: str
    unit: str = "ms"


# --- calls ----------------------------------------------------------------------------------------


async def _overheads(scene: Scene, calls: int) -> tuple[float, float]:
    """Median milliseconds beyond ``acall``: over gRPC, and in process."""
    dspy = DSPyDoor().open()
    module = dspy.Predict(SIGNATURE)
    model = offline_lm([ANSWER])

    async def direct() -> None:
        await module.acall(**ASKED)

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "grpc": lambda: asked(scene.over_grpc, scene.ref),
        "in process": lambda: asked(scene.in_process, scene.ref),
    }
    seen: dict[str, list[float]] = {"direct": [], **{name: [] for name in ways}}
    for _ in range(calls):
        # The bridge's own calls must not find what is set for the direct one.
        with dspy.context(lm=model):
            seen["direct"].append(await _ms(direct))
        for name, way in ways.items():
            seen[name].append(await _ms(way))
    base = median(seen["direct"])
    return median(seen["grpc"]) - base, median(seen["in process"]) - base


async def _ms(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return (time.perf_counter() - started) * 1000


async def _at_once(scene: Scene) -> float:
    """Milliseconds until all of many calls at once are over, whose model takes ``MODEL_S``."""
    scene.use(TimedEngine(MODEL_S))

    async def all_of_them() -> None:
        await asyncio.gather(*(asked(scene.over_grpc, scene.ref) for _ in range(CALLERS)))

    return await _ms(all_of_them)


# --- moments --------------------------------------------------------------------------------------


async def _first_token(scene: Scene) -> float:
    """Milliseconds from the model's first text to the client that reads it."""
    engine = TimedEngine(PAUSE_S)
    scene.use(engine)
    wanted = {"ref": scene.ref, "args": ASKED}
    events = scene.over_grpc.stream("dspy.stream", wanted, session=SESSION)
    read_at = 0.0
    async with aclosing(events):
        async for event in events:
            if event["event"] == "token" and not read_at:
                read_at = time.perf_counter()
    if not read_at:
        raise RuntimeError("dspy.stream told no token")
    return (read_at - engine.wrote_at.result(0)) * 1000


async def _cancelled(scene: Scene) -> float:
    """Milliseconds from a client's cancel until the coroutine of the model has ended."""
    engine = TimedEngine(FOR_EVER_S)
    scene.use(engine)
    call = asyncio.create_task(asked(scene.over_grpc, scene.ref))
    await asyncio.wrap_future(engine.asked)
    started = time.perf_counter()
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    return (await asyncio.wrap_future(engine.ended_at) - started) * 1000


async def _times(number: int, work: Callable[[Scene], Awaitable[float]], scene: Scene) -> float:
    return median([await work(scene) for _ in range(number)])


async def _round(scene: Scene, share: float) -> dict[str, float]:
    def some(number: int) -> int:
        return max(1, int(number * share))

    over_grpc, in_process = await _overheads(scene, some(CALLS))
    seen = {
        "grpc": over_grpc,
        "in process": in_process,
        "token": await _times(some(STREAMS), _first_token, scene),
        "at once": await _at_once(scene),
        "cancel": await _times(some(CANCELS), _cancelled, scene),
    }
    await configured(scene.in_process)  # the next round begins with the offline model again
    return seen


def timings(rounds: int, scale: float = 1.0) -> list[Figure]:
    """Measure calls and moments, in this process.

    Args:
        rounds: After the one that warms up.
        scale: Calls per round, relative.
    """

    async def measured() -> list[dict[str, float]]:
        async with open_scene() as scene:
            return [await _round(scene, scale) for _ in range(rounds + 1)][1:]

    seen = asyncio.run(measured())

    def p50(name: str) -> float:
        return median(each[name] for each in seen)

    return [
        Figure("dspy.call_method over gRPC, beyond acall", p50("grpc"), "≤ 3.00"),
        Figure("dspy.call_method in process, beyond acall", p50("in process"), "≤ 3.00"),
        Figure("dspy.stream, first token", p50("token"), "≤ 5.00"),
        Figure("32 calls at once of 200 ms each", p50("at once"), "≤ 500"),
        Figure("cancel, until the model's code has ended", p50("cancel"), "≤ 200"),
    ]


# --- processes ------------------------------------------------------------------------------------


def processes(
    folder: Path, rounds: int, cycles: int = dspy_growth.CYCLES, warm_up: int = dspy_growth.WARM_UP
) -> list[Figure]:
    """Measure what DSPy does to a process, each time in a new one.

    Args:
        folder: For files.
        rounds: How often each way to import is timed.
        cycles: Instances that come and go.
        warm_up: Those before them.
    """
    grown_mb = dspy_growth.in_new_process(cycles, warm_up)
    costs = {when: dspy_import.measured(when, folder, rounds) for when in dspy_import.WAYS}
    lazy, early = costs["first-use"], costs["ready"]
    return [
        Figure("instances that come and go", grown_mb, "reported", "MB"),
        *(
            Figure(f"first call, --dspy-import {when}", cost.call_ms, "reported", "ms")
            for when, cost in costs.items()
        ),
        Figure("serve ready", lazy.ready_ms, "reported"),
        Figure("serve ready, --dspy-import ready", early.ready_ms, "reported"),
        Figure("memory of serve before DSPy", lazy.before_mb, "reported", "MB"),
        Figure("memory of serve with DSPy", lazy.after_mb, "reported", "MB"),
    ]


def figures(folder: Path, rounds: int, scale: float = 1.0) -> list[Figure]:
    """Measure all of it.

    Args:
        folder: For files.
        rounds: After the one that warms up.
        scale: Calls per round, relative.
    """
    return [*timings(rounds, scale), *processes(folder, min(rounds, 3))]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dspy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds after the warm-up")
    parser.add_argument("--scale", type=float, default=1.0, help="calls per round, relative")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for figure in figures(Path(name), options.rounds, options.scale):
            print(f"{figure.what:45} {figure.measured:9.2f} {figure.unit}  {figure.target}")


if __name__ == "__main__":
    main()
