"""Heartbeats of one session, for programs that send their own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextvars import Context
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.adapters.heartbeat_config import HeartbeatConfig
from snakepit_bridge.adapters.heartbeat_loop import HeartbeatLoop
from snakepit_bridge.adapters.stub_questions import Question, StubFailedError, ask_async
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

__all__ = ["HeartbeatClient", "HeartbeatConfig"]

log = logging.getLogger(__name__)

LOST_EXIT_CODE = 70
"""Tells a lost host from a clean stop; Snakepit's own."""

STOP_S = 5.0
"""Given to the process to end by itself."""


class HeartbeatClient:
    """Sends heartbeats of one session, and says when the host does not answer any more.

    Args:
        stub: Has ``Heartbeat``: any stub of Snakepit's service.
        session_id: The session.
        config: How often; the defaults of ``HeartbeatConfig`` where there is none.
        loop: Where to run; the running one by default. ``start`` and ``stop`` are called there.
        on_threshold_exceeded: Called without arguments, on the loop, when a host was lost that
            this process depends on. By default the process is asked to end, by SIGTERM, and ends
            with exit code 70 if it has not done so within 5 s.
    """

    def __init__(
        self,
        stub: Any,
        session_id: str,
        config: HeartbeatConfig | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        on_threshold_exceeded: Callable[[], object] | None = None,
    ) -> None:
        self.config = config or HeartbeatConfig()
        self._stub = stub
        self._session_id = session_id
        self._loop = loop
        self._told = on_threshold_exceeded or self._end_process
        self._beats = HeartbeatLoop(self._beat, self.config, on_lost=self._on_lost)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> bool:
        """Begin; false if heartbeats are not enabled, if they have begun, or without a loop."""
        loop = self._loop or _running_loop()
        if not self.config.enabled or self._is_running() or loop is None or loop.is_closed():
            return False
        self._loop = loop
        # Not a part of whatever starts it: neither its correlation id nor its deadline.
        self._task = loop.create_task(self._beats.run(), context=Context())
        return True

    async def stop(self) -> None:
        """End; does nothing where nothing runs."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def ping_once(self) -> bool:
        """Send one heartbeat, and say whether the host answered."""
        return await self._beats.once()

    def status(self) -> dict[str, Any]:
        """How it goes; times are on the scale of ``time.monotonic``."""
        return {
            "enabled": self.config.enabled,
            "missed_heartbeats": self._beats.missed,
            "last_ping_monotonic": self._beats.last_beat,
            "last_success_monotonic": self._beats.last_answer,
            "running": self._is_running(),
            "dependent": self.config.dependent,
        }

    def _is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _beat(self) -> bool:
        now = Timestamp()
        now.GetCurrentTime()
        request = pb.HeartbeatRequest(session_id=self._session_id, client_time=now)
        timeout_s = self.config.timeout_ms / 1000
        try:
            await ask_async(self._stub, Question("Heartbeat", request), timeout_s=timeout_s)
        except StubFailedError as error:
            log.debug("a heartbeat of session %s was missed: %s", self._session_id, error)
            return False
        return True

    def _on_lost(self) -> None:
        log.warning(
            "the host missed %d heartbeats of session %s", self._beats.missed, self._session_id
        )
        if self.config.dependent:
            self._told()

    def _end_process(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        asyncio.get_running_loop().call_later(STOP_S, os._exit, LOST_EXIT_CODE)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
