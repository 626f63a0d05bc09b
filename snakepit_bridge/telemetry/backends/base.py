"""What an event is handed to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class TelemetryBackend(ABC):
    """Takes events from any thread.

    What a backend raises is logged and stops nothing, so that telling of a piece of work cannot
    break it. A class with the same methods serves as well.
    """

    @property
    def takes_events(self) -> bool:
        """Whether an event emitted now would go anywhere.

        Looked at before every event that the bridge tells by itself: while it is false, those are
        not even built.
        """
        return True

    @abstractmethod
    def emit(
        self,
        event: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object],
        correlation_id: str | None = None,
    ) -> None:
        """Take one event; must not block.

        Args:
            event: Dotted name, e.g. ``"tool.execution.stop"``.
            measurements: Numbers by name; durations and times in nanoseconds.
            metadata: What it is about; read as text.
            correlation_id: The call it belongs to.
        """

    @abstractmethod
    def close(self) -> None:
        """Take no more events."""
