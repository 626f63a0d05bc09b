"""Stubs and clients of a host that is not there."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.grpc.host_sessions import HostSessions


class Asked(NamedTuple):
    rpc: str
    request: Any
    timeout_s: float | None = None
    metadata: Any = ()


class Answers:
    """What a host says: by RPC one answer after the other, the last of them for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: defaultdict[str, deque[Any]] = defaultdict(deque)

    def say(self, rpc: str, *answers: Any) -> None:
        """Answer so, or raise what is an exception."""
        self._answers[rpc] = deque(answers)

    @property
    def rpcs(self) -> list[str]:
        return [each.rpc for each in self.asked]

    def take(self, asked: Asked) -> Any:
        self.asked.append(asked)
        answers = self._answers[asked.rpc]
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class ScriptedStub(Answers):
    """A stub as somebody's tests would write it: it blocks, and takes the request alone."""

    def __getattr__(self, rpc: str) -> Callable[[Any], Any]:
        return lambda request: self.take(Asked(rpc, request))


class AsyncStub(Answers):
    """A stub whose methods have to be awaited."""

    def __getattr__(self, rpc: str) -> Callable[..., Any]:
        async def call(request: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109
            return self.take(Asked(rpc, request, timeout))

        return call


class ScriptedClient(BridgeClient):
    """A client whose host says what a test wants."""

    def __init__(self) -> None:  # its parent would open a channel
        self.sessions = HostSessions()
        self.host = Answers()

    @property
    def address(self) -> str:
        return "nowhere:1"

    def request(
        self,
        rpc: str,
        message: Any,
        *,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        metadata: Any = (),
    ) -> Any:
        return self.host.take(Asked(rpc, message, timeout_s, metadata))

    async def arequest(
        self,
        rpc: str,
        message: Any,
        *,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        metadata: Any = (),
    ) -> Any:
        return self.host.take(Asked(rpc, message, timeout_s, metadata))
