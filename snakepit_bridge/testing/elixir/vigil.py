"""What Elixir does for a worker between calls: heartbeats, health checks, telemetry."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.clock import Clock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.link import WorkerLink

TELEMETRY_DEADLINE_S = 5.0
"""Elixir means it for the opening; on the wire it holds for the whole stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatRules:
    """How Elixir watches a worker."""

    enabled: bool = True
    interval_s: float = 2.0
    timeout_s: float = 10.0
    max_missed: int = 3
    """Told to the worker; Elixir itself forgives nothing."""

    initial_delay_s: float = 0.0
    dependent: bool = True
    """Whether the worker is ended when it misses one."""

    def as_config(self) -> dict[str, object]:
        """As it stands in ``SNAKEPIT_HEARTBEAT_CONFIG``."""
        return {
            "enabled": self.enabled,
            "interval_ms": round(self.interval_s * 1000),
            "timeout_ms": round(self.timeout_s * 1000),
            "max_missed_heartbeats": self.max_missed,
            "initial_delay_ms": round(self.initial_delay_s * 1000),
            "dependent": self.dependent,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often Elixir asks what."""

    heartbeat: HeartbeatRules = field(default_factory=HeartbeatRules)
    health_check_s: float = 30.0
    telemetry_deadline_s: float = TELEMETRY_DEADLINE_S


async def heartbeats(
    link: WorkerLink, rules: HeartbeatRules, clock: Clock, on_lost: Callable[[str], None]
) -> None:
    """Send heartbeats until one fails.

    Args:
        link: To the worker.
        rules: How often, and how long an answer may take.
        clock: What the worker is told to be the time.
        on_lost: Told why, once, when the worker is ``dependent``.
    """
    while True:
        time = Timestamp()
        time.FromDatetime(clock.now())
        request = pb.HeartbeatRequest(session_id=link.address.session_id, client_time=time)
        try:
            answer = await link.call("Heartbeat", request, rules.timeout_s)
        except grpc.aio.AioRpcError as error:
            reason = f"{error.code().name}: {error.details()}"
        else:
            reason = "" if answer.session_valid else "session_valid is false"
        if reason and rules.dependent:
            on_lost(f"ping_failed ({reason})")
            return
        await asyncio.sleep(rules.interval_s)


async def health_checks(
    link: WorkerLink, interval_s: float, on_lost: Callable[[str], None]
) -> None:
    """Ping every ``interval_s`` seconds; a worker that does not answer is lost."""
    for number in itertools.count(1):
        await asyncio.sleep(interval_s)
        try:
            message = f"health_check_{number}"
            await link.call("Ping", pb.PingRequest(message=message), interval_s)
        except grpc.aio.AioRpcError as error:
            on_lost(f"health_check_failed ({error.code().name})")
            return


class TelemetryStream:
    """The one stream of telemetry that Elixir opens per worker; it is never opened again.

    Args:
        link: To the worker.
        deadline_s: How long it may last.
    """

    def __init__(self, link: WorkerLink, deadline_s: float) -> None:
        self._call = link.stub.StreamTelemetry(timeout=deadline_s)
        self._record = link.recorder("StreamTelemetry")
        self._is_dropped = False
        self.ended_with = ""
        """The status, once it has ended."""

    async def run(
        self, on_open: Callable[[], None], on_event: Callable[[pb.TelemetryEvent], None]
    ) -> None:
        """Switch telemetry on, then read events to the end of the stream."""
        switch_on = pb.TelemetryControl(toggle=pb.TelemetryToggle(enabled=True))
        try:
            await self.control(switch_on)
            await self._call.initial_metadata()
            on_open()
            async for event in self._call:
                self._record.item(event)
                on_event(event)
            self.ended_with = grpc.StatusCode.OK.name
        except grpc.aio.AioRpcError as error:
            self.ended_with = error.code().name
            self._record.status(error.code().name, error.details() or "")
        except asyncio.CancelledError:
            # The same exception tells that the call was cancelled, and that this task was.
            if not self._is_dropped:
                raise
            self.ended_with = grpc.StatusCode.CANCELLED.name
        finally:
            self._call.cancel()

    async def control(self, message: pb.TelemetryControl) -> None:
        """Send a control message.

        Raises:
            asyncio.InvalidStateError: The stream has ended.
        """
        self._record.request(message, {})
        await self._call.write(message)

    def drop(self) -> None:
        """End the stream from this side."""
        self._is_dropped = True
        self._call.cancel()
