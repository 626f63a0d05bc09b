"""A client whose Elixir answers what a test wants, when it wants."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from snakepit_bridge.errors import BridgeError, HostUnavailableError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.grpc.host_sessions import HostSessions
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.telemetry.correlation import get_correlation_id

GONE = HostUnavailableError("Elixir is gone.")


class ElixirDouble(BridgeClient):
    """Has sessions, answers beats, and fails when it is told to."""

    def __init__(self) -> None:  # its parent would open a channel
        self.sessions = HostSessions()
        self.kept: dict[str, pb.InitializeSessionRequest] = {}
        self.calls: list[tuple[str, Any]] = []
        self.limits: list[tuple[float | None, float | None]] = []
        """Of each call: the time it has, and the time to connect."""
        self.contexts: set[Any] = set()
        """Correlation ids and commands that calls were part of."""
        self.is_there = True
        self.failures: defaultdict[str, deque[BridgeError]] = defaultdict(deque)
        """By RPC: how the next calls end."""
        self._gates: dict[str, asyncio.Event] = {}
        self._arrivals = asyncio.Condition()

    @property
    def address(self) -> str:
        return "elixir:1"

    @property
    def counts(self) -> Counter[str]:
        return Counter(rpc for rpc, _ in self.calls)

    def hold(self, rpc: str) -> asyncio.Event:
        """Keep calls of this RPC waiting until the event is set."""
        self._gates[rpc] = asyncio.Event()
        return self._gates[rpc]

    async def arrived(self, rpc: str, times: int = 1) -> None:
        """Wait until so many calls of this RPC have come."""
        async with asyncio.timeout(5), self._arrivals:
            await self._arrivals.wait_for(lambda: self.counts[rpc] >= times)

    async def arequest(
        self,
        rpc: str,
        message: Any,
        *,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        metadata: Any = (),
    ) -> Any:
        async with self._arrivals:
            self.calls.append((rpc, message))
            self.limits.append((timeout_s, connect_timeout_s))
            self.contexts |= {get_correlation_id(), current_execution.get()}
            self._arrivals.notify_all()
        if rpc in self._gates:
            await self._gates[rpc].wait()
        if not self.is_there:
            raise GONE
        if self.failures[rpc]:
            raise self.failures[rpc].popleft()
        return self._answers[rpc](message)

    async def abegin_session(
        self, request: pb.InitializeSessionRequest, *, timeout_s: float | None = None
    ) -> None:
        await self.arequest("InitializeSession", request, timeout_s=timeout_s)

    @property
    def _answers(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "Ping": lambda _: pb.PingResponse(),
            "Heartbeat": lambda message: pb.HeartbeatResponse(
                session_valid=message.session_id in self.kept
            ),
            "InitializeSession": lambda message: self.kept.update({message.session_id: message}),
            "CleanupSession": lambda message: pb.CleanupSessionResponse(
                success=self.kept.pop(message.session_id, None) is not None
            ),
            "GetSession": lambda message: pb.GetSessionResponse(session_id=message.session_id),
        }


class Registrations:
    """Registers tools for sessions, which may take several attempts."""

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self.outcomes: deque[bool | Exception] = deque()
        """Of the next attempts; after that they succeed."""
        self._made = asyncio.Condition()

    async def __call__(self, session_id: str) -> bool:
        async with self._made:
            self.attempts.append(session_id)
            self._made.notify_all()
        outcome = self.outcomes.popleft() if self.outcomes else True
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def made(self, times: int) -> None:
        """Wait until there were so many attempts."""
        async with asyncio.timeout(5), self._made:
            await self._made.wait_for(lambda: len(self.attempts) >= times)
