"""Snakepit's adapter API."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakepit_bridge.adapters.template import TemplateAdapter

__all__ = ["TemplateAdapter"]

_HOMES = {"TemplateAdapter": "template"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    # Kept, so that the next use is an ordinary look-up.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
