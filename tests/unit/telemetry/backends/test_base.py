from __future__ import annotations

from collections.abc import Mapping

import pytest

from snakepit_bridge.telemetry.backends.base import TelemetryBackend


def test_a_backend_says_what_it_does_with_an_event_and_at_the_end() -> None:
    with pytest.raises(TypeError, match="close"):
        TelemetryBackend()  # type: ignore[abstract]  # that is what is tested


def test_a_backend_takes_events_unless_it_says_otherwise() -> None:
    class Minimal(TelemetryBackend):
        def emit(
            self,
            event: str,
            measurements: Mapping[str, object],
            metadata: Mapping[str, object],
            correlation_id: str | None = None,
        ) -> None:
            raise NotImplementedError

        def close(self) -> None:
            raise NotImplementedError

    assert Minimal().takes_events
