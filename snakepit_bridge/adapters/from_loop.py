"""What ``async`` code answers, for plain code that waits for it on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Generator, Iterator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from queue import SimpleQueue
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.session.context import current_execution

if TYPE_CHECKING:
    from collections.abc import Callable

    from snakepit_bridge.engine.loop_thread import LoopThread, RemoteTask

AHEAD = 16
"""Items that ``async`` code may be ahead of the thread that takes them, so that the two do not wait
for each other's turns all the time."""


def value_from_loop(thread: LoopThread, work: Awaitable[Any]) -> Any:
    """Run what plain code handed back; return once its code has really ended.

    It is cancelled together with the command that waits for it. Whatever it raises is raised here,
    ``SystemExit`` and the like included.

    Args:
        thread: Where it runs.
        work: A coroutine, or another awaitable that belongs to no loop yet.

    Raises:
        WrongCallError: The thread is closed.
    """
    outcome: Future[Any] = Future()
    task = _begun(thread, work, outcome)
    take_back = _with_command(task.cancel)
    try:
        return outcome.result()
    finally:
        take_back()


def end_from_loop(thread: LoopThread, work: Awaitable[Any]) -> None:
    """As ``value_from_loop``, for what is done at an end: a command that is cancelled waits."""
    outcome: Future[Any] = Future()
    _begun(thread, work, outcome)
    outcome.result()


def items_from_loop(thread: LoopThread, items: AsyncIterable[Any]) -> Generator[Any, None, None]:
    """The items of ``async`` code, which one task runs from its beginning to its end.

    It is at most ``AHEAD`` items ahead and is cancelled together with the command. It has ended
    once the iterator has: by itself, by an error, or because it was closed.
    """
    relay = _Relay()
    task = thread.task(relay.hand_over(items))
    take_back = _with_command(task.cancel)
    try:
        yield from relay.taken()
    finally:
        take_back()
        if not relay.has_ended:
            task.cancel()
            relay.close()


def _with_command(cancel: Callable[[], None]) -> Callable[[], None]:
    execution = current_execution.get()
    return _nothing if execution is None else execution.on_cancel(cancel)


def _nothing() -> None:
    """Code that belongs to no command is cancelled with none."""


def _begun(thread: LoopThread, work: Awaitable[Any], outcome: Future[Any]) -> RemoteTask:
    try:
        return thread.task(_tell(work, outcome))
    except WrongCallError:
        if isinstance(work, CoroutineType):
            work.close()  # else Python warns that nobody awaited it
        raise


async def _tell(work: Awaitable[Any], outcome: Future[Any]) -> None:
    try:
        outcome.set_result(await work)
    # All of it: an exit that left this task would end the loop, and all other code on it.
    except BaseException as error:  # noqa: BLE001
        outcome.set_exception(error)


class _Item(NamedTuple):
    value: Any


class _Relay:
    """Items on their way from a task to a thread."""

    def __init__(self) -> None:
        self.has_ended = False
        """Whether the thread has seen the end."""
        # Items, and at last how the code has ended. Putting never blocks, so the loop may do it.
        self._handed: SimpleQueue[_Item | BaseException | None] = SimpleQueue()
        self._room = asyncio.Semaphore(AHEAD)
        self._is_closed = False

    # --- the task -------------------------------------------------------------------------------

    async def hand_over(self, items: AsyncIterable[Any]) -> None:
        """Run the code."""
        self._loop = asyncio.get_running_loop()
        end: BaseException | None = None
        try:
            async with aclosing(all_of_async(items)) as values:
                await self._hand_over_all(values)
        # All of it, as above.
        except BaseException as error:  # noqa: BLE001
            end = error
        self._handed.put(end)

    async def _hand_over_all(self, values: AsyncIterable[Any]) -> None:
        async for value in values:
            await self._room.acquire()
            if self._is_closed:
                # The task was cancelled just before. It is to learn that here, not in the midst of
                # its cleaning up.
                await asyncio.sleep(0)
                return
            self._handed.put(_Item(value))

    # --- the thread -----------------------------------------------------------------------------

    def taken(self) -> Iterator[Any]:
        """The items, then what the code raised."""
        while isinstance(handed := self._take(), _Item):
            yield handed.value
        if handed is not None:
            raise handed

    def close(self) -> None:
        """Take no more items, and wait until the code has ended."""
        self._is_closed = True
        while not self.has_ended:
            self._take()

    def _take(self) -> _Item | BaseException | None:
        handed = self._handed.get()
        if isinstance(handed, _Item):
            with suppress(RuntimeError):  # the loop has closed, and the code has ended with it
                self._loop.call_soon_threadsafe(self._room.release)
        else:
            self.has_ended = True
        return handed


async def all_of_async(items: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    """The items; a generator behind them is closed when they are left early."""
    iterator = aiter(items)
    try:
        async for item in iterator:
            yield item
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()
