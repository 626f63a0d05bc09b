"""A worker with the adapters of ``worker_adapters.py``, for tests of the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snakepit_bridge.testing.elixir import FakeElixirHost, FakeWorkerHandle

_ADAPTERS = Path(__file__).with_name("worker_adapters.py")


def spawn_field(host: FakeElixirHost, adapter: str = "Field", **options: Any) -> FakeWorkerHandle:
    """Start a worker whose adapter stands where those of users do, beside Snakepit's own Python."""
    host.write_adapter("field.py", _ADAPTERS.read_text(encoding="utf-8"))
    return host.spawn(f"field.{adapter}", **options)


def registered(host: FakeElixirHost, *, count: int = 1) -> None:
    """Return once Elixir has accepted the tools of so many workers."""
    host.transcript.wait_for(
        lambda record: record["rpc"] == "RegisterTools" and record["message"].get("success"),
        count=count,
    )
