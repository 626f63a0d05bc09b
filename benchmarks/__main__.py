"""Measure everything in one run, print the ratios, write JSON: ``make bench``.

Every number is the median over rounds; within a round the servers take turns, so that a machine
that gets slower slows all of them. A ratio is the median of the ratios of each round. Inside the
measured interval is one call as the client sees it, connection set-up excluded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks import data, dspy, load, memory, messages, startup, worker

RESULT = Path("build/bench/result.json")


Seen = Mapping[str, list[load.Load]]
"""What was measured of each case, round by round."""


class Case(NamedTuple):
    """One thing to measure on one server."""

    name: str
    server: str
    run: load.Run


class Row(NamedTuple):
    """One line of the table."""

    what: str
    measured: float
    target: str
    unit: str = "×"


def _cases(scale: float, session_id: str) -> list[Case]:
    cases = []
    for callers, calls in ((1, 1000), (32, 4000)):
        amount = max(callers, int(calls * scale)) // callers * callers
        for server, kind in (
            ("floor", "async"),
            ("bridge", "async"),
            ("bridge", "def"),
            ("bridge-sdk", "async"),
        ):
            name = server if server != "bridge" else kind
            message = messages.request(f"bench.{kind}")
            run = load.Run(messages.EXECUTE, message, calls=amount, callers=callers)
            cases.append(Case(f"{name} × {callers}", server, run))
    for server in ("floor", "worker"):
        amount = max(1, int(1000 * scale))
        message = messages.tool_request(session_id)
        run = load.Run(messages.EXECUTE_TOOL, message, calls=amount, callers=1)
        cases.append(Case(f"{server} tool × 1", server, run))
        chunks = messages.tool_stream_request(session_id)
        amount = max(1, int(8 * scale))
        run = load.Run(messages.EXECUTE_STREAMING_TOOL, chunks, calls=amount, callers=1)
        cases.append(Case(f"{server} tool stream", server, run))
    for name, server in (("floor", "floor"), ("async", "bridge"), ("def", "bridge")):
        kind = "async" if name == "floor" else name
        message = messages.stream_request(f"bench.{kind}_stream")
        run = load.Run(messages.EXECUTE_STREAM, message, calls=max(1, int(8 * scale)), callers=1)
        cases.append(Case(f"{name} stream", server, run))
    return cases


@contextmanager
def _server(kind: str) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.servers", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _measure(rounds: int, scale: float, folder: Path, generator: str) -> tuple[Seen, int]:
    with ExitStack() as stack:
        ports = {
            kind: stack.enter_context(_server(kind)) for kind in ("floor", "bridge", "bridge-sdk")
        }
        snakepit = stack.enter_context(worker.worker())
        ports["worker"] = snakepit.port
        calls_back = snakepit.calls_back()
        seen: dict[str, list[load.Load]] = defaultdict(list)
        for number in range(rounds + 1):
            for case in _cases(scale, snakepit.session_id):
                seen[case.name].append(load.run(ports[case.server], case.run, folder, generator))
            print(f"round {number} of {rounds}", file=sys.stderr)
        calls_back = snakepit.calls_back() - calls_back
    # The first round warmed up.
    return {name: loads[1:] for name, loads in seen.items()}, calls_back


def _rows(seen: Seen) -> list[Row]:
    def p50(name: str, base: str) -> float:
        pairs = zip(seen[name], seen[base], strict=True)
        return statistics.median(one.p50_us / other.p50_us for one, other in pairs)

    def rate(name: str, base: str) -> float:
        pairs = zip(seen[name], seen[base], strict=True)
        return statistics.median(one.calls_per_s / other.calls_per_s for one, other in pairs)

    return [
        Row("p50, async def, 1 caller", p50("async × 1", "floor × 1"), "≤ 1.20"),
        Row("p50, def, 1 caller", p50("def × 1", "floor × 1"), "≤ 1.45"),
        Row("calls/s, async def, 32 callers", rate("async × 32", "floor × 32"), "≥ 0.85"),
        Row("calls/s, def, 32 callers", rate("def × 32", "floor × 32"), "≥ 0.65"),
        Row("chunks/s, async generator", rate("async stream", "floor stream"), "≥ 0.90"),
        Row("chunks/s, def generator", rate("def stream", "floor stream"), "≥ 0.70"),
        Row("p50, SDK on, over SDK off", p50("bridge-sdk × 1", "async × 1"), "≤ 1.30"),
        Row("p50, ExecuteTool echo", p50("worker tool × 1", "floor tool × 1"), "≤ 1.60"),
        Row("chunks/s, streaming tool", rate("worker tool stream", "floor tool stream"), "≥ 0.70"),
        Row(
            "the same",
            messages.CHUNKS_PER_STREAM
            * statistics.median(each.calls_per_s for each in seen["worker tool stream"]),
            "≥ 25000, or as above",
            "chunks/s",
        ),
    ]


def _startup_rows(rounds: int, folder: Path) -> tuple[list[Row], dict[str, float]]:
    trials = [
        (startup.import_grpc_s(), startup.serve_ready_s(folder), worker.ready_s(folder))
        for _ in range(rounds + 1)
    ][1:]
    bare, serve, snakepit = zip(*trials, strict=True)
    rows = [
        Row("serve ready, over import grpc", _median_ratio(serve, bare), "≤ 2.00"),
        Row("worker ready, over import grpc", _median_ratio(snakepit, bare), "≤ 1.70"),
    ]
    return rows, {
        "import_grpc_s": statistics.median(bare),
        "serve_ready_s": statistics.median(serve),
        "worker_ready_s": statistics.median(snakepit),
    }


def _median_ratio(measured: Sequence[float], base: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(measured, base, strict=True))


def _print_table(rows: list[Row]) -> None:
    width = max(len(row.what) for row in rows)
    print(f"{'':{width}}  measured  target")
    for row in rows:
        print(f"{row.what:{width}}  {_value(row):>8}  {row.target}")


def _value(row: Row) -> str:
    if row.unit == "×":
        return f"{row.measured:.2f}{row.unit}"
    digits = 2 if row.unit in {"ms", "MB"} else 0
    return f"{row.measured:.{digits}f} {row.unit}"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds after the warm-up")
    parser.add_argument("--scale", type=float, default=1.0, help="calls per round, relative")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the JSON goes")
    parser.add_argument(
        "--load", choices=("h2load", "grpcio"), default=load.best_generator(), help="what calls"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seen, calls_back = _measure(options.rounds, options.scale, folder, options.load)
        startup_rows, seconds = _startup_rows(options.rounds, folder)
        data_rows = [Row(*ratio) for ratio in data.ratios(folder, options.rounds)]
        dspy_rows = [Row(*figure) for figure in dspy.figures(folder, options.rounds, options.scale)]
    rows = [
        *_rows(seen),
        Row("RPCs to Elixir for all its calls", calls_back, "0", "RPCs"),
        *startup_rows,
        *data_rows,
        *dspy_rows,
        Row("idle session", memory.bytes_per_session(), "≤ 2048", "bytes"),
    ]
    _print_table(rows)
    report = {
        "measured_at": datetime.now(UTC).isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "load_generator": options.load,
        "ratios": {row.what: round(row.measured, 3) for row in rows},
        "medians": {
            name: {
                "p50_us": statistics.median(each.p50_us for each in loads),
                "calls_per_s": statistics.median(each.calls_per_s for each in loads),
            }
            for name, loads in seen.items()
        },
        "startup": seconds,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(f"Written to {options.output}; load by {report['load_generator']}.")


if __name__ == "__main__":
    main()
