from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.backends.grpc import MARKER_EVENT, GrpcBackend
from snakepit_bridge.telemetry.stream import TelemetryStream
from tests.unit.telemetry import elixir_accepts


async def no_controls() -> AsyncGenerator[pb.TelemetryControl, None]:
    return
    yield


async def sent_by(backend: GrpcBackend) -> list[pb.TelemetryEvent]:
    backend.close()
    async with asyncio.timeout(5):
        return [event async for event in backend.stream.stream(no_controls(), None)]


async def test_events_go_to_the_stream() -> None:
    backend = GrpcBackend(TelemetryStream())

    backend.emit("tool.result_size", {"bytes": 7}, {"tool": "echo"}, "sp-1")
    (event,) = await sent_by(backend)

    assert ".".join(event.event_parts) == "tool.result_size"
    assert event.measurements["bytes"].int_value == 7
    assert (event.metadata["tool"], event.correlation_id) == ("echo", "sp-1")


@pytest.mark.defect("D24")
async def test_the_marker_of_the_serializer_is_told_in_a_form_that_elixir_accepts() -> None:
    backend = GrpcBackend(TelemetryStream())

    backend.emit(MARKER_EVENT, {"first_seen": 1}, {"type": "mylib.Client"}, "sp-1")
    (event,) = await sent_by(backend)

    assert ".".join(event.event_parts) in elixir_accepts.EVENTS
    assert set(event.measurements) <= elixir_accepts.MEASUREMENTS
    assert event.measurements["count"].int_value == 1
    assert event.metadata["python_type"] == "mylib.Client"
    assert event.correlation_id == "sp-1"


def test_a_backend_takes_events_as_long_as_its_stream_does() -> None:
    backend = GrpcBackend(TelemetryStream())

    took = backend.takes_events
    backend.close()

    assert (took, backend.takes_events) == (True, False)
