"""Whether a step is to be taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from snakepit_bridge.handlers.dspy.programs.sources import MISSING, Source, Stock


class Condition(Protocol):
    """Holds or does not."""

    def holds(self, stock: Stock) -> bool:
        """Whether it does."""

    def leaves(self) -> Iterator[Source]:
        """What it looks at."""


class Holds(msgspec.Struct, frozen=True):
    """A value is there, and neither false, nor null, nor 0, nor empty."""

    source: Any

    def holds(self, stock: Stock) -> bool:
        """Whether it is."""
        value = self.source.value(stock)
        return value is not MISSING and bool(value)

    def leaves(self) -> Iterator[Source]:
        """The source's."""
        yield from self.source.leaves()


class Equals(msgspec.Struct, frozen=True):
    """A value is one of these."""

    source: Any
    values: tuple[Any, ...]

    def holds(self, stock: Stock) -> bool:
        """Whether it is."""
        return self.source.value(stock) in self.values

    def leaves(self) -> Iterator[Source]:
        """The source's."""
        yield from self.source.leaves()


class Not(msgspec.Struct, frozen=True):
    """Another condition does not hold."""

    condition: Any

    def holds(self, stock: Stock) -> bool:
        """Whether it does not."""
        return not self.condition.holds(stock)

    def leaves(self) -> Iterator[Source]:
        """The condition's."""
        yield from self.condition.leaves()
