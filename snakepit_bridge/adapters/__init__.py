"""Snakepit's adapter API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.lazy_names import lazy_names

if TYPE_CHECKING:
    from snakepit_bridge.adapters.template import TemplateAdapter

__all__ = ["TemplateAdapter"]

_HOMES = {"TemplateAdapter": "template"}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)
