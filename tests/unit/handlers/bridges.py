"""A command handler on an engine, for tests of the one path of every command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from snakepit_bridge.clock import Clock
from snakepit_bridge.engine import inline_engine
from snakepit_bridge.handlers.command import Chunk, Command
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.telemetry.instrumentation import Telemetry


def commands_of(
    *handlers: object,
    limits: SessionLimits | None = None,
    telemetry: Telemetry | None = None,
    clock: Clock | None = None,
) -> CommandHandler:
    """Their commands, without an engine."""
    registry = HandlerRegistry()
    for handler in handlers:
        registry.register(handler)
    sessions = SessionManager(EmbeddedHost(), limits=limits, clock=clock)
    return CommandHandler(registry, sessions, telemetry=telemetry, worker_id="w1")


@asynccontextmanager
async def running(
    *handlers: object,
    limits: SessionLimits | None = None,
    telemetry: Telemetry | None = None,
    clock: Clock | None = None,
    max_threads: int = 4,
    max_queued: int = 100,
) -> AsyncIterator[CommandHandler]:
    """Their commands on an engine; nothing in the block may take 5 s."""
    commands = commands_of(*handlers, limits=limits, telemetry=telemetry, clock=clock)
    async with (
        asyncio.timeout(5),
        inline_engine(max_threads=max_threads, max_queued=max_queued) as engine,
    ):
        yield commands.on_engine(engine)


def call(command: str, session_id: str = "s", /, **args: object) -> Command:
    """A command without a limit."""
    return Command(name=command, session_id=session_id, args=args)


def brief_call(command: str, session_id: str = "s", *, timeout_s: float = 0.01) -> Command:
    """A command that has hardly any time."""
    return Command(name=command, session_id=session_id, args={}, timeout_s=timeout_s)


async def chunks_of(handler: CommandHandler, command: Command) -> list[Chunk]:
    """What a command streams."""
    async with aclosing(handler.stream(command)) as chunks:
        return [chunk async for chunk in chunks]


async def at_rest(handler: CommandHandler, *session_ids: str) -> None:
    """Return once nothing runs in these sessions; nothing tells of it, so the loop turns."""
    states = [handler.sessions.get_or_create(each).state for each in session_ids]
    async with asyncio.timeout(5):
        while any(state.running for state in states):  # noqa: ASYNC110
            await asyncio.sleep(0)
