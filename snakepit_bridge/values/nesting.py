"""What every pass of a writer over a value refuses: circles, too many levels, half characters."""

from __future__ import annotations

from snakepit_bridge.values.refusals import (
    MAX_DEPTH,
    CannotWriteError,
    has_lone_surrogate,
    lone_surrogate,
    too_deep,
)


class Nesting:
    """One pass down into one value; those of all encodings are of this kind."""

    def __init__(self) -> None:
        self._inside_of: set[int] = set()

    def text(self, text: str) -> str:
        """The text, if UTF-8 can express it.

        Raises:
            CannotWriteError: It cannot.
        """
        if has_lone_surrogate(text):
            raise CannotWriteError(*lone_surrogate())
        return text

    def _enter(self, value: object, max_depth: int = MAX_DEPTH) -> None:
        if id(value) in self._inside_of:
            raise CannotWriteError("contains itself", "Return a copy that leaves out the way back.")
        if len(self._inside_of) >= max_depth:
            raise CannotWriteError(*too_deep())
        self._inside_of.add(id(value))

    def _leave(self, value: object) -> None:
        self._inside_of.remove(id(value))
