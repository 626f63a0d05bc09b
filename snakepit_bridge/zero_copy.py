"""Where Snakepit's users import ``ZeroCopyRef`` from."""

from __future__ import annotations

from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef

__all__ = ["ZeroCopyRef"]
