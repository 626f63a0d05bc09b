"""The base class of adapters, under the name by which they import it."""

from __future__ import annotations

from snakepit_bridge.adapters.base import BaseAdapter, ToolMetadata, tool

__all__ = ["BaseAdapter", "ToolMetadata", "tool"]
