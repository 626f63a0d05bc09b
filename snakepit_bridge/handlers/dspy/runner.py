"""Where DSPy's code runs: ``async`` code on a loop of its own, the rest on a bounded pool."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from snakepit_bridge.engine.loop_thread import LoopThread
from snakepit_bridge.engine.pool import ThreadPool
from snakepit_bridge.errors import (
    CommandCancelledError,
    Outcome,
    PoolFullError,
    WrongCallError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from snakepit_bridge.handlers.dspy.runs import Run

T = TypeVar("T")

MAX_THREADS = 64
"""Modules without an ``async`` form that run at once; they mostly wait for a language model."""

MAX_QUEUED = 1000

CLOSE_S = 0.4
"""How long what still runs is waited for in the end."""


class Runner:
    """Runs DSPy's code away from the loop that serves, which it would hold up.

    The loop and the threads start when they are first needed, and are daemons. Context variables of
    whoever asks go along: the command, its span, DSPy's settings. Safe to use from any thread.

    Args:
        max_threads: Modules without an ``async`` form that run at once.
        max_queued: Those that may wait beyond them.
    """

    def __init__(self, *, max_threads: int = MAX_THREADS, max_queued: int = MAX_QUEUED) -> None:
        self._pool = ThreadPool(max_threads=max_threads, max_queued=max_queued)
        # Modules wait for tools, so that tools must not wait for modules.
        self._tool_pool = ThreadPool(max_threads=max_threads, max_queued=max_queued)
        self._lock = threading.Lock()
        self._loop_thread: LoopThread | None = None
        self._under_way: set[_There[Any]] = set()
        self._is_closed = False

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on DSPy's loop."""
        return self._loop_thread is not None and self._loop_thread.is_here

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on DSPy's loop, from any loop.

        Being cancelled cancels it, and waits until it has really ended.

        Raises:
            WrongCallError: The runner is closed.
            CommandCancelledError: The runner was closed meanwhile.
        """
        if self.is_here:
            return await work
        there: _There[T] = _There()
        task = self._thread(work).task(_carried(work, there))
        try:
            return await there.outcome()
        except asyncio.CancelledError:
            task.cancel()
            await there.ended()
            raise

    def wait(self, work: Coroutine[Any, Any, T], run: Run | None = None) -> T:
        """Run a coroutine on DSPy's loop, from a thread without a loop.

        Args:
            work: What to run.
            run: Cancels it when it is cancelled itself.

        Raises:
            WrongCallError: The runner is closed, or this thread has a loop.
            Halt: The run was cancelled.
            CommandCancelledError: The runner was closed meanwhile.
        """
        _refuse_on_loop(work)
        future = self._thread(work).start(work)
        take_back = _nothing if run is None else run.on_cancel(future.cancel)
        try:
            return future.result()
        except CancelledError as error:
            if run is not None:
                run.check()
            raise _closed_meanwhile() from error
        finally:
            take_back()

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine on DSPy's loop that nobody waits for; a closed runner does not."""
        with suppress(WrongCallError):
            self._thread(work).start(work)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a function on the pool, from any loop.

        Being cancelled takes it out of the queue if it waits, and waits for it if it runs.

        Raises:
            PoolFullError: As many run and wait as may.
            WrongCallError: The runner is closed.
            CommandCancelledError: The runner was closed meanwhile.
        """
        there: _There[T] = _There()
        self._submit(self._pool, there, function)
        try:
            return await there.outcome()
        except asyncio.CancelledError:
            if not self._pool.withdraw(there):
                await there.ended()
            raise

    async def tool_in_thread(self, function: Callable[[], T]) -> T:
        """Run a function that modules wait for; as ``in_thread``, but it is left when cancelled."""
        there: _There[T] = _There()
        self._submit(self._tool_pool, there, function)
        try:
            return await there.outcome()
        except asyncio.CancelledError:
            self._tool_pool.withdraw(there)
            raise

    def close(self) -> None:
        """Cancel what runs on the loop, and leave behind what does not end."""
        with self._lock:
            self._is_closed = True
            thread, self._loop_thread = self._loop_thread, None
        if thread is not None:
            thread.close()
        for pool in (self._pool, self._tool_pool):
            pool.close(timeout_s=CLOSE_S / 2)
        with self._lock:
            waiting = list(self._under_way)
        for there in waiting:
            there.fail(_closed_meanwhile())

    def _submit(self, pool: ThreadPool, there: _There[T], function: Callable[[], T]) -> None:
        context = copy_context()

        def call() -> None:
            try:
                value = context.run(function)
            except BaseException as error:  # noqa: BLE001  (raised again where it is awaited)
                there.fail(error)
            else:
                there.succeed(value)

        with self._lock:
            if self._is_closed:
                raise _closing()
            self._under_way.add(there)
        there.when_told(self._forget)
        try:
            pool.submit(there, call, after=_nothing)
        except PoolFullError as error:
            self._forget(there)
            error.details["hint"] = "Send it again later."
            raise

    def _forget(self, there: _There[Any]) -> None:
        with self._lock:
            self._under_way.discard(there)

    def _thread(self, work: Coroutine[Any, Any, Any]) -> LoopThread:
        with self._lock:
            if self._is_closed:
                work.close()
                raise _closing()
            if self._loop_thread is None:
                self._loop_thread = LoopThread("bridge-dspy", "bridge", CLOSE_S, CLOSE_S)
            return self._loop_thread


class _There(Generic[T]):
    """What becomes of work on another thread, told to this loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[T] = self._loop.create_future()

    def when_told(self, told: Callable[[_There[T]], None]) -> None:
        """Call ``told`` when it has ended and the loop has heard of it."""
        self._outcome.add_done_callback(lambda _: told(self))

    def succeed(self, value: T) -> None:
        """It has ended with this value; from any thread."""
        self._tell(self._outcome.set_result, value)

    def fail(self, error: BaseException) -> None:
        """It has raised this; from any thread."""
        if isinstance(error, StopIteration):
            # What no future takes, because it would end the code that awaits it.
            error = RuntimeError(f"raised StopIteration: {error.value!r}")
        self._tell(self._outcome.set_exception, error)

    async def outcome(self) -> T:
        """What the work returned; being cancelled leaves it running."""
        return await asyncio.shield(self._outcome)

    async def ended(self) -> None:
        """Wait until it has ended, however it did."""
        await asyncio.wait({self._outcome})
        self._outcome.exception()  # looked at, so that nobody warns of it

    def _tell(self, settle: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop that waited has closed
            self._loop.call_soon_threadsafe(self._settle, settle, value)

    def _settle(self, settle: Callable[[Any], None], value: object) -> None:
        if not self._outcome.done():
            settle(value)


async def _carried(work: Coroutine[Any, Any, T], there: _There[T]) -> None:
    """The work for the other loop; raises nothing."""
    try:
        value = await work
    except asyncio.CancelledError:
        there.fail(_closed_meanwhile())
    except BaseException as error:  # noqa: BLE001  (raised again where it is awaited)
        there.fail(error)
    else:
        there.succeed(value)


def on_a_loop() -> bool:
    """Whether this thread runs a loop, which nothing here may block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _nothing() -> None:
    pass


def _refuse_on_loop(work: Coroutine[Any, Any, Any]) -> None:
    if not on_a_loop():
        return
    work.close()
    raise WrongCallError("DSPy would block this event loop; await the async twin of the call.")


def _closing() -> WrongCallError:
    return WrongCallError("The bridge is closing, so DSPy runs nothing any more.")


def _closed_meanwhile() -> CommandCancelledError:
    error = CommandCancelledError("The bridge was closed while DSPy was at work.")
    error.outcome = Outcome.STOPPED
    return error
