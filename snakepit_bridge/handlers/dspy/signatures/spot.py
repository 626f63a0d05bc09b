"""Where in a description something stands."""

from __future__ import annotations

import msgspec

DEPTH = 16
"""Levels of types within types."""


class Spot(msgspec.Struct, frozen=True):
    """A place in a schema."""

    path: str
    """E.g. ``"outputs.answer.items"``."""

    depth: int = 1
    """How many types it is within, itself included."""

    def at(self, name: object) -> Spot:
        """A part of it, on the same level."""
        return Spot(f"{self.path}.{name}", self.depth)

    def within(self, name: object) -> Spot:
        """A type within its type."""
        return Spot(f"{self.path}.{name}", self.depth + 1)
