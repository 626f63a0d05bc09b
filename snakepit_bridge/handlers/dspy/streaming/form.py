"""One way to write fields into an answer, read step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from snakepit_bridge.handlers.dspy.streaming.pieces import PieceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Step = Callable[[str, int], int | None]
    """Reads on from a position and returns the next; ``None`` when it has to see more first."""

LONGEST_NAME = 200
"""Characters; what is longer names no field."""


class Form(ABC):
    """Reads the deltas of one answer; what it cannot decide yet it reads again with the next.

    Args:
        names: The fields.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.writer = PieceWriter(names)
        self._step = self.first_step
        self._rest = ""
        self._before_rest = 0

    @property
    @abstractmethod
    def first_step(self) -> Step:
        """How the answer is read at its beginning."""

    def feed(self, delta: str) -> None:
        """Read the next text of the answer."""
        text, position = self._rest + delta, 0
        while position < len(text):
            after = self._step(text, position)
            if after is None:
                break
            position = after
        self._rest = text[position:]
        self._before_rest += position

    def finish(self) -> None:
        """The answer ends here."""
        self.writer.end()

    def _at(self, position: int) -> int:
        """A position of this text as one of the answer."""
        return self._before_rest + position
