"""Variables that were read from the host a moment ago."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snakepit_bridge.clock import Clock, SystemClock

if TYPE_CHECKING:
    from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

LIFETIME = timedelta(seconds=5)
"""Snakepit's own: how long a value may be out of date unless somebody chose another time."""


class _Kept(NamedTuple):
    variable: pb.Variable
    until: float


class VariableCache:
    """Variables by name as well as by id, for a short time.

    Args:
        clock: Says when that time is over.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.lifetime = LIFETIME
        self._clock = clock or SystemClock()
        self._kept: dict[str, _Kept] = {}

    def find(self, identifier: str) -> pb.Variable | None:
        """The variable, if it is fresh enough."""
        kept = self._kept.get(identifier)
        if kept is None or kept.until <= self._clock.monotonic():
            return None
        return kept.variable

    def keep(self, variable: pb.Variable, lifetime: timedelta | None = None) -> None:
        """Keep a variable as it has just been read.

        Args:
            variable: With name and id.
            lifetime: How long it may be used; that of the cache by default.
        """
        seconds = (self.lifetime if lifetime is None else lifetime).total_seconds()
        kept = _Kept(variable, self._clock.monotonic() + seconds)
        for identifier in {variable.id, variable.name} - {""}:
            self._kept[identifier] = kept

    def forget(self, identifier: str) -> None:
        """Read a variable anew the next time, whichever of its identifiers is asked for."""
        kept = self._kept.pop(identifier, None)
        if kept is not None:
            self._kept.pop(kept.variable.id, None)
            self._kept.pop(kept.variable.name, None)

    def clear(self) -> None:
        """Read everything anew."""
        self._kept.clear()
