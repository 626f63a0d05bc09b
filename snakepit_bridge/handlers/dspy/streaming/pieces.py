"""Pieces of fields, made from the text of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Piece(NamedTuple):
    """A part of the text of one field."""

    field: str
    text: str
    last: bool
    """Whether the field ends with it; its text may then be empty."""


class PieceWriter:
    """Writes down what belongs to fields; each field counts once, as in DSPy.

    Args:
        names: The fields; whatever else begins is left out.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._unseen = set(names)
        self._field: str | None = None
        self._exact = False
        self._has_text = False
        self._space: list[str] = []
        self._texts: list[str] = []
        self._pieces: list[Piece] = []
        self.begun_at: int | None = None
        """Where in the answer the first field began, in characters."""

    def begin(self, name: str, *, at: int, exact: bool = False) -> bool:
        """End the field before and begin another.

        Args:
            name: Of the field.
            at: Characters of the answer up to here.
            exact: Keep the white space around the text, too.

        Returns:
            Whether it is a field, and new.
        """
        self.end()
        if name not in self._unseen:
            return False
        self._unseen.remove(name)
        self._field, self._exact, self._has_text = name, exact, False
        if self.begun_at is None:
            self.begun_at = at
        return True

    def add(self, text: str) -> None:
        """Add to the field, if there is one; white space waits for text that follows it."""
        if self._field is None:
            return
        if self._exact:
            self._texts.append(text)
            return
        seen = text.rstrip()
        if seen:
            self._texts += [*self._space, seen] if self._has_text else [seen.lstrip()]
            self._has_text = True
            self._space = []
        if self._has_text and len(seen) < len(text):
            self._space.append(text[len(seen) :])

    def drop_space(self) -> None:
        """Forget white space that waits."""
        self._space = []

    def end(self) -> None:
        """End the field, if there is one, without the white space that waits."""
        if self._field is not None:
            self._pieces.append(Piece(self._field, "".join(self._texts), last=True))
        self._field, self._texts, self._space = None, [], []

    def take(self) -> list[Piece]:
        """What has been written since the last time, at most one piece of each field."""
        if self._field is not None and self._texts:
            self._pieces.append(Piece(self._field, "".join(self._texts), last=False))
            self._texts = []
        pieces, self._pieces = self._pieces, []
        return pieces
