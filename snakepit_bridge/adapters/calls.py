"""One call of an adapter from its object to its clean-up, on whatever thread it is made."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Mapping,
)
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.from_loop import (
    all_of_async,
    end_from_loop,
    items_from_loop,
    value_from_loop,
)
from snakepit_bridge.adapters.from_thread import all_of, items_from_thread
from snakepit_bridge.adapters.instances import Instances
from snakepit_bridge.adapters.session_context import SessionContext

if TYPE_CHECKING:
    from snakepit_bridge.adapters.hooks import Hooks
    from snakepit_bridge.adapters.host_stub import HostStub
    from snakepit_bridge.adapters.instances import Shared
    from snakepit_bridge.engine.loop_thread import LoopThread
    from snakepit_bridge.session.context import Session

log = logging.getLogger(__name__)

STREAMS_ELSEWHERE = {"error": "Streaming tool called on non-streaming endpoint."}
"""What Snakepit's callers get of a tool that yields, when they ask it for one value."""

_ONE_ITEM = (str, bytes, bytearray, memoryview, Mapping)
"""What Python could iterate, but nobody means as a stream."""


class _Call:
    """What one call holds on to until its end."""

    __slots__ = ("adapter", "context", "shared")

    def __init__(self, context: SessionContext | None, shared: Shared | None) -> None:
        self.adapter: Any = None
        self.context = context
        self.shared = shared


class AdapterCalls:
    """Calls the tools of one adapter class.

    Args:
        hooks: What the class has.
        stub: What its objects call Elixir with.
        loop_thread: Where coroutines run that plain code hands back.
    """

    def __init__(self, hooks: Hooks, stub: HostStub | None, loop_thread: LoopThread) -> None:
        self.hooks = hooks
        self.instances = Instances(hooks.lifetime)
        self.loop_thread = loop_thread
        self._stub = stub

    # --- plain code, on any thread that may block -----------------------------------------------

    def value(self, session: Session, args: Mapping[str, Any]) -> Any:
        """Call a tool and return its value."""
        call = self._call_in(session)
        try:
            self._begin(call)
            result = self.settle(self._result(call, session.command, args))
            if is_stream(result):
                self._drop(result)
                return STREAMS_ELSEWHERE
            return result
        finally:
            self._end(call)

    def items(self, session: Session, args: Mapping[str, Any]) -> Generator[Any, None, None]:
        """Call a tool and yield what it yields; the value of one that does not is one item."""
        call = self._call_in(session)
        try:
            self._begin(call)
            result = self.settle(self._result(call, session.command, args))
            if isinstance(result, AsyncIterable):
                yield from items_from_loop(self.loop_thread, result)
            elif _is_iterable(result):
                yield from all_of(result)
            else:
                yield result
        finally:
            self._end(call)

    def settle(self, result: Any) -> Any:
        """The value of what plain code handed back, which may be a coroutine."""
        return value_from_loop(self.loop_thread, result) if inspect.isawaitable(result) else result

    def release(self, shared: Shared) -> None:
        """Let go of a shared object, and clean it up if nobody is to use it any more."""
        if self.instances.release(shared):
            self.clean_up(shared.adapter)

    def clean_up(self, adapter: Any) -> None:
        """Tell an object that it is not needed any more; what goes wrong is logged."""
        if adapter is None or not self.hooks.cleans_up:
            return
        try:
            result = adapter.cleanup()
            if inspect.isawaitable(result):
                end_from_loop(self.loop_thread, result)
        # The call has its outcome, and an exit in here is no more wanted than one in a tool.
        except BaseException:
            log.exception("%s.cleanup() failed", self.hooks.name)

    def _begin(self, call: _Call) -> None:
        shared = call.shared
        if shared is None:
            self._make(call)
            return
        if shared.adapter is None:
            shared.making.enter_from_thread()
            try:
                if shared.adapter is None:
                    self._make(call)
                    shared.adapter = call.adapter
            finally:
                shared.making.leave()
        self._share(call, shared.adapter)

    def _make(self, call: _Call) -> None:
        adapter = call.adapter = self.hooks.cls()
        self._tell_context(call)
        if self.hooks.initializes:
            self.settle(adapter.initialize())

    def _end(self, call: _Call) -> None:
        for adapter in self._left_by(call):
            self.clean_up(adapter)

    def _drop(self, stream: Any) -> None:
        if inspect.isasyncgen(stream):
            end_from_loop(self.loop_thread, stream.aclose())
        else:
            stream.close()

    # --- async code, on the loop it belongs to --------------------------------------------------

    async def value_on_loop(self, session: Session, args: Mapping[str, Any]) -> Any:
        """As ``value``, for a tool that is ``async``."""
        call = self._call_in(session)
        try:
            await self._begin_on_loop(call)
            result = await _settled(self._result(call, session.command, args))
            if is_stream(result):
                await _drop_on_loop(result)
                return STREAMS_ELSEWHERE
            return result
        finally:
            await self._end_on_loop(call)

    async def items_on_loop(
        self, session: Session, args: Mapping[str, Any]
    ) -> AsyncGenerator[Any, None]:
        """As ``items``, for a tool that is ``async``."""
        call = self._call_in(session)
        try:
            await self._begin_on_loop(call)
            result = await _settled(self._result(call, session.command, args))
            async with aclosing(_items_of(result)) as items:
                async for item in items:
                    yield item
        finally:
            await self._end_on_loop(call)

    async def _begin_on_loop(self, call: _Call) -> None:
        shared = call.shared
        if shared is None:
            await self._make_on_loop(call)
            return
        if shared.adapter is None:
            await shared.making.enter()
            try:
                if shared.adapter is None:
                    await self._make_on_loop(call)
                    shared.adapter = call.adapter
            finally:
                shared.making.leave()
        self._share(call, shared.adapter)

    async def _make_on_loop(self, call: _Call) -> None:
        adapter = call.adapter = self.hooks.cls()
        self._tell_context(call)
        if self.hooks.initializes:
            await _settled(adapter.initialize())

    async def _end_on_loop(self, call: _Call) -> None:
        for adapter in self._left_by(call):
            await self._clean_up_on_loop(adapter)

    async def _clean_up_on_loop(self, adapter: Any) -> None:
        try:
            await _settled(adapter.cleanup())
        except asyncio.CancelledError:
            raise
        # As in ``clean_up``.
        except BaseException:
            log.exception("%s.cleanup() failed", self.hooks.name)

    # --- both -----------------------------------------------------------------------------------

    def _call_in(self, session: Session) -> _Call:
        hooks = self.hooks
        context = None
        if hooks.takes_context or hooks.answers_itself:
            context = SessionContext(self._stub, session.id, session.metadata)
        return _Call(context, self.instances.hold(session.id))

    def _left_by(self, call: _Call) -> list[Any]:
        """Objects that nobody needs once the call has ended, and that want to be told."""
        own, shared = call.adapter, call.shared
        if shared is None:
            left = [own]
        else:
            # One of its own has a call that could not make the shared one.
            left = [own] if own is not shared.adapter else []
            if self.instances.release(shared):
                left.append(shared.adapter)
        return [each for each in left if each is not None] if self.hooks.cleans_up else []

    def _share(self, call: _Call, adapter: Any) -> None:
        if call.adapter is None:
            call.adapter = adapter
            self._tell_context(call)

    def _tell_context(self, call: _Call) -> None:
        if self.hooks.takes_context:
            call.adapter.set_session_context(call.context)

    def _result(self, call: _Call, tool_name: str, args: Mapping[str, Any]) -> Any:
        if self.hooks.answers_itself:
            return call.adapter.execute_tool(
                tool_name=tool_name, arguments=dict(args), context=call.context
            )
        # Not through execute_tool: a plain class has none, and the name is a tool's for certain.
        return getattr(call.adapter, tool_name)(**args)


def is_stream(result: Any) -> bool:
    """Whether a result is code that has yet to run: a generator of either kind."""
    return inspect.isgenerator(result) or inspect.isasyncgen(result)


def _is_iterable(result: Any) -> bool:
    return isinstance(result, Iterable) and not isinstance(result, _ONE_ITEM)


async def _settled(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


async def _drop_on_loop(stream: Any) -> None:
    if inspect.isasyncgen(stream):
        await stream.aclose()
    else:
        stream.close()


def _items_of(result: Any) -> AsyncGenerator[Any, None]:
    if isinstance(result, AsyncIterable):
        return all_of_async(result)
    return items_from_thread(result) if _is_iterable(result) else _single(result)


async def _single(item: Any) -> AsyncGenerator[Any, None]:
    yield item
