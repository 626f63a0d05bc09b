"""A connection that replies what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.transport.envelope import Envelope, Reply
from snakepit_bridge.transport.failures import failure_of
from snakepit_bridge.values.blob import Data
from snakepit_bridge.values.encoding import Encoded


def value_reply(text: str, *, is_final: bool = True) -> Reply:
    """A reply with a value, written as JSON."""
    return Reply(encoded=Encoded(text.encode()), is_final=is_final, metadata={"queue_ms": "0.100"})


def failed_reply(error: BridgeError, *, run_ms: str = "0.000") -> Reply:
    """A reply with a failure."""
    return Reply(failure=failure_of(error), metadata={"run_ms": run_ms})


END_OF_STREAM = Reply()


class ScriptedConnection:
    """Answers each call, and each stream, with the next of its replies, then hangs.

    Args:
        replies: One for each call, or one for each message of a stream. An error is raised.
    """

    def __init__(self, *replies: Reply | BridgeError) -> None:
        self._replies = list(replies)
        self.sent: list[Envelope] = []
        self.closed_streams = 0
        self.kept: list[bytes] = []
        self.is_reachable = True

    @property
    def commands(self) -> Sequence[str]:
        """What has been sent, by name."""
        return [envelope.command for envelope in self.sent]

    async def wait_ready(self) -> None:
        if not self.is_reachable:
            await asyncio.Event().wait()

    async def call(self, envelope: Envelope) -> Reply:
        self.sent.append(envelope)
        return await self._next()

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        self.sent.append(envelope)
        try:
            while True:
                reply = await self._next()
                yield reply
                if reply.is_final:
                    return
        finally:
            self.closed_streams += 1

    async def upload(self, data: Data) -> str:
        self.kept.append(bytes(data))
        return f"uploaded-{len(self.kept) - 1}"

    async def download(self, handle: str) -> Data:
        return self.kept[int(handle.removeprefix("uploaded-"))]

    async def _next(self) -> Reply:
        if not self._replies:
            await asyncio.Event().wait()
        reply = self._replies.pop(0)
        if isinstance(reply, BridgeError):
            raise reply
        return reply
