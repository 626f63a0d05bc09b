"""A worker with the adapters of ``worker_adapters_busy.py``, seen from outside."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snakepit_bridge.testing.elixir import (
    FakeElixirHost,
    FakeWorkerHandle,
    HeartbeatRules,
    Rhythm,
)
from snakepit_bridge.testing.elixir.transcript import Record

_ADAPTERS = Path(__file__).with_name("worker_adapters_busy.py")

FAST = Rhythm(heartbeat=HeartbeatRules(interval_s=0.03))
"""Elixir asks far more often than it does; an answer may still take as long as ever."""

PROMISED_S = 5.0
"""In which a worker has to end."""

READY_S = 30.0
"""How long a worker may take to be there; also bounds what takes long only under load."""


def write_adapters(host: FakeElixirHost) -> None:
    """Put the adapters where those of users are, as the module ``busy``."""
    host.write_adapter("busy.py", _ADAPTERS.read_text(encoding="utf-8"))


def spawn_busy(host: FakeElixirHost, adapter: str = "Busy", **options: Any) -> FakeWorkerHandle:
    """Start a worker; ``options`` are those of ``FakeElixirHost.spawn``."""
    write_adapters(host)
    return host.spawn(f"busy.{adapter}", **options)


def heartbeats(host: FakeElixirHost, *, count: int = 10) -> None:
    """Return once the host's only worker has answered so many heartbeats more."""
    before = len(host.transcript.matching(_is_answered))
    host.transcript.wait_for(_is_answered, count=before + count, timeout_s=READY_S)


def _is_answered(record: Record) -> bool:
    kind = record["rpc"], record["direction"], record["part"]
    return kind == ("Heartbeat", "to_worker", "answer")


class Watched:
    """A process that may end; see ``watched``."""

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it came."""
        return bool(select.select([self._pidfd], [], [], seconds)[0])


@contextmanager
def watched(pid: int) -> Iterator[Watched]:
    """The process of this id, for as long as the block runs: never another one that gets the id."""
    pidfd = os.pidfd_open(pid)
    try:
        yield Watched(pidfd)
    finally:
        os.close(pidfd)


def all_end_within(processes: Iterable[Watched], seconds: float) -> bool:
    """Wait for the end of all, at most so long; whether it came."""
    until = time.monotonic() + seconds
    return all(each.ends_within(max(0.0, until - time.monotonic())) for each in processes)
