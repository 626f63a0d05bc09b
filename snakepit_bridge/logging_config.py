"""The log of a worker, under the name by which adapters import it."""

from __future__ import annotations

from snakepit_bridge.adapters.logging_config import configure_logging, get_logger

__all__ = ["configure_logging", "get_logger"]
