"""A bridge in the test's own process, with everything but the wire."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.handlers.session_handler import SessionHandler
from snakepit_bridge.handlers.system_handler import BridgeStatus, SystemHandler
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.transport.in_process import InProcessTransport
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from snakepit_bridge.clock import Clock
    from snakepit_bridge.session.host import HostRuntime
    from snakepit_bridge.session.limits import SessionLimits
    from snakepit_bridge.transport.base import Connection


class InProcessBridge(AsyncClient):
    """A client of the bridge around it; open one with ``in_process_bridge``.

    Args:
        connection: Leads to the bridge.
        handler: The bridge behind it.
        encoding: How values travel; as in ``AsyncClient``.
    """

    def __init__(
        self, connection: Connection, handler: CommandHandler, *, encoding: str = "json"
    ) -> None:
        super().__init__(connection, encoding=encoding)
        self.handler = handler
        """Registry, sessions and engine, for a test that looks behind the commands."""

    async def execute(
        self, session_id: str, command: str, args: Mapping[str, object] | None = None
    ) -> Any:
        """Run a command in a session and return its value.

        Raises:
            BridgeError: Whatever went wrong.
        """
        return await self.call(command, args, session=session_id)


@asynccontextmanager
async def in_process_bridge(
    *handlers: object,
    host: HostRuntime | None = None,
    clock: Clock | None = None,
    limits: SessionLimits | None = None,
    max_threads: int | None = None,
    encoding: str = "json",
) -> AsyncIterator[InProcessBridge]:
    """A bridge that lives as long as the block. Values are encoded as they are for a wire.

    Args:
        handlers: Served beside ``system.*`` and ``session.*``, which every bridge has.
        host: Keeps variables and offers tools; an ``EmbeddedHost`` by default.
        clock: For ages and deadlines; the machine's own by default.
        limits: Quotas and lifetimes of sessions.
        max_threads: Threads for ``def`` handlers.
        encoding: How values travel; as in ``AsyncClient``.
    """
    host = host or EmbeddedHost(limits=limits, clock=clock)
    on_end = [host.forget_session] if isinstance(host, EmbeddedHost) else []
    sessions = SessionManager(host, limits=limits, clock=clock, on_end=on_end)
    status = BridgeStatus(version=__version__, clock=clock)
    registry = HandlerRegistry()
    for each in (*handlers, SystemHandler(registry, sessions, status), SessionHandler(sessions)):
        registry.register(each)
    async with AsyncExitStack() as stack:
        # Closing instances is code of the user and may block.
        stack.push_async_callback(asyncio.to_thread, sessions.end_all)
        status.engine = await stack.enter_async_context(inline_engine(max_threads=max_threads))
        handler = CommandHandler(registry, sessions, engine=status.engine)
        endpoint = await stack.enter_async_context(InProcessTransport().serving(handler))
        connection = await stack.enter_async_context(endpoint.connect())
        yield InProcessBridge(connection, handler, encoding=encoding)
