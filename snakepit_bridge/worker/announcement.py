"""Tells Elixir where a worker listens."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from snakepit_bridge.worker.ready_file import remove_ready_file, write_ready_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def announced(
    port: int, ready_file: Path | None, *, if_killed: Callable[[Callable[[], None]], None]
) -> Iterator[None]:
    """Write the ready file, and the line that Snakepit 0.4 reads, for as long as the block runs.

    Args:
        port: Where the worker listens.
        ready_file: None where nobody reads one.
        if_killed: Told what to do should the block never be left.

    Raises:
        OSError: The file cannot be written.
    """
    if ready_file is None:
        _write_line(port)
        yield
        return
    write_ready_file(ready_file, port)
    if_killed(lambda: remove_ready_file(ready_file, port))
    _write_line(port)
    try:
        yield
    finally:
        remove_ready_file(ready_file, port)


def _write_line(port: int) -> None:
    # Nobody may be there to read it, and there need not even be an output.
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.write(f"GRPC_READY:{port}\n")
        sys.stdout.flush()
