"""The seam every transport fits: one way in, one way to reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.transport.envelope import Envelope, Reply
    from snakepit_bridge.values.blob import Data


class Connection(Protocol):
    """The caller's end: sends envelopes, gets replies. Belongs to one loop."""

    async def wait_ready(self) -> None:
        """Return once the bridge can be reached, however long that takes."""

    async def call(self, envelope: Envelope) -> Reply:
        """Send a command and wait for its one reply.

        Cancelling the wait tells the bridge that the caller is gone.

        Raises:
            HostUnavailableError: The bridge cannot be reached.
            UnauthenticatedError: The bridge does not accept the caller.
        """

    def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        """Send a command and yield its replies up to the final one; raises like ``call``.

        Closing the generator tells the bridge that the caller is gone. A reader that does not read
        holds the command's code back.
        """


@runtime_checkable
class BlobConnection(Connection, Protocol):
    """A connection that also carries what is too large for a message; not every one has to."""

    async def upload(self, data: Data) -> str:
        """Bring data that are too large for a message; a broken connection is tried again.

        Returns:
            The handle under which the bridge keeps them for a while.

        Raises:
            BridgeError: It has no room, or cannot be reached.
        """

    async def download(self, handle: str) -> Data:
        """Fetch what the bridge keeps under a handle; it keeps it on.

        Raises:
            BlobNotFoundError: That is nothing.
            HostUnavailableError: The bridge cannot be reached.
        """


class Endpoint(Protocol):
    """A transport that serves."""

    @property
    def address(self) -> str:
        """Where, for people and for ``connect`` from elsewhere, e.g. ``"127.0.0.1:50051"``."""

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        """A connection to this endpoint that lives as long as the block."""


class Transport(Protocol):
    """A way for commands to come in."""

    def serving(self, handler: CommandHandler) -> AbstractAsyncContextManager[Endpoint]:
        """Serve the handler's commands while the block runs.

        On leaving, commands that run get a short while to end; new ones are refused.
        """
