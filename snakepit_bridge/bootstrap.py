"""Builds every object of a bridge, once, in order."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.errors import DSPyError
from snakepit_bridge.handlers.blob_handler import BlobHandler
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.discovery import (
    HandlerLoadError,
    handler_from_path,
    handlers_from_entry_points,
    value_type_from_path,
)
from snakepit_bridge.handlers.dspy.family import COMMANDS as DSPY_COMMANDS
from snakepit_bridge.handlers.dspy.family import DSPyRules, open_dspy
from snakepit_bridge.handlers.dspy.secrets import PROVIDER_KEYS, Secrets
from snakepit_bridge.handlers.python.commands import COMMANDS as PYTHON_COMMANDS
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.handlers.session_handler import SessionHandler
from snakepit_bridge.handlers.system_handler import BridgeStatus, SystemHandler
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.handlers.variable_handler import VariableHandler
from snakepit_bridge.leases.leases import Leases, open_leases
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.settings import environment
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from snakepit_bridge.engine.loop_thread import LoopThread
    from snakepit_bridge.engine.main_thread import MainThread
    from snakepit_bridge.session.host import HostRuntime
    from snakepit_bridge.settings import Settings
    from snakepit_bridge.telemetry.instrumentation import Telemetry

log = logging.getLogger(__name__)

ENGINE_CLOSE_S = 0.5
"""How long running code may go on once the transport has drained; a process has 5 s from SIGTERM,
and draining takes two of them."""

SESSIONS_CLOSE_S = 0.5
"""How long closing the instances of all sessions may take; it is their own code, and may block."""


CAPTURE_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's variable: where it is true, prompts and answers go into spans."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where code runs beside the engine's own threads; whoever opened a place closes it."""

    main_thread: MainThread | None = None
    """For the commands it wants; closed together with the engine."""

    loop_thread: LoopThread | None = None
    """For ``async`` code, which else runs on the loop that serves."""


@asynccontextmanager
async def open_bridge(  # noqa: PLR0913  (everything a bridge can be given)
    settings: Settings,
    *,
    handlers: Iterable[object] = (),
    host: HostRuntime | None = None,
    telemetry: Telemetry | None = None,
    environ: Mapping[str, str] | None = None,
    places: Places | None = None,
    on_session_end: Sequence[Callable[[str], object]] = (),
) -> AsyncIterator[CommandHandler]:
    """A bridge that lives as long as the block; hand it to a transport inside of it.

    Leaving gives running code a moment to end, then ends every session.

    Args:
        settings: What the operator decided.
        handlers: More handlers, beside the built-in ones and those the settings name.
        host: Where tools and variables are, if not where the settings say; whoever opened it
            closes it.
        telemetry: Where to tell of commands; the process's own by default.
        environ: Where keys of language models are; the environment by default.
        places: Where code runs beside the engine's own threads.
        on_session_end: Called with the id of each session that has ended; must be quick.

    Raises:
        HandlerLoadError: A handler cannot be had, or cannot be registered.
    """
    async with AsyncExitStack() as stack:
        limits, places = _limits(settings), places or Places()
        if host is None:
            host = await stack.enter_async_context(_open_host(settings, limits))
        sessions = await stack.enter_async_context(_open_sessions(host, limits, on_session_end))
        status = BridgeStatus(
            version=__version__,
            worker_id=_worker_id(settings),
            clock=sessions.clock,
            max_message_bytes=settings.max_message_bytes,
        )
        registry = HandlerRegistry()
        registry.register(SystemHandler(registry, sessions, status))
        registry.register(SessionHandler(sessions))
        registry.register(VariableHandler())
        tools = ToolHandler()
        registry.register(tools)
        rules = dspy_rules(settings, environ or environment())
        load_dspy = await stack.enter_async_context(_open_dspy(sessions, rules, tools, telemetry))
        registry.register_later(DSPY_COMMANDS, load_dspy)
        registry.register_later(PYTHON_COMMANDS, partial(_python_handlers, settings, sessions))
        leases = await stack.enter_async_context(_open_leases(settings))
        registry.register(BlobHandler(leases))
        for path in settings.value_type:
            value_type_from_path(path)
        _register(registry, tools, handlers_from_entry_points())
        _register(registry, tools, map(_handler, settings.handlers))
        _register(registry, tools, handlers)
        status.engine = await stack.enter_async_context(
            inline_engine(
                max_threads=settings.max_threads,
                max_queued=settings.max_queued,
                close_timeout_s=ENGINE_CLOSE_S,
                main_thread=places.main_thread,
                loop_thread=places.loop_thread,
            )
        )
        yield CommandHandler(
            registry,
            sessions,
            engine=status.engine,
            telemetry=telemetry,
            worker_id=status.worker_id,
            leases=leases,
        )


def _python_handlers(settings: Settings, sessions: SessionManager) -> list[object]:
    # Here: many bridges are never asked for Python by name.
    from snakepit_bridge.handlers.python_handler import PythonHandler  # noqa: PLC0415

    return [
        PythonHandler(
            sessions.instances,
            allow=settings.allow,
            code_execution=settings.allow_code_execution,
        )
    ]


def _limits(settings: Settings) -> SessionLimits:
    return SessionLimits(
        sessions=settings.max_sessions,
        idle_s=settings.session_idle_s,
        ttl_s=settings.session_ttl_s,
        instances=settings.max_instances,
        variable_bytes=settings.max_variable_bytes,
        commands=settings.max_session_commands,
    )


def _worker_id(settings: Settings) -> str:
    return settings.worker_id or f"bridge-{os.getpid()}"


@asynccontextmanager
async def _open_host(settings: Settings, limits: SessionLimits) -> AsyncIterator[HostRuntime]:
    if settings.host_address is None:
        yield EmbeddedHost(limits=limits)
        return
    # Here, because only a bridge with a host elsewhere needs the wire to it.
    from snakepit_bridge.grpc.client import BridgeClient  # noqa: PLC0415

    async with BridgeClient(
        settings.host_address, max_message_bytes=settings.max_message_bytes
    ) as client:
        yield client


@asynccontextmanager
async def _open_sessions(
    host: HostRuntime, limits: SessionLimits, told: Sequence[Callable[[str], object]]
) -> AsyncIterator[SessionManager]:
    on_end = [*told, *([host.forget_session] if isinstance(host, EmbeddedHost) else [])]
    sessions = SessionManager(host, limits=limits, on_end=on_end)
    try:
        yield sessions
    finally:
        await end_sessions(sessions)


@asynccontextmanager
async def _open_leases(settings: Settings) -> AsyncIterator[Leases]:
    with open_leases(
        settings.blob_dir, max_bytes=settings.max_blob_bytes, idle_s=settings.blob_idle_s
    ) as leases:
        async with leases.sweeping():
            yield leases


async def end_sessions(sessions: SessionManager, *, timeout_s: float = SESSIONS_CLOSE_S) -> None:
    """End every session, in a thread of its own that is left behind if it takes too long."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def end_all() -> None:
        sessions.end_all()
        with suppress(RuntimeError):  # the loop has not waited, and is closed
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=end_all, name="bridge-end", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):
            await ended.wait()
    except TimeoutError:
        log.warning("closing all instances took more than %s s; some were left", timeout_s)


@asynccontextmanager
async def _open_dspy(
    sessions: SessionManager,
    rules: DSPyRules,
    tools: ToolHandler,
    telemetry: Telemetry | None,
) -> AsyncIterator[Callable[[], list[object]]]:
    async with AsyncExitStack() as stack:
        try:
            load = await stack.enter_async_context(open_dspy(sessions, rules, tools, telemetry))
        except DSPyError as error:
            raise HandlerLoadError(f"{error.message} {error.hint}") from error
        yield load


def dspy_rules(settings: Settings, environ: Mapping[str, str]) -> DSPyRules:
    """What the settings say about DSPy.

    Args:
        settings: What the operator decided.
        environ: Where keys of language models are.
    """
    return DSPyRules(
        allow=settings.allow,
        code_execution=settings.allow_code_execution,
        secrets=Secrets(
            environ,
            names=PROVIDER_KEYS | set(settings.allow_secret),
            api_bases=settings.allow_api_base,
        ),
        cache_dir=settings.dspy_cache,
        state_dir=settings.dspy_state_dir,
        import_when=settings.dspy_import,
        jobs=settings.dspy_jobs,
        capture_content=environ.get(CAPTURE_CONTENT, "").strip().lower() == "true",
    )


def _register(registry: HandlerRegistry, tools: ToolHandler, handlers: Iterable[object]) -> None:
    for handler in handlers:
        try:
            if isinstance(handler, ToolHandler):
                # The bridge has one already; what another one offers is offered by it.
                tools.take_over(handler)
            else:
                registry.register(handler)
        except (TypeError, ValueError) as error:
            name = getattr(handler, "__qualname__", type(handler).__qualname__)
            text = f"The handler {name!r} cannot be registered: {error}"
            raise HandlerLoadError(text) from error


def _handler(path: str) -> object:
    """The handler a setting names."""
    if ":" not in path:
        raise HandlerLoadError(f"{path!r} names a module, not a handler in it. {_choice_in(path)}")
    return handler_from_path(path)


def _choice_in(module_name: str) -> str:
    """What could be named instead of the module alone."""
    try:
        # Imports the module, or says in full why it cannot be imported.
        handler_from_path(f"{module_name}:CLASS")
    except HandlerLoadError:
        if module_name not in sys.modules:
            raise
    paths = [
        f"{module_name}:{name}"
        for name, thing in vars(sys.modules[module_name]).items()
        if callable(thing) and getattr(thing, "__module__", "") == module_name and name[0] != "_"
    ]
    return f"Write {' or '.join(paths)}." if paths else "It defines neither class nor function."
