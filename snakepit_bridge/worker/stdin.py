"""The worker's standard input, a pipe on which Elixir says nothing for as long as it lives."""

from __future__ import annotations

import os
import stat

from snakepit_bridge.worker.parent import readable

_SOME_BYTES = 4096

STDIN = 0


def is_lifeline(fd: int = STDIN) -> bool:
    """Whether its end means that somebody has gone: so with a pipe, not with ``</dev/null``."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:  # closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


async def stdin_closed(fd: int = STDIN) -> None:
    """Return once the other end of the pipe is closed; what comes through it is thrown away."""
    await readable(fd)
    while not has_ended(fd):
        await readable(fd)


def has_ended(fd: int) -> bool:
    """Whether a pipe that can be read is at its end; what there is to read is taken from it."""
    try:
        return not os.read(fd, _SOME_BYTES)
    except BlockingIOError:  # a tool was faster
        return False
    except OSError:  # a connection that was reset
        return True
