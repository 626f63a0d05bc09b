from __future__ import annotations

import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.telemetry import AcceptedEvent, DroppedEvent, judged


def _event(name: str, **measurements: pb.TelemetryValue) -> pb.TelemetryEvent:
    return pb.TelemetryEvent(
        event_parts=name.split("."),
        measurements=measurements,
        metadata={"library": "json"},
        timestamp_ns=5,
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("python.call.start", ("snakepit", "python", "call", "start")),
        ("tool.result_size", ("snakepit", "python", "tool", "result_size")),
    ],
)
def test_a_known_event_is_told_on_under_snakepits_name(name: str, told: tuple[str, ...]) -> None:
    event = _event(
        name,
        duration=pb.TelemetryValue(int_value=3),
        cpu_percent=pb.TelemetryValue(float_value=0.5),
        bytes=pb.TelemetryValue(string_value="many"),
        count=pb.TelemetryValue(),
    )

    taken = judged(event, {"worker_id": "w"})

    assert taken == AcceptedEvent(
        told,
        {"duration": 3, "cpu_percent": 0.5, "bytes": "many", "count": 0},
        {"library": "json", "worker_id": "w", "correlation_id": None, "timestamp_ns": 5},
    )


def test_an_unknown_event_is_dropped() -> None:
    event = _event("snakepit.serialization.unserializable_marker")

    dropped = judged(event, {})

    assert dropped == DroppedEvent(
        "snakepit.serialization.unserializable_marker", "unknown event", event
    )


def test_an_unknown_measurement_drops_the_whole_event() -> None:
    value = pb.TelemetryValue(int_value=1)

    dropped = judged(_event("python.call.stop", duration=value, zest=value, first_seen=value), {})

    assert isinstance(dropped, DroppedEvent)
    assert dropped.reason == "unknown measurements: first_seen, zest"
