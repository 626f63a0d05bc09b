"""The first three file descriptors of a process, which must be what everybody takes them for."""

from __future__ import annotations

import os

_STANDARD = range(3)


def open_standard_files() -> None:
    """Put the null device where standard input, output or error is closed.

    Else the next file that is opened gets the number: the pipe of signals would pass for standard
    input, and what is meant for standard error would be written to a connection.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, which is this one. Children shall have it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  (its only form)
