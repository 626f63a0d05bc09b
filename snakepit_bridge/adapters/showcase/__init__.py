"""The adapter of Snakepit's examples."""

from snakepit_bridge.adapters.showcase.adapter import ShowcaseAdapter

__all__ = ["ShowcaseAdapter"]
