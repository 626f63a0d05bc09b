"""Standard error for those who must not wait until somebody reads it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

_STDERR = 2

_ANEW = "/proc/self/fd/2"
"""Opens what standard error is once more."""


def open_stderr() -> int:
    """Standard error, such that a full pipe refuses what is written instead of waiting.

    Returns:
        A file descriptor, to be closed with ``close_stderr``. Where the system has no such thing
        it is standard error itself, as it is.
    """
    # The mode belongs to what is open, not to the number: switched for number 2 it would hit all
    # that writes to the same pipe.
    with suppress(OSError):
        if stat.S_ISFIFO(os.fstat(_STDERR).st_mode):
            return os.open(_ANEW, os.O_WRONLY | os.O_NONBLOCK)
    return _STDERR


def close_stderr(opened: int) -> None:
    """Close what ``open_stderr`` has opened."""
    if opened != _STDERR:
        os.close(opened)


def write_or_drop(text: str) -> None:
    """Write to standard error; what finds no room there, or no standard error, is lost."""
    opened = open_stderr()
    try:
        with suppress(OSError):
            os.write(opened, text.encode(errors="backslashreplace"))
    finally:
        close_stderr(opened)
