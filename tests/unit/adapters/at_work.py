"""An adapter class at work on an engine, for tests of what becomes of its calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from snakepit_bridge.adapters.door import OpenAdapter, open_adapter
from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.engine import Engine, inline_engine
from snakepit_bridge.engine.loop_thread import LoopThread, loop_thread
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import at_rest, chunks_of


class Journal:
    """What the objects of an adapter note, whichever of them."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.threads: set[threading.Thread] = set()
        self._noted = threading.Condition()

    def note(self, text: str) -> None:
        with self._noted:
            self.notes.append(text)
            self.threads.add(threading.current_thread())
            self._noted.notify_all()

    async def noted(self, text: str) -> None:
        """Return once this is noted."""

        def wait() -> bool:
            with self._noted:
                return self._noted.wait_for(lambda: text in self.notes, 5)

        assert await asyncio.to_thread(wait)


def anew(cls: type, **shared: object) -> Any:
    """The class with a journal of its own, so that tests share nothing."""
    return type(cls.__name__, (cls,), {"journal": Journal(), **shared})


class AtWork(NamedTuple):
    """An adapter behind a command handler."""

    adapter: OpenAdapter
    handler: CommandHandler
    engine: Engine
    loop_thread: LoopThread

    async def value(self, tool: str, session_id: str = "s", /, **args: object) -> Any:
        """What a tool answers to a unary call."""
        command = Command(name=tool, session_id=session_id, args=args)
        return (await self.handler.run(command)).value

    async def items(self, tool: str, session_id: str = "s", /, **args: object) -> list[Any]:
        """What a tool answers to a streaming call."""
        command = Command(name=tool, session_id=session_id, args=args)
        return [each.value for each in await chunks_of(self.handler, command) if not each.is_empty]

    async def at_rest(self, session_id: str = "s") -> None:
        """Return once no call runs any more."""
        await busy(self.engine, in_flight=0)
        await at_rest(self.handler, session_id)


@asynccontextmanager
async def at_work(
    cls: type, *, stub: HostStub | None = None, on_loop_thread: bool = True
) -> AsyncIterator[AtWork]:
    """The tools of a class, while the block runs; nothing in it may take 5 s.

    Args:
        cls: The adapter class.
        stub: Its way to Elixir.
        on_loop_thread: Whether ``async`` tools run on a loop of their own, as in a worker, rather
            than on the test's.
    """
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        thread = stack.enter_context(loop_thread("adapter", owner="adapter"))
        adapter = await stack.enter_async_context(open_adapter(cls, stub=stub, loop_thread=thread))
        sessions = SessionManager(EmbeddedHost(), on_end=[adapter.end_session])
        stack.push_async_callback(asyncio.to_thread, sessions.end_all)
        engine = await stack.enter_async_context(
            inline_engine(max_threads=4, loop_thread=thread if on_loop_thread else None)
        )
        registry = HandlerRegistry()
        adapter.add_to(registry)
        handler = CommandHandler(registry, sessions, engine=engine)
        yield AtWork(adapter, handler, engine, thread)
