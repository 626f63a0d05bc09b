"""The worker's tie to Elixir, as seen by the service that Elixir calls."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.adapters.heartbeat import HeartbeatConfig
from snakepit_bridge.adapters.heartbeat_loop import Pause
from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.worker.host_watch import FIRST_CONTACT_S, HostWatch
from snakepit_bridge.worker.session_upkeep import CALL_S, Register, SessionUpkeep

log = logging.getLogger(__name__)


@asynccontextmanager
async def elixir_link(  # noqa: PLR0913  (what the worker has to tell, and a test to replace)
    client: BridgeClient,
    *,
    heartbeat: HeartbeatConfig,
    register: Register,
    on_lost: Callable[[], None],
    on_session_end: Callable[[str], object] | None = None,
    first_contact_s: float = FIRST_CONTACT_S,
    clock: Clock | None = None,
    pause: Pause = asyncio.sleep,
) -> AsyncIterator[ElixirLink]:
    """Watch Elixir, and keep sessions in it, while the block runs; entering it waits for nobody.

    Args:
        client: The way to Elixir; it stays open at the end.
        heartbeat: How often Elixir is asked whether it is there. If it is not enabled, nobody asks.
        register: Registers the tools for a session that Elixir knows; false is repeated.
        on_lost: Called on the loop, once, when Elixir was lost and ``heartbeat`` is dependent.
        on_session_end: Called on the loop with the id of a session that was ended; what it returns
            is awaited, if it can be.
        first_contact_s: How long Elixir may take to be reached for the first time.
        clock: Tells the time.
        pause: Waits between beats and between attempts.
    """
    clock = clock or SystemClock()
    upkeep = SessionUpkeep(client, register, pause=pause)
    watch = HostWatch(
        client,
        heartbeat,
        upkeep,
        on_lost=on_lost,
        clock=clock,
        first_contact_s=first_contact_s,
        pause=pause,
    )
    link = ElixirLink(client, upkeep, on_session_end=on_session_end, clock=clock)
    jobs = [upkeep.run, watch.run] if heartbeat.enabled else [upkeep.run]
    # A worker whose watch has failed would outlive Elixir for ever, so it is told the same.
    on_failure = on_lost if heartbeat.dependent else _nothing
    # A context of its own: heartbeats are no part of whatever is under way here.
    task = asyncio.create_task(_all(jobs, on_failure), context=Context())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.wait({task})


class ElixirLink:
    """Answers what Elixir asks about sessions, at once; see ``elixir_link``, which opens it.

    What Elixir has to be told in turn happens in the background, so that a slow Elixir slows
    nobody down here. To be used on the loop it was opened on.
    """

    def __init__(
        self,
        client: BridgeClient,
        upkeep: SessionUpkeep,
        *,
        on_session_end: Callable[[str], object] | None,
        clock: Clock,
    ) -> None:
        self._client = client
        self._upkeep = upkeep
        self._on_session_end = on_session_end
        self._clock = clock

    @property
    def own_session_id(self) -> str:
        """The id of the worker's own session; empty until it has one."""
        return self._client.sessions.own_id

    def seen(self, session_id: str) -> None:
        """A command came for this session; never blocks."""
        self._upkeep.seen(session_id)

    async def begin(self, request: pb.InitializeSessionRequest) -> pb.InitializeSessionResponse:
        """A session begins. It is begun in Elixir, and its tools are registered, afterwards."""
        if not request.session_id:
            return pb.InitializeSessionResponse(error_message="A session needs an id.")
        self._upkeep.begin(request)
        return pb.InitializeSessionResponse(success=True)

    async def end(self, request: pb.CleanupSessionRequest) -> pb.CleanupSessionResponse:
        """A session ends, here and in Elixir.

        The worker's own session ends here alone: Elixir would end the worker with it.

        Raises:
            BridgeError: Elixir was not reached, or failed; here the session has ended all the same.
        """
        session_id = request.session_id
        self._upkeep.forget(session_id)
        try:
            if self._client.sessions.owns(session_id):
                return pb.CleanupSessionResponse(success=True)
            answer: pb.CleanupSessionResponse = await self._client.arequest(
                "CleanupSession", request, timeout_s=CALL_S
            )
            return answer
        finally:
            await self._tell_end(session_id)

    async def describe(self, request: pb.GetSessionRequest) -> pb.GetSessionResponse:
        """What Elixir knows of a session.

        Raises:
            BridgeError: It knows none of this id, was not reached, or failed.
        """
        answer: pb.GetSessionResponse = await self._client.arequest(
            "GetSession", request, timeout_s=CALL_S
        )
        return answer

    async def beat(self, request: pb.HeartbeatRequest) -> pb.HeartbeatResponse:
        """Whether this session is known here. Elixir is not asked: it ends a worker that is late.

        The first session that is asked about, before any was begun, is taken for the worker's own.
        """
        if not self.own_session_id:
            self._upkeep.seen(request.session_id)
        now = Timestamp()
        now.FromDatetime(self._clock.now())
        return pb.HeartbeatResponse(
            server_time=now, session_valid=self._upkeep.knows(request.session_id)
        )

    async def _tell_end(self, session_id: str) -> None:
        if self._on_session_end is None:
            return
        try:
            told = self._on_session_end(session_id)
            if inspect.isawaitable(told):
                await told
        # The adapter's code has a part in it; the session has ended whatever it does.
        except Exception:
            log.exception("the adapter failed at the end of session %s", session_id)


async def _all(
    jobs: Sequence[Callable[[], Coroutine[Any, Any, None]]], on_failure: Callable[[], None]
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job())
    except Exception:
        log.exception("the link to Elixir failed")
        on_failure()


def _nothing() -> None:
    """For a worker that goes on without Elixir."""
