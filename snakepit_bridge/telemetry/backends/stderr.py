"""Events for people, as lines of stderr."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from snakepit_bridge.telemetry.backends.base import TelemetryBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "TELEMETRY:"
"""How the line of an event begins."""


class StderrBackend(TelemetryBackend):
    """Writes each event as one line of JSON. Nothing reads these lines but people."""

    def emit(
        self,
        event: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object],
        correlation_id: str | None = None,
    ) -> None:
        """Write one line: ``TELEMETRY:`` with the event as a JSON object."""
        line = json.dumps(
            {
                "event": event,
                "measurements": dict(measurements),
                "metadata": dict(metadata),
                "timestamp_ns": time.time_ns(),
                "correlation_id": correlation_id,
            },
            default=str,
        )
        # In one piece, so that lines of several threads do not mix.
        sys.stderr.write(f"{PREFIX}{line}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Do nothing: stderr belongs to the process."""
