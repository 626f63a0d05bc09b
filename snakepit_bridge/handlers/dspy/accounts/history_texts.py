"""The texts of a request as the history tells them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from snakepit_bridge.handlers.dspy.secrets import without_secrets
from snakepit_bridge.handlers.failures import bounded

MOST_ITEMS = 200
"""Members of one list or object that are told."""

DEEPEST = 12

MOST_TEXT = 100_000
"""Characters told of all messages, or all outputs, of one request, about."""

SHORTEST_TEXT = 100
"""Characters told of each text when those are used up."""


def told_messages(
    entry: Mapping[str, Any], hidden: Collection[str], max_text: int
) -> list[dict[str, Any]]:
    """The messages of a request.

    Args:
        entry: As DSPy makes it for its history.
        hidden: Secrets that are blotted out.
        max_text: Characters told of one text.
    """
    messages = entry.get("messages")
    if messages is None:
        messages = [{"role": "user", "content": entry.get("prompt")}]
    told = _Told(hidden, max_text)
    return [told.told(dict(each), DEEPEST) for each in messages if isinstance(each, Mapping)]


def told_outputs(entry: Mapping[str, Any], hidden: Collection[str], max_text: int) -> list[Any]:
    """The answers to a request; arguments as ``told_messages``."""
    told = _Told(hidden, max_text)
    return [told.told(each, DEEPEST) for each in entry.get("outputs") or ()]


class _Told:
    def __init__(self, hidden: Collection[str], max_text: int) -> None:
        self._hidden = hidden
        self._max_text = max_text
        self._left = MOST_TEXT

    def told(self, value: Any, depth: int) -> Any:
        """The value as data; what is neither is told by its type."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            told = bounded(without_secrets(value, self._hidden), min(self._max_text, self._left))
            self._left = max(SHORTEST_TEXT, self._left - len(told))
            return told
        if depth == 0:
            return "…"
        if isinstance(value, Mapping):
            items = list(value.items())[:MOST_ITEMS]
            return {str(name): self.told(each, depth - 1) for name, each in items}
        if isinstance(value, (list, tuple)):
            return [self.told(each, depth - 1) for each in list(value)[:MOST_ITEMS]]
        return f"<{type(value).__qualname__}>"
