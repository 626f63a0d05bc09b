"""Health checks with server reflection, each imported when somebody first asks for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1.ServerReflection"
REFLECTION_ALPHA = "grpc.reflection.v1alpha.ServerReflection"


class StandardServices(grpc.GenericRpcHandler):
    """``grpc.health.v1.Health`` with both versions of server reflection.

    Together they take as long to import as a fifth of gRPC itself, and a worker has to be ready
    soon; nobody asks for them before.

    Args:
        services: Full names of the server's own services.
    """

    def __init__(self, services: Sequence[str]) -> None:
        self._services = tuple(services)
        self._serving = True
        self._health: Any = None
        self._setting: asyncio.Task[None] | None = None
        self._handlers: dict[str, grpc.GenericRpcHandler] = {}
        self._builders: dict[str, Callable[[], grpc.GenericRpcHandler]] = {
            HEALTH: self._build_health,
            REFLECTION: self._build_reflection,
            REFLECTION_ALPHA: self._build_reflection_alpha,
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of an RPC of one of these services, ``None`` for all others."""
        service = handler_call_details.method.lstrip("/").partition("/")[0]
        if service not in self._handlers:
            build = self._builders.get(service)
            if build is None:
                return None
            self._handlers[service] = build()
        return self._handlers[service].service(handler_call_details)

    async def enter_graceful_shutdown(self) -> None:
        """From now on nothing is SERVING."""
        self._serving = False
        if self._health is not None:
            await self._health.enter_graceful_shutdown()

    def _build_health(self) -> grpc.GenericRpcHandler:
        from grpc_health.v1 import health_pb2_grpc  # noqa: PLC0415
        from grpc_health.v1.health import aio  # noqa: PLC0415

        self._health = aio.HealthServicer()
        # The task runs before that of the RPC which is being looked up: a loop keeps the order.
        self._setting = asyncio.ensure_future(self._set_statuses())
        handlers: Any = _Handlers()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, handlers)
        only: grpc.GenericRpcHandler = handlers.only
        return only

    async def _set_statuses(self) -> None:
        from grpc_health.v1.health_pb2 import HealthCheckResponse  # noqa: PLC0415

        for service in ("", *self._services):
            await self._health.set(service, HealthCheckResponse.SERVING)
        if not self._serving:
            await self._health.enter_graceful_shutdown()

    def _build_reflection_alpha(self) -> grpc.GenericRpcHandler:
        from grpc_reflection.v1alpha import reflection_pb2_grpc  # noqa: PLC0415

        handlers = _Handlers()
        add: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
        add(self._reflection_servicer(), handlers)
        return handlers.only

    def _build_reflection(self) -> grpc.GenericRpcHandler:
        from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415

        # v1 is v1alpha under another name; tools ask for it first, grpcio has the older one only.
        method: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
            self._reflection_servicer().ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(REFLECTION, {"ServerReflectionInfo": method})

    def _reflection_servicer(self) -> Any:
        from grpc_health.v1 import health_pb2  # noqa: PLC0415, F401  (its descriptor is asked for)
        from grpc_reflection.v1alpha import reflection  # noqa: PLC0415

        names = (*self._services, HEALTH, reflection.SERVICE_NAME)
        return reflection.aio.ReflectionServicer(service_names=names)


class _Handlers:
    """Takes the place of a server for generated code that adds handlers to one."""

    only: grpc.GenericRpcHandler

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        (self.only,) = handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """The same once more, for servers that look methods up by name."""
