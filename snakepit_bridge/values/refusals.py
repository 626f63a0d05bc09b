"""What an encoding refuses, with the place, the reason and the next step."""

from __future__ import annotations

import re
from collections.abc import Iterable

from snakepit_bridge.values.paths import Step, path_text

MAX_DEPTH = 200
"""Levels of nesting that travel, in both directions and in every encoding.

Real data stay below 30. Walking a value takes two Python frames per level, so this leaves more
than half of CPython's 1,000 frames to whoever called; common parsers stop between 128 and 254.
"""

_SURROGATE = re.compile("[\ud800-\udfff]")


class RefusedError(Exception):
    """A value, or the bytes of one, that an encoding does not take.

    Args:
        reason: What is wrong, as the end of a sentence that begins with the place.
        hint: What to do about it.
        steps: Where, as far as it is known; ``inside`` adds what lies above.
    """

    def __init__(self, reason: str, hint: str, steps: Iterable[Step] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self._steps = list(steps)

    def inside(self, step: Step) -> None:
        """Note, on the way up, below which step the trouble lies."""
        self._steps.insert(0, step)

    @property
    def path(self) -> str:
        """Where in the value, e.g. ``$.rows[3]``."""
        return path_text(self._steps)

    def __str__(self) -> str:
        return f"{self.path} {self.reason}"


class CannotWriteError(RefusedError):
    """A value that has no form in this encoding."""


class CannotReadError(RefusedError):
    """Bytes that cannot become a value."""


class NotThisEncodingError(CannotReadError):
    """Bytes that do not follow the grammar of the encoding; there is no value to have a path."""

    def __str__(self) -> str:
        return self.reason


def too_deep() -> tuple[str, str]:
    """Reason and hint of everything that is nested too deeply."""
    return (
        f"is nested deeper than {MAX_DEPTH} levels",
        "Flatten the data, e.g. into a list of rows with the numbers of their parents.",
    )


def has_lone_surrogate(text: str) -> bool:
    """Whether UTF-8 cannot express ``text``."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def lone_surrogate() -> tuple[str, str]:
    """Reason and hint of a text that UTF-8 cannot express."""
    return (
        "has a lone surrogate, which is half a character",
        "Repair the text, e.g. with text.encode('utf-8', 'replace').decode().",
    )
