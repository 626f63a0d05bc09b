"""The engine that runs jobs in this process: ``def`` on threads, ``async def`` on the loop."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import aclosing, asynccontextmanager, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from snakepit_bridge.engine.base import Engine, Load
from snakepit_bridge.engine.eager import eager_task
from snakepit_bridge.engine.flight import Flight, dropped
from snakepit_bridge.engine.own_loop import pump_here, value_here
from snakepit_bridge.engine.pool import ThreadPool
from snakepit_bridge.engine.stream_buffer import StreamBuffer, StreamClosedError
from snakepit_bridge.errors import BridgeError, Outcome, PoolFullError, WrongCallError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine

    from snakepit_bridge.engine.job import Execution
    from snakepit_bridge.engine.loop_thread import LoopThread
    from snakepit_bridge.engine.main_thread import MainThread

STOP_GRACE_S = 0.2
"""How long a caller waits for cancelled code to end; well inside the promised second."""

STREAM_CAPACITY = 100
"""Items a stream's code may be ahead of its reader, the number Snakepit's users know."""

MAX_ON_LOOP = 10_000
"""``async`` commands at once; each holds its arguments, and the loop serves all in turn."""

CLOSE_TIMEOUT_S = 2.0
"""How long closing waits for running code; a process must be gone 5 s after SIGTERM."""


def default_threads() -> int:
    """Threads when nobody says how many: enough to overlap waiting, few enough to share the GIL."""
    return min(32, (os.cpu_count() or 1) + 4)


@asynccontextmanager
async def inline_engine(
    *,
    max_threads: int | None = None,
    max_queued: int = 1000,
    close_timeout_s: float = CLOSE_TIMEOUT_S,
    main_thread: MainThread | None = None,
    loop_thread: LoopThread | None = None,
) -> AsyncIterator[Engine]:
    """Run jobs on threads and on the running loop of this process.

    The threads live as long as the block. Leaving it drops what is queued, asks what runs to end,
    and waits for that. Whoever still waits for a result then gets a ``CommandCancelledError``.

    Args:
        max_threads: Threads for ``def`` code, at least 1; ``default_threads()`` by default.
        max_queued: ``def`` commands that may wait for a thread.
        close_timeout_s: Code that still runs after this many seconds is left behind.
        main_thread: Where the jobs run that it wants; closed with the engine.
        loop_thread: Where ``async`` code runs instead of on the running loop, which it then cannot
            hold up, for the price of a hop. Outlives the engine.
    """
    pool = ThreadPool(max_threads=max_threads or default_threads(), max_queued=max_queued)
    engine = _InlineEngine(pool, main_thread, loop_thread)
    try:
        yield engine
    finally:
        await engine.close(timeout_s=close_timeout_s)


def _loop_full() -> PoolFullError:
    error = PoolFullError(
        f"{MAX_ON_LOOP} async commands run, as many as may.",
        {"running": MAX_ON_LOOP, "hint": "Send it again later, or spread the load."},
    )
    error.retry_after_s = 1.0
    return error


class _InlineEngine:
    """See ``inline_engine``, which opens and closes it."""

    name = "inline"

    def __init__(
        self, pool: ThreadPool, main_thread: MainThread | None, loop_thread: LoopThread | None
    ) -> None:
        self._pool = pool
        self._main_thread = main_thread
        self._loop_thread = loop_thread
        self._loop = asyncio.get_running_loop()
        self._flights: set[Flight] = set()
        self._on_loop = 0
        self._abandoned = 0
        self._closing = False
        self._all_landed: asyncio.Future[None] | None = None
        self._landing_lock = threading.Lock()
        self._landing: list[Flight] = []

    def load(self) -> Load:
        in_flight, queued = self._pool.running + self._on_loop, self._pool.queued
        if self._main_thread is not None:
            in_flight += self._main_thread.running
            queued += self._main_thread.queued
        return Load(in_flight=in_flight, queued=queued, abandoned=self._abandoned)

    async def run(self, execution: Execution) -> Any:
        self._admit(execution)
        flight = Flight(execution)
        self._start(flight, self._call_on_loop, self._call_in_thread)
        if not flight.landed:
            await self._wait(flight)
        flight.raise_failure()
        return flight.value

    async def _wait(self, flight: Flight) -> None:
        flight.waiter = self._loop.create_future()
        timer = self._arm_deadline(flight)
        try:
            await flight.waiter
        except asyncio.CancelledError:
            await self._stop(flight)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def stream(self, execution: Execution) -> AsyncGenerator[Any, None]:
        self._admit(execution)
        flight = Flight(execution)
        buffer = flight.buffer = StreamBuffer(capacity=STREAM_CAPACITY)
        self._start(flight, self._pump_on_loop, self._pump_in_thread)
        return self._drain(flight, buffer)

    def _start(
        self,
        flight: Flight,
        on_loop: Callable[[Flight], Coroutine[Any, Any, None]],
        in_thread: Callable[[Flight], None],
    ) -> None:
        job = flight.execution.job
        if self._main_thread is not None and self._main_thread.wants(job):
            self._start_thread(flight, in_thread, self._main_thread)
        elif not job.runs_on_loop:
            self._start_thread(flight, in_thread, self._pool)
        elif self._loop_thread is None:
            self._start_task(flight, on_loop(flight))
        else:
            self._start_on_loop_thread(flight, on_loop(flight), self._loop_thread)

    async def _drain(self, flight: Flight, buffer: StreamBuffer) -> AsyncGenerator[Any, None]:
        timer = self._arm_deadline(flight)
        try:
            while batch := await buffer.take():
                for item in batch:
                    yield item
        finally:
            if timer is not None:
                timer.cancel()
            if flight.execution.ended_at is None and not flight.expired:
                await self._stop(flight)
        flight.raise_failure()

    def cancel_all(self) -> None:
        for flight in list(self._flights):
            self._ask_to_end(flight)

    async def close(self, *, timeout_s: float) -> None:
        self._closing = True
        for flight in list(self._flights):
            flight.cancel()
            self._land_if_queued(flight)
        await asyncio.gather(
            self._until_all_landed(timeout_s),
            # join() blocks; the loop must stay free to answer the last calls.
            *(asyncio.to_thread(pool.close, timeout_s=timeout_s) for pool in self._pools()),
        )
        self._collect()
        for flight in list(self._flights):
            self._give_up(flight)

    def _pools(self) -> list[ThreadPool]:
        return [self._pool] if self._main_thread is None else [self._pool, self._main_thread]

    async def _until_all_landed(self, timeout_s: float) -> None:
        if self._flights:
            self._all_landed = self._loop.create_future()
            await asyncio.wait({self._all_landed}, timeout=timeout_s)

    def _admit(self, execution: Execution) -> None:
        if self._closing:
            execution.end()
            raise dropped(execution)
        if execution.job.runs_on_loop and self._on_loop >= MAX_ON_LOOP:
            execution.end()
            raise _loop_full()

    # --- on the loop ----------------------------------------------------------------------------

    def _start_task(self, flight: Flight, work: Coroutine[Any, Any, None]) -> None:
        self._admit_task(flight)
        # A task of its own: what the handler does to its task must not hit the transport's.
        flight.task = eager_task(work)

    def _start_on_loop_thread(
        self, flight: Flight, work: Coroutine[Any, Any, None], thread: LoopThread
    ) -> None:
        try:
            flight.task = thread.task(work)
        except WrongCallError:
            flight.execution.end()
            raise dropped(flight.execution) from None
        self._admit_task(flight)

    def _admit_task(self, flight: Flight) -> None:
        flight.is_async = True
        self._flights.add(flight)
        self._on_loop += 1

    def _land_from_loop(self, flight: Flight) -> None:
        if self._loop_thread is not None:
            self._land_from_thread(flight)
        elif not flight.landed:
            self._land(flight)

    async def _call_on_loop(self, flight: Flight) -> None:
        execution = flight.execution
        execution.begin()
        try:
            flight.value = await execution.work(execution)
            flight.has_result = True
        except BridgeError as error:
            flight.error = error
        finally:
            self._land_from_loop(flight)

    async def _pump_on_loop(self, flight: Flight) -> None:
        execution, buffer = flight.execution, flight.buffer
        assert buffer is not None
        execution.begin()
        try:
            async with aclosing(execution.work(execution)) as items:
                async for item in items:
                    await buffer.put_on_loop(item)
            flight.has_result = True
        except StreamClosedError:
            pass
        except BridgeError as error:
            flight.error = error
        finally:
            self._land_from_loop(flight)

    # --- on a thread ----------------------------------------------------------------------------

    def _start_thread(
        self, flight: Flight, call: Callable[[Flight], None], pool: ThreadPool
    ) -> None:
        # Pool threads inherit no context variables: the span and DSPy's settings live in them.
        context = copy_context()
        try:
            pool.submit(
                flight,
                lambda: context.run(call, flight),
                after=lambda: self._land_from_thread(flight),
            )
        except PoolFullError:
            flight.execution.end()
            raise
        self._flights.add(flight)

    def _call_in_thread(self, flight: Flight) -> None:
        execution = flight.execution
        execution.begin()
        try:
            flight.value = value_here(execution)
            flight.has_result = True
        except BridgeError as error:
            flight.error = error
        except asyncio.CancelledError:
            pass

    def _pump_in_thread(self, flight: Flight) -> None:
        execution, buffer = flight.execution, flight.buffer
        assert buffer is not None
        execution.begin()
        try:
            pump_here(execution, buffer)
            flight.has_result = True
        except (StreamClosedError, asyncio.CancelledError):
            pass
        except BridgeError as error:
            flight.error = error

    def _land_from_thread(self, flight: Flight) -> None:
        try:
            flight.execution.end()
        finally:
            self._land_soon(flight)

    def _land_soon(self, flight: Flight) -> None:
        with self._landing_lock:
            self._landing.append(flight)
            # One wake-up serves all that land before the loop looks.
            first = len(self._landing) == 1
        if first:
            # A loop that is closed by now has nobody left who waits.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._collect)

    def _collect(self) -> None:
        with self._landing_lock:
            landing, self._landing = self._landing, []
        for flight in landing:
            self._land(flight)

    # --- how an execution ends ------------------------------------------------------------------

    def _land(self, flight: Flight) -> None:
        """The code has ended, or will never begin."""
        if flight.is_async and not flight.landed:
            self._on_loop -= 1
        flight.landed = True
        if flight.grace is not None:
            flight.grace.cancel()
        self._flights.discard(flight)
        if not self._flights and self._all_landed is not None and not self._all_landed.done():
            self._all_landed.set_result(None)
        execution = flight.execution
        if execution.outcome is Outcome.ABANDONED:
            self._abandoned -= 1
        elif execution.cancelled:
            execution.outcome = Outcome.STOPPED
        try:
            execution.end()
        finally:
            flight.release()

    def _land_if_queued(self, flight: Flight) -> None:
        if any(pool.withdraw(flight) for pool in self._pools()):
            self._land(flight)

    def _arm_deadline(self, flight: Flight) -> asyncio.TimerHandle | None:
        remaining_s = flight.execution.remaining_s
        if remaining_s is None:
            return None
        return self._loop.call_later(max(0.0, remaining_s), self._expire, flight)

    def _expire(self, flight: Flight) -> None:
        flight.expired = True
        self._ask_to_end(flight)

    async def _stop(self, flight: Flight) -> None:
        """Ask the code to end; return when it has, or after the grace."""
        # The first waiter was cancelled together with the caller.
        waiter = flight.waiter = self._loop.create_future()
        self._ask_to_end(flight)
        await waiter

    def _ask_to_end(self, flight: Flight) -> None:
        if flight.landed:
            flight.release()
            return
        flight.cancel()
        self._land_if_queued(flight)
        if not flight.landed:
            flight.grace = self._loop.call_later(STOP_GRACE_S, self._give_up, flight)

    def _give_up(self, flight: Flight) -> None:
        if not flight.landed and flight.execution.outcome is None:
            flight.execution.outcome = Outcome.ABANDONED
            self._abandoned += 1
        flight.release()
