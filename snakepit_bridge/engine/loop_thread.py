"""A thread with a loop, for callers that have none."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from snakepit_bridge.engine.eager import eager_task
from snakepit_bridge.errors import CommandCancelledError, WrongCallError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager

_T = TypeVar("_T")

UNWIND_S = 1.0
"""How long cancelled work may take to end; calls need a quarter of it at most."""

CLOSE_TIMEOUT_S = 5.0
"""How long closing waits for the thread; it is a daemon, and keeps no process alive."""


@contextmanager
def loop_thread(
    name: str,
    *,
    owner: str = "client",
    unwind_s: float = UNWIND_S,
    close_timeout_s: float = CLOSE_TIMEOUT_S,
) -> Iterator[LoopThread]:
    """A thread whose loop runs while the block does.

    Args:
        name: Of the thread, for people.
        owner: What an error says is closed, once it is.
        unwind_s: How long work that is cancelled at the end is waited for.
        close_timeout_s: How long the thread itself is waited for, which work may block.
    """
    thread = LoopThread(name, owner, unwind_s, close_timeout_s)
    try:
        yield thread
    finally:
        thread.close()


class LoopThread:
    """Runs coroutines for other threads; see ``loop_thread``, which opens and closes it."""

    def __init__(self, name: str, owner: str, unwind_s: float, close_timeout_s: float) -> None:
        self._owner = owner
        self._unwind_s = unwind_s
        self._close_timeout_s = close_timeout_s
        # Whatever the garbage collector ends may call start(), in the midst of start().
        self._gate = threading.RLock()
        self._is_open = True
        self._running: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._loop = self._running.result()

    def open(self, resource: AbstractAsyncContextManager[_T]) -> _T:
        """Enter a block on the loop that is left when the thread ends, after all other work."""
        return self.run(self._resources.enter_async_context(resource))

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on this very thread."""
        return threading.current_thread() is self._thread

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the loop and wait for it; being interrupted cancels it.

        Raises:
            WrongCallError: The thread is closed, or the caller would block a loop of its own.
            CommandCancelledError: The thread was closed meanwhile.
        """
        _refuse_on_loop(work, self._owner)
        future = self.start(work)
        try:
            return future.result()
        except CancelledError as error:
            text = f"The {self._owner} was closed while the call ran."
            raise CommandCancelledError(text) from error
        finally:
            future.cancel()

    def start(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Run a coroutine on the loop; from any thread.

        Raises:
            WrongCallError: The thread is closed.
        """
        with self._gate:
            # A thread does not live on in a process that was forked.
            if self._is_open and self._thread.is_alive():
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        hint = "Call it inside its 'with' block, in the process that opened it."
        raise WrongCallError(f"The {self._owner} is closed.", {"hint": hint})

    def task(self, work: Coroutine[Any, Any, None]) -> RemoteTask:
        """Begin a task on the loop, from any thread; it makes its first step even when cancelled.

        Raises:
            WrongCallError: The thread is closed.
        """
        with self._gate:
            if self._is_open and self._thread.is_alive():
                return RemoteTask(self._loop, work)
        work.close()
        raise WrongCallError(f"The {self._owner} is closed.")

    def close(self) -> None:
        """Cancel what runs, leave the blocks that ``open`` entered, and end the thread."""
        with self._gate:
            was_open, self._is_open = self._is_open, False
        if was_open and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(self._close_timeout_s)

    # --- on the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        self._stop = asyncio.Event()
        async with AsyncExitStack() as self._resources:
            self._running.set_result(asyncio.get_running_loop())
            await self._stop.wait()
            await _end_all_but_this(self._unwind_s)


class RemoteTask:
    """A task on the loop of another thread.

    Its first step is made before anything can cancel it, so what its code does in the end is done.
    """

    __slots__ = ("_is_cancelled", "_loop", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._is_cancelled = False
        # The context of the caller goes along: the span and DSPy's settings live in it.
        loop.call_soon_threadsafe(self._begin, work)

    def cancel(self) -> None:
        """Cancel the task, from any thread. Once: later calls must not tear it out of its end."""
        with suppress(RuntimeError):  # the loop has closed, and cancelled it before
            self._loop.call_soon_threadsafe(self._cancel)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = eager_task(work)

    def _cancel(self) -> None:
        # After _begin: a loop keeps the order.
        if self._task is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()


async def _end_all_but_this(unwind_s: float) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=unwind_s)


def _refuse_on_loop(work: Coroutine[Any, Any, Any], owner: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    work.close()
    text = f"A blocking {owner} would block the event loop."
    raise WrongCallError(text, {"hint": f"Use the {owner} with 'async with' in async def code."})
