"""Steps of paths through dicts with keys of any kind."""

from __future__ import annotations

from typing import Any

from snakepit_bridge.values.paths import Step

_SHOWN_AS_WRITTEN = frozenset({float, bool, type(None)})
_MOST_BITS = 64


def key_step(key: Any) -> Step:
    """The step that a key is: itself where a path has room for it, else its type."""
    if isinstance(key, str):
        return str(key)
    kind = type(key)
    if kind is int and key.bit_length() <= _MOST_BITS:
        return int(key)
    return repr(key) if kind in _SHOWN_AS_WRITTEN else f"<{kind.__name__}>"
