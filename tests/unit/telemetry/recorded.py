"""A backend that keeps what it is given."""

from __future__ import annotations

from collections.abc import Mapping

from snakepit_bridge.telemetry.backends.base import TelemetryBackend
from snakepit_bridge.telemetry.event import Event, event_now
from tests.unit.telemetry import elixir_accepts


class Recorded(TelemetryBackend):
    """What was emitted, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.wants_more = True

    @property
    def takes_events(self) -> bool:
        return self.wants_more

    def emit(
        self,
        event: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object],
        correlation_id: str | None = None,
    ) -> None:
        self.events.append(event_now(event, measurements, metadata, correlation_id))

    def close(self) -> None:
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def of(self, operation: str) -> list[Event]:
        """The events of one operation, e.g. ``"python.call"``."""
        return [event for event in self.events if event.name.rpartition(".")[0] == operation]

    def accepted_by_elixir(self) -> bool:
        """Whether Snakepit would let every event through."""
        return all(
            event.name in elixir_accepts.EVENTS
            and event.measurements.keys() <= elixir_accepts.MEASUREMENTS
            for event in self.events
        )
