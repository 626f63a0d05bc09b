"""Places inside a value, written as paths such as ``$.rows[3].name``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

Step: TypeAlias = str | int
"""One step down: the key of an object, or the index in an array."""

_MAX_KEY = 40
_MAX_PATH = 120
"""Characters. Paths end up in status messages, where everything together has 2 KB."""


def path_text(steps: Sequence[Step]) -> str:
    """Write a path in ASCII, its middle left out where it is long."""
    text = "$" + "".join(map(_step_text, steps))
    return _shortened(text, _MAX_PATH)


def _step_text(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if step.isascii() and step.isidentifier() and len(step) <= _MAX_KEY:
        return f".{step}"
    return f"[{_shortened(json.dumps(step), _MAX_KEY)}]"


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = (limit - 3) // 2
    return f"{text[:kept]}...{text[-kept:]}"
