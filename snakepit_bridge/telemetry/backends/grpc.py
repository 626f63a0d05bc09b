"""Events for Snakepit, over the stream that it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.telemetry.backends.base import TelemetryBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.telemetry.stream import TelemetryStream

MARKER_EVENT = "snakepit.serialization.unserializable_marker"
"""The serializer met a type that it can only put a marker for; metadata ``type`` names it."""


class GrpcBackend(TelemetryBackend):
    """Hands events to a telemetry stream.

    Snakepit drops every event that is not on its list. The one of ours that is not,
    ``MARKER_EVENT``, is sent as a ``python.error.occurred`` with the type as ``python_type``.

    Args:
        stream: Takes the events.
    """

    def __init__(self, stream: TelemetryStream) -> None:
        self.stream = stream

    @property
    def takes_events(self) -> bool:
        """Whether anybody reads the stream, or still may."""
        return self.stream.takes_events

    def emit(
        self,
        event: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object],
        correlation_id: str | None = None,
    ) -> None:
        """Send one event, or keep it until somebody reads the stream."""
        if event == MARKER_EVENT:
            event, measurements = "python.error.occurred", {"count": 1}
            metadata = {
                "error_type": "Unserializable",
                "python_type": metadata.get("type", ""),
                "operation": "serialize",
            }
        self.stream.emit(event, measurements, metadata, correlation_id)

    def close(self) -> None:
        """End the stream."""
        self.stream.close()
