"""The handlers of generated code, reading and writing blobs without copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_wire import parsing, reading, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

_WITH_BLOBS: Mapping[str, Any] = {
    "Execute": reading(pb.ExecuteRequest),
    "ExecuteStream": reading(pb.ExecuteRequest),
    "ExecuteInSession": reading(pb.SessionRequest),
    "ExecuteInSessionStream": reading(pb.SessionRequest),
}
"""What reads the requests of each RPC whose messages carry blobs."""

_WITHOUT: Mapping[str, Any] = {"Upload": parsing(pb.Chunk), "Download": parsing(pb.Handle)}
"""The same of RPCs whose requests are refused, too, when they are none."""


class WireHandlers:
    """Takes the place of a server for generated code that adds handlers to one.

    Args:
        server: Gets the handlers.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Nothing: the same come once more, by their names."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Have the server use the handlers."""
        ours = {name: _handler(name, handler) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, ours)
        self._server.add_generic_rpc_handlers((generic,))
        self._server.add_registered_method_handlers(service, ours)


def _handler(name: str, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
    if name in _WITH_BLOBS:
        handler = handler._replace(
            request_deserializer=_WITH_BLOBS[name], response_serializer=writing
        )
    elif name in _WITHOUT:
        handler = handler._replace(request_deserializer=_WITHOUT[name])
    changed: grpc.RpcMethodHandler[Any, Any] = handler
    return changed
