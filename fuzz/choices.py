"""Values made of bytes, so that what is changed in the bytes changes the value in its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")

_MOST_MEMBERS = 4

_MOST_LEVELS = 12


class Choices:
    """Answers questions from bytes; when they are used up the answer is the first one.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def number(self, end: int) -> int:
        """A number from 0 to ``end - 1``; at most 256 of them."""
        return next(self._data, 0) % end

    def one_of(self, options: Sequence[_T]) -> _T:
        """One of up to 65,536 options."""
        place = self.number(256)
        if len(options) > 256:  # noqa: PLR2004  (numbers of a byte)
            place = place * 256 + self.number(256)
        return options[place % len(options)]

    def text(self) -> str:
        """A few characters."""
        return "".join(chr(self.number(256)) for _ in range(self.number(8)))


class TagForge:
    """Makes objects with tags that are nearly right.

    Args:
        choices: Say what is made.
        tags: Names of tags.
        fields: Names of their fields.
        leaves: Values of fields, of all sorts.
    """

    def __init__(
        self,
        choices: Choices,
        tags: Sequence[Any],
        fields: Sequence[str],
        leaves: Sequence[Any],
    ) -> None:
        self._choices = choices
        self._tags = tags
        self._fields = fields
        self._leaves = leaves

    def value(self, levels: int = _MOST_LEVELS) -> Any:
        """A value of plain data."""
        choices = self._choices
        kind = choices.number(6) if levels else 0
        inner = levels - 1
        if kind == 0:
            return choices.one_of(self._leaves)
        if kind == 1:
            return [self.value(inner) for _ in range(choices.number(_MOST_MEMBERS))]
        if kind == 2:  # noqa: PLR2004
            return {choices.text(): self.value(inner) for _ in range(choices.number(3))}
        if kind == 3:  # noqa: PLR2004
            return choices.text()
        return self._tag(inner)

    def _tag(self, levels: int) -> dict[str, Any]:
        choices = self._choices
        made = {"__type__": choices.one_of(self._tags)}
        for _ in range(choices.number(_MOST_MEMBERS + 1)):
            made[choices.one_of(self._fields)] = self.value(levels)
        return made
