"""What a worker serves: the adapter's tools beside all other commands, with Elixir as the host."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from snakepit_bridge.adapters.door import open_adapter
from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.adapters.thread_safety import disable_checking, enable_checking
from snakepit_bridge.adapters.thread_safety_checks import validate_adapter_thread_safety
from snakepit_bridge.bootstrap import Places, open_bridge
from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.engine.main_thread import MainThread
from snakepit_bridge.engine.thread_sensitive import thread_sensitive
from snakepit_bridge.errors import SessionError
from snakepit_bridge.grpc.bridge import Bridge
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.heartbeat import HeartbeatConfig
from snakepit_bridge.serialization import tell_of_marker
from snakepit_bridge.settings import environment
from snakepit_bridge.telemetry.backends.grpc import GrpcBackend
from snakepit_bridge.telemetry.export import exporting, flush_tracing
from snakepit_bridge.telemetry.manager import set_backend
from snakepit_bridge.telemetry.stream import TelemetryStream
from snakepit_bridge.telemetry.tracing import setup_tracing
from snakepit_bridge.values.fallback import fallback_from
from snakepit_bridge.worker.elixir_link import elixir_link
from snakepit_bridge.worker.gil_watchdog import gil_watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from snakepit_bridge.adapters.door import OpenAdapter
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.worker.bound_server import BoundServer
    from snakepit_bridge.worker.environment import WorkerSettings


def main_thread_of(worker: WorkerSettings) -> MainThread:
    """Where the tools run that want the main thread; still to be served by that."""
    return MainThread(
        wants=thread_sensitive(worker.thread_sensitive), max_queued=worker.bridge.max_queued
    )


@asynccontextmanager
async def worker_bridge(
    worker: WorkerSettings,
    adapter: type,
    bound: BoundServer,
    *,
    main_thread: MainThread,
    on_lost: Callable[[], None],
) -> AsyncIterator[None]:
    """Serve while the block runs.

    Args:
        worker: What was decided.
        adapter: Whose tools are served.
        bound: Listens already, and has not been started.
        main_thread: Where thread-sensitive tools run; closed with the block.
        on_lost: Called when the host does not answer any more.

    Raises:
        HandlerLoadError: A handler cannot be had, or cannot be registered.
    """
    heartbeat = HeartbeatConfig.from_mapping(
        worker.heartbeat_overrides, defaults=HeartbeatConfig.from_mapping(worker.heartbeat)
    )
    setup_tracing()
    async with AsyncExitStack() as stack:
        stack.callback(flush_tracing)
        telemetry = None
        if worker.bridge.telemetry != "off":
            telemetry = stack.enter_context(exporting(worker.bridge.telemetry))
        if worker.thread_safety_check:
            enable_checking()
            stack.callback(disable_checking)
            validate_adapter_thread_safety(adapter)
        size = worker.bridge.max_message_bytes
        client = BridgeClient(worker.elixir_address, max_message_bytes=size)
        await stack.enter_async_context(client)
        thread = stack.enter_context(
            # Not long: an async tool that blocks there must not use up the time for the end.
            loop_thread("bridge-adapter", owner="adapter", unwind_s=0.2, close_timeout_s=0.5)
        )
        stub = HostStub(client, worker_id=worker.bridge.worker_id)
        tools = await stack.enter_async_context(
            open_adapter(adapter, stub=stub, loop_thread=thread)
        )
        handler = await stack.enter_async_context(
            open_bridge(
                worker.bridge,
                host=client,
                telemetry=telemetry,
                places=Places(main_thread=main_thread, loop_thread=thread),
                on_session_end=[tools.end_session],
            )
        )
        tools.add_to(handler.registry)
        link = await stack.enter_async_context(
            elixir_link(
                client,
                heartbeat=heartbeat,
                register=tools.register,
                on_lost=on_lost,
                on_session_end=partial(_end_session, handler.sessions, tools),
            )
        )
        client.sessions.on_adopt = handler.sessions.keep
        stream = stack.enter_context(_telemetry())
        await stack.enter_async_context(
            grpc_server(
                handler,
                Listen(port=bound.port, max_message_bytes=size),
                bridge=Bridge(
                    keeper=link,
                    telemetry_stream=stream,
                    fallback=fallback_from(environment(), on_marker=tell_of_marker),
                    upstream=worker.bridge.compat == "upstream",
                ),
                server=bound.server,
            )
        )
        # Before the server stops, which waits for the stream.
        stack.callback(stream.close)
        if heartbeat.enabled and heartbeat.dependent and worker.gil_timeout_s:
            await stack.enter_async_context(gil_watchdog(worker.gil_timeout_s))
        yield


async def _end_session(sessions: SessionManager, tools: OpenAdapter, session_id: str) -> None:
    """Elixir has ended a session: everything of it ends here."""
    try:
        # Closing instances is code of the user and may block. The tools are told of it, too.
        await asyncio.to_thread(sessions.end, session_id)
    except SessionError:
        tools.end_session(session_id)  # no command has ever come for it


@contextmanager
def _telemetry() -> Iterator[TelemetryStream]:
    """The stream to Elixir, which gets the events of this process while the block runs."""
    stream = TelemetryStream()
    set_backend(GrpcBackend(stream))
    try:
        yield stream
    finally:
        set_backend(None)
