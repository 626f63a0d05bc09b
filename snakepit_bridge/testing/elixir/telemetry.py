"""Which of a worker's telemetry events Elixir takes, as what it tells them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

EVENTS = frozenset(
    {
        "python.call.start", "python.call.stop", "python.call.exception",
        "python.memory.sampled", "python.cpu.sampled", "python.gc.completed",
        "python.error.occurred",
        "tool.execution.start", "tool.execution.stop", "tool.execution.exception",
        "tool.result_size",
    }
)  # fmt: skip

MEASUREMENTS = frozenset(
    {
        "duration", "duration_ms", "bytes", "system_time", "queue_depth", "queue_time",
        "available_workers", "busy_workers", "total_workers", "worker_count", "lifetime",
        "total_commands", "command_count", "downtime", "restart_count", "retry_count",
        "request_size", "response_size", "message_size", "sequence_number", "message_count",
        "network_time", "uptime", "call_count", "affinity_duration", "commands_with_affinity",
        "rss_bytes", "vms_bytes", "cpu_percent", "collected", "generation", "latency_ms", "count",
        "python_pid",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event as Elixir tells it on."""

    name: tuple[str, ...]
    """E.g. ``("snakepit", "python", "call", "start")``."""

    measurements: Mapping[str, int | float | str]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DroppedEvent:
    """An event of which nobody in Elixir ever hears."""

    name: str
    """Its parts joined by dots."""

    reason: str
    event: pb.TelemetryEvent


def judged(
    event: pb.TelemetryEvent, about_worker: Mapping[str, Any]
) -> AcceptedEvent | DroppedEvent:
    """Take an event, or drop it as Elixir does.

    Args:
        event: As it came.
        about_worker: What Elixir adds: node, worker_id, pool_name, python_pid.
    """
    name = ".".join(event.event_parts)
    if name not in EVENTS:
        return DroppedEvent(name, "unknown event", event)
    unknown = sorted(set(event.measurements) - MEASUREMENTS)
    if unknown:
        return DroppedEvent(name, f"unknown measurements: {', '.join(unknown)}", event)
    own = ("snakepit",) if event.event_parts[0] == "python" else ("snakepit", "python")
    return AcceptedEvent(
        (*own, *event.event_parts),
        {key: _number(value) for key, value in event.measurements.items()},
        {
            **event.metadata,
            **about_worker,
            "correlation_id": event.correlation_id or None,
            "timestamp_ns": event.timestamp_ns,
        },
    )


def _number(value: pb.TelemetryValue) -> int | float | str:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else 0
