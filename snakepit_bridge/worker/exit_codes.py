"""What the end of a worker process says to whoever started it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a worker ended. Death by a signal has the code of that signal, as ever."""

    DONE = 0
    """It was asked to stop, by SIGTERM or SIGINT."""

    CANNOT_START = 1
    """No adapter, no port, or no handlers; also what ends a process that holds its interpreter."""

    USAGE = 2
    """Flags or variables that cannot be used."""

    HOST_LOST = 70
    """The host did not answer heartbeats."""

    PARENT_GONE = 71
    """The process that started it has ended, or closed its standard input."""
