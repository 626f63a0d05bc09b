"""A double of Snakepit's Elixir side, which serves what Elixir serves."""

from snakepit_bridge.testing.elixir.answers import Binary, ElixirError
from snakepit_bridge.testing.elixir.host import FakeElixirHost
from snakepit_bridge.testing.elixir.journal import Journal
from snakepit_bridge.testing.elixir.json_rules import BinaryResult, ZeroCopy
from snakepit_bridge.testing.elixir.listener import Call
from snakepit_bridge.testing.elixir.orphans import orphans_of
from snakepit_bridge.testing.elixir.process import Termination, WorkerStartError
from snakepit_bridge.testing.elixir.servicer import ElixirThrow
from snakepit_bridge.testing.elixir.stream import ElixirStream
from snakepit_bridge.testing.elixir.transcript import normalised
from snakepit_bridge.testing.elixir.vigil import HeartbeatRules, Rhythm
from snakepit_bridge.testing.elixir.worker_handle import FakeWorkerHandle

__all__ = [
    "Binary",
    "BinaryResult",
    "Call",
    "ElixirError",
    "ElixirStream",
    "ElixirThrow",
    "FakeElixirHost",
    "FakeWorkerHandle",
    "HeartbeatRules",
    "Journal",
    "Rhythm",
    "Termination",
    "WorkerStartError",
    "ZeroCopy",
    "normalised",
    "orphans_of",
]
