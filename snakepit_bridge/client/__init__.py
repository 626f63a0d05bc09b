"""The client: for programs that call a bridge.

Its names are resolved when they are first used, so that a client without a wire loads none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
