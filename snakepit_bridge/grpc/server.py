"""The gRPC server: bind, announce, serve, drain."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import add_SnakepitBridgeServicer_to_server
from snakepit_bridge.grpc.auth import TokenInterceptor
from snakepit_bridge.grpc.listen import DEFAULT_PORT, Listen, host_port
from snakepit_bridge.grpc.service import SnakepitBridgeService
from snakepit_bridge.transport.dispatcher import dispatching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType

    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.transport.dispatcher import Dispatcher

DRAIN_S = 2.0
"""How long running calls may go on once the server stops; a process has 5 s from SIGTERM."""

ANSWER_S = 0.5
"""Of that, how long the last calls have for their answers."""

MESSAGE_MARGIN = 64 * 1024
"""Bytes of a message kept free for what is not the value: ids, metadata, framing."""

REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"

SERVICE = pb.DESCRIPTOR.services_by_name["SnakepitBridge"].full_name


@asynccontextmanager
async def grpc_server(
    handler: CommandHandler, listen: Listen, *, drain_s: float = DRAIN_S
) -> AsyncIterator[str]:
    """Serve the handler's commands while the block runs.

    Leaving tells health checks NOT_SERVING, refuses new calls, and gives running ones ``drain_s``
    seconds; then they are cancelled.

    Yields:
        The address that is bound, e.g. ``"127.0.0.1:50051"`` or ``"unix:/run/bridge.sock"``.

    Raises:
        OSError: The address cannot be bound.
    """
    max_value_bytes = listen.max_message_bytes - MESSAGE_MARGIN
    async with dispatching(handler, max_value_bytes=max_value_bytes) as dispatcher:
        server = _new_server(listen)
        health = _add_services(server, dispatcher)
        address = _bind(server, listen)
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        await health.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await server.start()
        try:
            yield address
        finally:
            await health.enter_graceful_shutdown()
            stopping = asyncio.create_task(server.stop(max(drain_s, ANSWER_S)))
            await asyncio.wait({stopping}, timeout=max(0.0, drain_s - ANSWER_S))
            # Cut off by gRPC they would learn nothing; so they are told what became of their code.
            dispatcher.cancel_all()
            await stopping


class SnakepitBridgeServer:
    """The gRPC server as a thing to hold.

    ``with`` gives it a thread with a loop of its own, ``async with`` uses the running loop.

    Args:
        handler: Runs the commands; on its own engine, else on one that lives with the server.
        port: TCP port; 0 asks for a free one.
        listen: Where else to listen and whom to let in; ``port`` is ignored then.
    """

    def __init__(
        self, handler: CommandHandler, port: int = DEFAULT_PORT, *, listen: Listen | None = None
    ) -> None:
        self._handler = handler
        self._listen = listen or Listen(port=port)
        self._address: str | None = None
        self._stack: AsyncExitStack | None = None
        self._thread: _LoopThread | None = None

    @property
    def address(self) -> str:
        """The bound address.

        Raises:
            RuntimeError: The server does not run.
        """
        if self._address is None:
            text = "the server does not run: use it in a 'with' or 'async with' block"
            raise RuntimeError(text)
        return self._address

    @property
    def port(self) -> int:
        """The bound TCP port; 0 on a Unix socket.

        Raises:
            RuntimeError: The server does not run.
        """
        return 0 if self._listen.uds else int(self.address.rpartition(":")[2])

    async def __aenter__(self) -> Self:
        stack = AsyncExitStack()
        self._address = await stack.enter_async_context(grpc_server(self._handler, self._listen))
        self._stack = stack
        return self

    async def __aexit__(self, *exc: object) -> None:
        stack, self._stack = self._stack, None
        self._address = None
        if stack is not None:
            await stack.aclose()

    def __enter__(self) -> Self:
        thread = self._thread = _LoopThread()
        try:
            thread.call(self.__aenter__())
        except BaseException:
            thread.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.call(self.__aexit__())
            finally:
                thread.close()


class _LoopThread:
    """A thread with a loop, for callers that have none."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name="bridge-server", daemon=True)
        self._thread.start()

    def call(self, work: Any) -> Any:
        """Run a coroutine on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop.result()).result()

    def close(self) -> None:
        self._loop.result().call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with self._runner as runner:
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self._stop = asyncio.Event()
        self._loop.set_result(asyncio.get_running_loop())
        await self._stop.wait()


def _new_server(listen: Listen) -> grpc.aio.Server:
    return grpc.aio.server(
        interceptors=[TokenInterceptor(listen.tokens)] if listen.tokens else [],
        options=[
            ("grpc.max_receive_message_length", listen.max_message_bytes),
            ("grpc.max_send_message_length", listen.max_message_bytes),
            # Two servers on one port would share its calls without anybody noticing.
            ("grpc.so_reuseport", 0),
        ],
    )


def _add_services(server: grpc.aio.Server, dispatcher: Dispatcher) -> health_aio.HealthServicer:
    service = SnakepitBridgeService(dispatcher)
    add_SnakepitBridgeServicer_to_server(service, server)
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    names = (SERVICE, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
    _add_reflection(server, (*names, reflection.SERVICE_NAME))
    return health


def _add_reflection(server: grpc.aio.Server, names: Sequence[str]) -> None:
    servicer = reflection.aio.ReflectionServicer(service_names=names)
    add_ServerReflectionServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # stubs lack it
    # v1 is v1alpha under another name; tools ask for it first, grpcio has the older one only.
    method: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=ServerReflectionRequest.FromString,
        response_serializer=ServerReflectionResponse.SerializeToString,
    )
    handler = grpc.method_handlers_generic_handler(REFLECTION_V1, {"ServerReflectionInfo": method})
    server.add_generic_rpc_handlers((handler,))


def _bind(server: grpc.aio.Server, listen: Listen) -> str:
    try:
        if listen.tls is not None:
            port = server.add_secure_port(listen.target, listen.tls.credentials())
        else:
            port = server.add_insecure_port(listen.target)
    except RuntimeError as error:
        text = f"cannot listen on {listen.target}: is it in use, or not of this machine?"
        raise OSError(text) from error
    return listen.target if listen.uds is not None else host_port(listen.host, port)
