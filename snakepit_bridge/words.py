"""The words by which Snakepit's settings say yes."""

from __future__ import annotations

YES = frozenset({"1", "true", "t", "yes", "y", "on"})


def says_yes(text: str) -> bool:
    """Whether this is one of them, in whatever case, spaces around it aside."""
    return text.strip().lower() in YES
