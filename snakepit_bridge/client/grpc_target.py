"""Clients of a bridge that listens at a gRPC target."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.client.blocking_client import BlockingClient
from snakepit_bridge.grpc.client_tls import ClientTls
from snakepit_bridge.grpc.connection import grpc_connection
from snakepit_bridge.grpc.listen import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["Client", "ClientTls", "connect"]


@asynccontextmanager
async def connect(  # noqa: PLR0913  (one name for each thing a caller may want to say)
    target: str,
    *,
    token: str | None = None,
    tls: ClientTls | None = None,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    encoding: str = "json",
    retries: int = 0,
    shares_files: bool | None = None,
    metadata: Mapping[str, str] | None = None,
) -> AsyncIterator[AsyncClient]:
    """A client of the bridge at ``target`` that lives as long as the block.

    It connects with its first call, and again when the connection is lost.

    Args:
        target: ``"127.0.0.1:50051"``, ``"unix:/run/bridge.sock"`` or any other gRPC target.
        token: One of the server's tokens, if it wants one.
        tls: For a server with TLS; none for one without.
        max_message_bytes: The largest answer to accept, and request to send.
        encoding: How values travel; as in ``AsyncClient``.
        retries: How often to repeat a call the bridge was too busy to begin; as in
            ``AsyncClient``.
        shares_files: Whether large arrays may go through files of this machine; as in
            ``AsyncClient``. By default wherever the target looks like this machine.
        metadata: Said with every call; as in ``AsyncClient``.

    Raises:
        ValueError: A file of ``tls`` cannot be read, or is no PEM; names it.
    """
    async with grpc_connection(
        target, tls=tls, token=token, max_message_bytes=max_message_bytes
    ) as connection:
        client = AsyncClient(
            connection,
            encoding=encoding,
            retries=retries,
            shares_files=leads_here(target) if shares_files is None else shares_files,
            max_message_bytes=max_message_bytes,
            metadata=metadata,
        )
        try:
            yield client
        finally:
            await client.close()


class Client(BlockingClient):
    """A client of the bridge at ``target`` for code without a loop, from any thread.

    ``with Client("127.0.0.1:50051") as client: client.call("system.ping")``. The parameters are
    those of ``connect``.
    """

    def __init__(  # noqa: PLR0913  (as in ``connect``)
        self,
        target: str,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        encoding: str = "json",
        retries: int = 0,
        shares_files: bool | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            partial(
                connect,
                target,
                token=token,
                tls=tls,
                max_message_bytes=max_message_bytes,
                encoding=encoding,
                retries=retries,
                shares_files=shares_files,
                metadata=metadata,
            )
        )


def leads_here(target: str) -> bool:
    """Whether a gRPC target leads to this machine, as far as its name tells."""
    if target.startswith("unix:"):
        return True
    host = target.rpartition("/")[2].removeprefix("ipv4:").rpartition(":")[0]
    return host in {"localhost", "[::1]"} or host.startswith("127.")
