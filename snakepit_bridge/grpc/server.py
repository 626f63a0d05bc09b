"""The gRPC server: bind, announce, serve, drain."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

import grpc

from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import (
    add_BridgeServiceServicer_to_server,
)
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import add_SnakepitBridgeServicer_to_server
from snakepit_bridge.grpc.auth import TokenInterceptor
from snakepit_bridge.grpc.blob_handlers import WireHandlers
from snakepit_bridge.grpc.bridge import BRIDGE_SERVICE, Bridge, bridge_service
from snakepit_bridge.grpc.listen import DEFAULT_PORT, Listen
from snakepit_bridge.grpc.ports import bind
from snakepit_bridge.grpc.service import SnakepitBridgeService
from snakepit_bridge.grpc.standard_services import StandardServices
from snakepit_bridge.grpc.transfers import CHUNK_BYTES
from snakepit_bridge.transport.dispatcher import dispatching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from snakepit_bridge.grpc.bridge_service import BridgeService
    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.transport.dispatcher import Dispatcher

DRAIN_S = 2.0
"""How long running calls may go on once the server stops; a process has 5 s from SIGTERM."""

ANSWER_S = 0.5
"""Of that, how long the last calls have for their answers."""

MESSAGE_MARGIN = 64 * 1024
"""Bytes of a message kept free for what is not the value: ids, metadata, framing."""

SERVICE = pb.DESCRIPTOR.services_by_name["SnakepitBridge"].full_name


@asynccontextmanager
async def grpc_server(
    handler: CommandHandler,
    listen: Listen,
    *,
    bridge: Bridge | None = None,
    server: grpc.aio.Server | None = None,
    drain_s: float = DRAIN_S,
) -> AsyncIterator[str]:
    """Serve the handler's commands while the block runs.

    Leaving tells health checks NOT_SERVING, refuses new calls, and gives running ones ``drain_s``
    seconds; then they are cancelled.

    Args:
        handler: Runs the commands; on its own engine, else on one that lives with the server.
        listen: Where, and whom to let in.
        bridge: How Snakepit's own service answers; from this bridge alone by default.
        server: One that is bound to what ``listen`` says, and has not been started; by default one
            is made. It is stopped either way.
        drain_s: Seconds for what runs when the block is left.

    Yields:
        The address that is bound, e.g. ``"127.0.0.1:50051"`` or ``"unix:/run/bridge.sock"``.

    Raises:
        OSError: The address cannot be bound.
    """
    max_value_bytes = listen.max_message_bytes - MESSAGE_MARGIN
    async with dispatching(handler, max_value_bytes=max_value_bytes) as dispatcher:
        if server is None:
            server = _new_server(listen)
            address = bind(server, listen)
        else:
            address = listen.target
        bridging = bridge_service(dispatcher, bridge or Bridge())
        chunk_bytes = min(CHUNK_BYTES, max_value_bytes)
        health = _add_services(server, dispatcher, bridging, chunk_bytes=chunk_bytes)
        await server.start()
        try:
            yield address
        finally:
            await health.enter_graceful_shutdown()
            bridging.stop()
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
        self._thread: ExitStack | None = None

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
        with ExitStack() as stack:
            thread = stack.enter_context(loop_thread("bridge-server", owner="server"))
            thread.run(self.__aenter__())
            stack.callback(lambda: thread.run(self.__aexit__()))
            self._thread = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.close()


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


def _add_services(
    server: grpc.aio.Server,
    dispatcher: Dispatcher,
    bridging: BridgeService,
    *,
    chunk_bytes: int,
) -> StandardServices:
    service = SnakepitBridgeService(dispatcher, chunk_bytes=chunk_bytes)
    add_SnakepitBridgeServicer_to_server(service, WireHandlers(server))
    add_BridgeServiceServicer_to_server(bridging, server)
    standard = StandardServices((SERVICE, BRIDGE_SERVICE))
    server.add_generic_rpc_handlers((standard,))
    return standard
