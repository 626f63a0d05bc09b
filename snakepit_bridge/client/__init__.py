"""The client: for programs that call a bridge.

Its names are resolved when they are first used, so that a client without a wire loads none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.lazy_names import lazy_names

if TYPE_CHECKING:
    from snakepit_bridge.client.async_client import AsyncClient
    from snakepit_bridge.client.async_session import AsyncClientSession
    from snakepit_bridge.client.blocking_client import BlockingClient
    from snakepit_bridge.client.blocking_session import ClientSession
    from snakepit_bridge.client.grpc_target import Client, ClientTls, connect

__all__ = [
    "AsyncClient",
    "AsyncClientSession",
    "BlockingClient",
    "Client",
    "ClientSession",
    "ClientTls",
    "connect",
]

_MODULES = {
    "AsyncClient": "async_client",
    "AsyncClientSession": "async_session",
    "BlockingClient": "blocking_client",
    "Client": "grpc_target",
    "ClientSession": "blocking_session",
    "ClientTls": "grpc_target",
    "connect": "grpc_target",
}

__getattr__, __dir__ = lazy_names(globals(), _MODULES)
