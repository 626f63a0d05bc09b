"""The transport without a wire: everything but bytes on a network."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from snakepit_bridge.errors import QuotaExceededError
from snakepit_bridge.transport.dispatcher import Dispatcher, dispatching

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.transport.base import Connection, Endpoint
    from snakepit_bridge.transport.envelope import Envelope, Reply
    from snakepit_bridge.values.blob import Data


class InProcessTransport:
    """Serves callers on the same loop.

    Values are encoded all the same, so that nothing works here that would fail over a wire.
    """

    @asynccontextmanager
    async def serving(self, handler: CommandHandler) -> AsyncIterator[Endpoint]:
        """Serve the handler's commands while the block runs."""
        async with dispatching(handler) as dispatcher:
            yield _InProcessEndpoint(dispatcher)


class _InProcessEndpoint:
    address = "in-process"

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """A connection; it holds nothing that would need closing."""
        yield _InProcessConnection(self._dispatcher)


class _InProcessConnection:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def wait_ready(self) -> None:
        """The bridge is here."""

    async def call(self, envelope: Envelope) -> Reply:
        # A wire would give the loop a turn; code that never waits must not keep it for itself.
        await asyncio.sleep(0)
        return await self._dispatcher.run(envelope)

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        async with aclosing(self._dispatcher.stream(envelope)) as replies:
            async for reply in replies:
                yield reply

    async def upload(self, data: Data) -> str:
        return await asyncio.to_thread(self._leases().put, data)

    async def download(self, handle: str) -> Data:
        return self._leases().data(handle)

    def _leases(self) -> Leases:
        leases = self._dispatcher.leases
        if leases is None:
            raise QuotaExceededError(
                "This bridge keeps no binary data beside its messages.",
                {"hint": "Open it with open_bridge, which gives it a place for them."},
            )
        return leases
