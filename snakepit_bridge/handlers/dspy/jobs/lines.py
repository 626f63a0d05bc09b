"""Text that programs print, piece by piece, as the lines people would have read."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

MAX_LINE = 4000
"""Characters of one line; the rest of a longer one is dropped."""

# Colours and movements of the cursor, as terminals understand them.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Lines:
    """Puts pieces of text together to lines. Safe from any thread; each has lines of its own.

    A progress bar writes one line again and again, each time from its beginning: what it has
    written last is the line.

    Args:
        tell: Takes each line that is not empty.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._begun: dict[tuple[int, str], str] = {}

    def write(self, stream: str, text: str) -> None:
        """Take in a piece of text.

        Args:
            stream: Its name; streams have lines of their own.
            text: Any number of lines, begun or ended.
        """
        key = (threading.get_ident(), stream)
        with self._lock:
            *ended, rest = (self._begun.pop(key, "") + text).split("\n")
            if rest:
                self._begun[key] = _shortened(rest)
        self._tell_all(ended)

    def flush(self) -> None:
        """Tell the lines that have no end."""
        with self._lock:
            begun, self._begun = list(self._begun.values()), {}
        self._tell_all(begun)

    def _tell_all(self, lines: list[str]) -> None:
        for line in lines:
            seen = _seen(line)
            if seen:
                self._tell(seen)


def _seen(line: str) -> str:
    """What of a line can be read in the end."""
    parts = (part.strip() for part in reversed(_CONTROL.sub("", line).split("\r")))
    return next((part for part in parts if part), "")[:MAX_LINE]


def _shortened(begun: str) -> str:
    """The beginning of a line without what has been written over since."""
    kept = begun if begun.count("\r") <= 1 else "\r".join(begun.split("\r")[-2:])
    return kept[: 2 * MAX_LINE]
