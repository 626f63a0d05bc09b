"""The one heartbeat of the worker towards Elixir."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.adapters.heartbeat import HeartbeatConfig
from snakepit_bridge.adapters.heartbeat_loop import HeartbeatLoop, Pause
from snakepit_bridge.clock import Clock
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.worker.session_upkeep import SessionUpkeep

log = logging.getLogger(__name__)

FIRST_CONTACT_S = 60.0
"""How long Elixir may take to be reached for the first time."""

_MOST_PATIENCE_S = 1.0
"""How long a beat waits for a connection. The client tries anew every half second, so a listener
that has come back is found; with a beat every 2 s and 3 that may miss, one that has gone is told
after 7 s."""


class HostWatch:
    """Asks Elixir at an interval whether it is there.

    With a ``Ping``, until the worker's own session has begun; from then on with a ``Heartbeat``,
    which keeps that session alive as well, and tells when Elixir does not know it any more.

    Args:
        client: The way to Elixir.
        config: How often, how many misses are too many, and whether the worker depends on Elixir.
        upkeep: Has the worker's own session.
        on_lost: Called once, when Elixir was lost and the worker depends on it; the watch ends.
        first_contact_s: How long Elixir may take to be reached for the first time.
        clock: Tells the time.
        pause: Waits for the next beat.
    """

    def __init__(  # noqa: PLR0913  (what a test has to replace)
        self,
        client: BridgeClient,
        config: HeartbeatConfig,
        upkeep: SessionUpkeep,
        *,
        on_lost: Callable[[], None],
        clock: Clock,
        first_contact_s: float = FIRST_CONTACT_S,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._client = client
        self._config = config
        self._upkeep = upkeep
        self._on_lost = on_lost
        self._clock = clock
        self._serves_heartbeats = True
        self._failure = ""
        self._beats = HeartbeatLoop(
            self._beat,
            config,
            on_lost=self._tell_loss,
            first_contact_s=first_contact_s,
            clock=clock,
            pause=pause,
        )

    async def run(self) -> None:
        """Watch, until Elixir is lost or the task is cancelled."""
        await self._beats.run()

    async def _beat(self) -> bool:
        session_id = self._upkeep.begun_id
        try:
            if session_id and self._serves_heartbeats:
                await self._send_heartbeat(session_id)
            else:
                await self._ask("Ping", pb.PingRequest(message="heartbeat"))
        except BridgeError as error:
            if error.details.get("status") != "UNIMPLEMENTED":
                self._failure = str(error)
                return False
            # It answered, after all; from now on it is asked what every host understands.
            self._serves_heartbeats = False
        if self._beats.is_lost:
            log.warning("Elixir at %s was reached again", self._client.address)
        return True

    async def _send_heartbeat(self, session_id: str) -> None:
        now = Timestamp()
        now.FromDatetime(self._clock.now())
        request = pb.HeartbeatRequest(session_id=session_id, client_time=now)
        answer = await self._ask("Heartbeat", request)
        if not answer.session_valid and session_id == self._upkeep.begun_id:
            log.warning("Elixir did not know session %s any more", session_id)
            self._upkeep.renew()

    async def _ask(self, rpc: str, request: pb.PingRequest | pb.HeartbeatRequest) -> Any:
        return await self._client.arequest(
            rpc,
            request,
            timeout_s=self._config.timeout_ms / 1000,
            connect_timeout_s=min(_MOST_PATIENCE_S, self._config.interval_ms / 2000),
        )

    def _tell_loss(self) -> None:
        missed = self._beats.missed
        address = self._client.address
        if self._config.dependent:
            log.error("Elixir at %s was lost after %d beats: %s", address, missed, self._failure)
            self._beats.stop()
            self._on_lost()
        else:
            log.warning("Elixir at %s missed %d beats: %s", address, missed, self._failure)
