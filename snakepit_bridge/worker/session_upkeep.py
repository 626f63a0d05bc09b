"""Sees to it that Elixir knows the sessions whose commands come here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import chain, repeat
from typing import TypeAlias

from snakepit_bridge.adapters.heartbeat_loop import Pause
from snakepit_bridge.adapters.recent import Recent
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient

log = logging.getLogger(__name__)

Register: TypeAlias = Callable[[str], Awaitable[bool]]
"""Registers the tools for a session; false where that is worth another attempt."""

CALL_S = 5.0
"""For one call to Elixir, which answers within milliseconds when it is well."""

KNOWN_SESSIONS = 10_000
"""As many as Elixir keeps; a session beyond that is begun once more, which changes nothing."""

_WAITING_SESSIONS = 1000
_AT_ONCE = 4
"""Sessions of others that are begun at the same time."""

_DELAYS_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_LAST_DELAY_S = 5.0
_ATTEMPTS = 4
"""For the session of somebody else; after that it waits for its next command."""


class SessionUpkeep:
    """Begins sessions in Elixir, and registers the tools for them, in the background.

    The worker's own session is kept at whatever cost: it is the one that Elixir began first, or
    until then the first that a command came for. Everything here belongs to one loop.

    Args:
        client: The way to Elixir; its ``sessions`` are told of the own one.
        register: Registers the tools for a session.
        pause: Waits before the next attempt.
    """

    def __init__(
        self, client: BridgeClient, register: Register, *, pause: Pause = asyncio.sleep
    ) -> None:
        self._client = client
        self._sessions = client.sessions
        self._register = register
        self._pause = pause
        self._known: Recent[bool] = Recent(KNOWN_SESSIONS)
        self._waiting: asyncio.Queue[pb.InitializeSessionRequest] = asyncio.Queue(_WAITING_SESSIONS)
        self._renewal = asyncio.Event()
        self._was_given = False
        """Whether Elixir began the own session, rather than sending a command for it."""
        self._is_begun = False

    @property
    def begun_id(self) -> str:
        """The id of the own session once Elixir has it; empty before."""
        return self._sessions.own_id if self._is_begun else ""

    def seen(self, session_id: str) -> None:
        """A command came for this session; the first time, see to it that Elixir knows it."""
        if not session_id or self._known.use(session_id):
            return
        beginning = self._sessions.beginning(session_id)
        if not self._sessions.own_id:
            self._sessions.adopt(beginning)
        self._keep(beginning)

    def begin(self, request: pb.InitializeSessionRequest) -> None:
        """Elixir, or somebody else, began this session here."""
        if not self._was_given or self._sessions.owns(request.session_id):
            self._was_given = True
            self._sessions.adopt(request)
        self._keep(request)

    def knows(self, session_id: str) -> bool:
        """Whether this session was begun or seen, and has not been ended."""
        return self._sessions.owns(session_id) or self._known.use(session_id) is not None

    def forget(self, session_id: str) -> None:
        """This session has ended; a command for it begins it anew."""
        self._known.forget(session_id)

    def renew(self) -> None:
        """Elixir does not know the own session any more: begin it again."""
        self._is_begun = False
        self._renewal.set()

    async def run(self) -> None:
        """Do what there is to do, until the task is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_own())
            for _ in range(_AT_ONCE):
                group.create_task(self._keep_others())

    def _keep(self, beginning: pb.InitializeSessionRequest) -> None:
        session_id = beginning.session_id
        self._known.keep(session_id, True)  # noqa: FBT003  (a set of the recent)
        if self._sessions.owns(session_id):
            self.renew()
            return
        try:
            self._waiting.put_nowait(beginning)
        except asyncio.QueueFull:
            self._known.forget(session_id)
            log.warning("too many sessions were new at once, so %s waits", session_id)

    async def _keep_own(self) -> None:
        while True:
            await self._renewal.wait()
            self._renewal.clear()
            await self._repeat("the worker's session was not begun", self._begin_own)
            await self._repeat("the worker's tools were not registered", self._register_own)

    async def _begin_own(self) -> str:
        # Looked up at every attempt: it may be another one by now.
        failure = await self._begun(self._sessions.beginning(self._sessions.own_id))
        self._is_begun = not failure and not self._renewal.is_set()
        return failure

    async def _register_own(self) -> str:
        if self._renewal.is_set():
            return ""  # it begins again, and its tools come after that
        return await self._registered(self._sessions.own_id)

    async def _keep_others(self) -> None:
        while True:
            beginning = await self._waiting.get()
            what = f"session {beginning.session_id} was not begun"
            if not await self._repeat(what, partial(self._begin, beginning), attempts=_ATTEMPTS):
                self._known.forget(beginning.session_id)

    async def _begin(self, beginning: pb.InitializeSessionRequest) -> str:
        return await self._begun(beginning) or await self._registered(beginning.session_id)

    async def _repeat(
        self, what: str, attempt: Callable[[], Awaitable[str]], *, attempts: int | None = None
    ) -> bool:
        """Try until it works; an attempt answers why it failed, or nothing."""
        level, failures = logging.WARNING, 0
        delays_s = chain(_DELAYS_S, repeat(_LAST_DELAY_S))
        while failure := await attempt():
            failures += 1
            # Said once: what goes on for an hour would hide everything else.
            log.log(level, "%s: %s", what, failure)
            level = logging.DEBUG
            if failures == attempts:
                return False
            await self._pause(next(delays_s))
        return True

    async def _begun(self, beginning: pb.InitializeSessionRequest) -> str:
        try:
            await self._client.abegin_session(beginning, timeout_s=CALL_S)
        except BridgeError as error:
            return str(error)
        return ""

    async def _registered(self, session_id: str) -> str:
        try:
            done = await self._register(session_id)
        # The adapter's code has a part in it, and the worker must not lose its heartbeats by that.
        except Exception as error:
            log.debug("the registration of tools raised", exc_info=True)
            return f"{type(error).__name__}: {error}"
        return "" if done else "it is to be tried again"
