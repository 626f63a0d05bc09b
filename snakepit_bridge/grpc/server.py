"""The gRPC server: bind, announce, serve, drain."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

import grpc
from msgspec.structs import replace

from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import (
    add_BridgeServiceServicer_to_server,
)
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import add_SnakepitBridgeServicer_to_server
from snakepit_bridge.grpc.auth import TokenInterceptor
from snakepit_bridge.grpc.bridge import BRIDGE_SERVICE, Bridge, bridge_service
from snakepit_bridge.grpc.listen import (
    DEFAULT_PORT,
    IPV6_LOOPBACK,
    Listen,
    has_ipv6_loopback,
    host_port,
)
from snakepit_bridge.grpc.service import SnakepitBridgeService
from snakepit_bridge.grpc.standard_services import StandardServices
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

FREE_PORTS_TRIED = 20
"""One that is free on 127.0.0.1 may be taken on ::1."""

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
            address = _bind(server, listen)
        else:
            address = listen.target
        bridging = bridge_service(
            dispatcher.handler, bridge or Bridge(), max_value_bytes=max_value_bytes
        )
        health = _add_services(server, dispatcher, bridging)
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
    server: grpc.aio.Server, dispatcher: Dispatcher, bridging: BridgeService
) -> StandardServices:
    add_SnakepitBridgeServicer_to_server(SnakepitBridgeService(dispatcher), server)
    add_BridgeServiceServicer_to_server(bridging, server)
    standard = StandardServices((SERVICE, BRIDGE_SERVICE))
    server.add_generic_rpc_handlers((standard,))
    return standard


def _bind(server: grpc.aio.Server, listen: Listen) -> str:
    try:
        port = _bind_both(server, listen) if listen.both_loopbacks else _add_port(server, listen)
    except RuntimeError as error:
        text = f"cannot listen on {listen.target}: is it in use, or not of this machine?"
        raise OSError(text) from error
    return listen.target if listen.uds is not None else host_port(listen.host, port)


def _bind_both(server: grpc.aio.Server, listen: Listen) -> int:
    """Bind one port of both loopbacks; where there is no IPv6, of the one there is."""
    if not has_ipv6_loopback():
        return _add_port(server, listen)
    attempts = 1 if listen.port else FREE_PORTS_TRIED
    while True:
        attempts -= 1
        port = _add_port(server, listen)
        other = replace(listen, host=IPV6_LOOPBACK, port=port, both_loopbacks=False)
        try:
            return _add_port(server, other)
        except RuntimeError:
            # Not without it: callers who say localhost would reach whoever has it.
            if not attempts:
                raise


def _add_port(server: grpc.aio.Server, listen: Listen) -> int:
    if listen.tls is not None:
        return server.add_secure_port(listen.target, listen.tls.credentials())
    return server.add_insecure_port(listen.target)
