"""gRPC as a ``Transport``: server, endpoint, connection behind the seam."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from snakepit_bridge.grpc.connection import grpc_connection
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from snakepit_bridge.grpc.bridge import Bridge
    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.transport.base import Connection, Endpoint


class GrpcTransport:
    """Serves callers over gRPC.

    Args:
        listen: Where, and whom to let in; a free port of the loopback by default.
        bridge: How Snakepit's own service answers.
    """

    def __init__(self, listen: Listen | None = None, *, bridge: Bridge | None = None) -> None:
        self._listen = listen or Listen(port=0)
        self._bridge = bridge

    @asynccontextmanager
    async def serving(self, handler: CommandHandler) -> AsyncIterator[Endpoint]:
        """Serve the handler's commands while the block runs."""
        async with grpc_server(handler, self._listen, bridge=self._bridge) as address:
            yield GrpcEndpoint(address, self._listen)


class GrpcEndpoint:
    """A gRPC server at its address."""

    def __init__(self, address: str, listen: Listen) -> None:
        self.address = address
        self._listen = listen

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """A connection without TLS, which is for servers on the same machine."""
        token = self._listen.tokens[0] if self._listen.tokens else None
        return grpc_connection(
            self.address, token=token, max_message_bytes=self._listen.max_message_bytes
        )
