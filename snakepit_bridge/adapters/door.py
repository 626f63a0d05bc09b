"""The door through which an adapter's tools become commands like all others."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.base import BaseAdapter
from snakepit_bridge.adapters.calls import AdapterCalls
from snakepit_bridge.adapters.hooks import hooks_of
from snakepit_bridge.adapters.registration import registered_names, tool_registrations
from snakepit_bridge.adapters.tools import members_of
from snakepit_bridge.engine.pool import ThreadPool
from snakepit_bridge.errors import PoolFullError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.handlers.registry import HandlerEntry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from snakepit_bridge.adapters.host_stub import HostStub
    from snakepit_bridge.adapters.instances import Shared
    from snakepit_bridge.engine.loop_thread import LoopThread
    from snakepit_bridge.handlers.registry import HandlerRegistry
    from snakepit_bridge.session.context import Session

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 0.5
"""How long clean-up of shared objects may take at the end; it is their own code, and may block."""

MAX_ENDINGS = 10_000
"""Ended sessions whose clean-up may wait, as many as there may be sessions."""


class ToolEntry(HandlerEntry):
    """A tool of an adapter among the commands, or all tools of one that finds them itself.

    Args:
        command: The tool's name, or the adapter's.
        calls: Makes the calls.
        on_loop: Whether the code is ``async``.
        registration: What Elixir is told of the tool.
        answers: Which names it answers to; its own alone by default.
    """

    answers_both = True

    def __init__(
        self,
        command: str,
        calls: AdapterCalls,
        *,
        on_loop: bool,
        registration: pb.ToolRegistration | None = None,
        answers: Callable[[str], bool] | None = None,
    ) -> None:
        value: Callable[..., Any] = calls.value_on_loop if on_loop else calls.value
        super().__init__(command, value, answers=answers)
        self._items: Callable[..., Any] = calls.items_on_loop if on_loop else calls.items
        self._registration = registration
        self._library = calls.hooks.cls.__module__
        self.tells_python_calls = calls.hooks.answers_itself

    @property
    def library(self) -> str:
        """The adapter's module."""
        return self._library

    @property
    def where(self) -> str:
        """Where the code stands, for people."""
        registration = self._registration
        kind = registration.metadata["adapter_class"] if registration else self.command
        return f"tool of {kind}"

    @property
    def description(self) -> str:
        """What its author says about it."""
        text = self._registration.description if self._registration else ""
        return " ".join(text.partition("\n\n")[0].split())

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of its arguments, as far as its signature tells."""
        parameters = self._registration.parameters if self._registration else ()
        return {
            "type": "object",
            "properties": {each.name: {} for each in parameters},
            "required": [each.name for each in parameters if each.required],
        }

    @property
    def may_stream(self) -> bool:
        """Whether its author says that it yields items."""
        return self._registration is not None and self._registration.supports_streaming

    def takes(self, parameter: str) -> bool:
        """True for every name: a tool gets its arguments as they were sent."""
        del parameter
        return True

    def items(self, session: Session, bound: Mapping[str, Any]) -> Any:
        """The items of the tool, as they come."""
        return self._items(session, bound)


class OpenAdapter:
    """An adapter class at work; see ``open_adapter``.

    Args:
        cls: The class.
        calls: Makes the calls.
        stub: What its objects call Elixir with.
        endings: Runs what the ends of sessions ask for.
    """

    def __init__(
        self, cls: type, calls: AdapterCalls, stub: HostStub | None, endings: ThreadPool
    ) -> None:
        self._cls = cls
        self._calls = calls
        self._stub = stub
        self._endings = endings

    def add_to(self, registry: HandlerRegistry) -> None:
        """Make the tools commands.

        Raises:
            ValueError: A tool has the name of a command.
        """
        for entry in self._named_entries():
            registry.add(entry)
        hooks = self._calls.hooks
        if hooks.answers_itself:
            entry = ToolEntry(
                hooks.name, self._calls, on_loop=hooks.answers_on_loop, answers=lambda _: True
            )
            registry.add(entry, is_open=True)

    def _named_entries(self) -> Iterator[ToolEntry]:
        hooks = self._calls.hooks
        if hooks.answers_itself:
            return
        registrations = {each.name: each for each in tool_registrations(self._cls)}
        for name, on_loop in hooks.tools_on_loop.items():
            yield ToolEntry(
                name, self._calls, on_loop=on_loop, registration=registrations.get(name)
            )

    # --- sessions -------------------------------------------------------------------------------

    async def register(self, session_id: str) -> bool:
        """Tell Elixir of the tools, once for a session it knows.

        Returns:
            Whether Elixir knows them now; else it makes sense to try again.
        """
        if self._stub is None:
            return True
        if _registers_itself(self._cls):
            return bool(await asyncio.to_thread(self._registered_by_adapter, session_id))
        request = pb.RegisterToolsRequest(
            session_id=session_id,
            worker_id=self._stub.worker_id,
            tools=tool_registrations(self._cls),
        )
        if not request.tools:
            return True
        response = await self._stub.RegisterTools.ask(request)
        return bool(registered_names(request, response))

    def _registered_by_adapter(self, session_id: str) -> Any:
        calls, adapter = self._calls, None
        try:
            adapter = self._cls()
            return calls.settle(adapter.register_with_session(session_id, self._stub))
        # All of it: the loop that waits must neither end by an exit, nor wait for ever because no
        # future takes a StopIteration.
        except BaseException:
            log.exception("%s.register_with_session() failed", calls.hooks.name)
            return False
        finally:
            calls.clean_up(adapter)

    def end_session(self, session_id: str) -> None:
        """A session has ended: have the adapter's hook called, and the session's object cleaned up.

        Both happen on another thread, the clean-up after the last call that uses the object.
        """
        hooks, instances = self._calls.hooks, self._calls.instances
        if hooks.lifetime != "session" and not hooks.hears_session_ends:
            return
        # At once, so that a session that begins now under this id gets an object of its own.
        shared = instances.at_end_of(session_id)
        if not self._submit(lambda: self._after_session(session_id, shared), after=_nothing):
            log.warning("the end of session %r was not told", session_id)
            if shared is not None:
                instances.release(shared)

    def _after_session(self, session_id: str, shared: Shared | None) -> None:
        try:
            if self._calls.hooks.hears_session_ends:
                self._tell_end(session_id, None if shared is None else shared.adapter)
        # Whatever it does, the next end is to be told, too.
        except BaseException:
            log.exception("%s.on_session_end() failed", self._calls.hooks.name)
        if shared is not None:
            self._calls.release(shared)

    def _tell_end(self, session_id: str, adapter: Any) -> None:
        calls = self._calls
        if adapter is not None:
            calls.settle(adapter.on_session_end(session_id))
        elif isinstance(members_of(self._cls)["on_session_end"], classmethod | staticmethod):
            own: Any = self._cls
            calls.settle(own.on_session_end(session_id))
        elif calls.hooks.lifetime == "request":
            # No object has outlived its call, so the hook gets a fresh one.
            adapter = self._cls()
            try:
                calls.settle(adapter.on_session_end(session_id))
            finally:
                calls.clean_up(adapter)

    async def close(self, *, timeout_s: float) -> None:
        """Tell the ends of sessions that are still to be told, then clean up the shared objects.

        All of it is the adapter's own code and may block; it is left behind after that time.
        """
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def tell_closed() -> None:
            with suppress(RuntimeError):  # the loop has not waited, and is closed
                loop.call_soon_threadsafe(closed.set)

        if self._submit(self._clean_up_all, after=tell_closed):
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await closed.wait()
        self._endings.close(timeout_s=0.0)

    def _clean_up_all(self) -> None:
        for shared in self._calls.instances.retire_all():
            self._calls.release(shared)

    def _submit(self, ending: Callable[[], None], *, after: Callable[[], None]) -> bool:
        """Do something after all earlier endings; false if too many wait, or none is done."""
        try:
            self._endings.submit(object(), ending, after=after)
        except (PoolFullError, RuntimeError):
            return False
        return True


def _nothing() -> None:
    """Nobody waits for the end of a session to be told."""


@asynccontextmanager
async def open_adapter(
    cls: type,
    *,
    stub: HostStub | None,
    loop_thread: LoopThread,
    max_endings: int = MAX_ENDINGS,
    close_timeout_s: float = CLOSE_TIMEOUT_S,
) -> AsyncIterator[OpenAdapter]:
    """An adapter class at work while the block runs.

    Args:
        cls: The class; its objects are made as its ``adapter_lifetime`` says.
        stub: What its objects call Elixir with; none where there is no Elixir.
        loop_thread: Where coroutines run that plain tools hand back.
        max_endings: Ended sessions whose clean-up may wait.
        close_timeout_s: What is still to be done at the end is left behind after this many seconds.

    Raises:
        TypeError: The class has no tools, or its ``adapter_lifetime`` is none.
    """
    calls = AdapterCalls(hooks_of(cls), stub, loop_thread)
    endings = ThreadPool(max_threads=1, max_queued=max_endings)
    adapter = OpenAdapter(cls, calls, stub, endings)
    try:
        yield adapter
    finally:
        await adapter.close(timeout_s=close_timeout_s)


def _registers_itself(cls: type) -> bool:
    """Whether an adapter has a registration of its own, rather than the one of ``BaseAdapter``."""
    own = members_of(cls).get("register_with_session")
    return own is not None and own is not vars(BaseAdapter)["register_with_session"]
