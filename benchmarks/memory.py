"""Bytes of Python's heap per idle session: ``python -m benchmarks.memory`` prints the number."""

from __future__ import annotations

import tracemalloc

from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

SESSIONS = 10_000


def bytes_per_session() -> float:
    """Average over ``SESSIONS`` sessions, each used once and idle since."""
    manager = SessionManager(EmbeddedHost())
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(SESSIONS):
        manager.leave(manager.enter(f"session-{number}"))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / SESSIONS


if __name__ == "__main__":
    print(bytes_per_session())
