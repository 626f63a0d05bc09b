"""Runs the functions behind tools, from a thread or from the loop, until the command's deadline."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    Outcome,
    PoolFullError,
    WrongCallError,
)
from snakepit_bridge.session.context import current_execution

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_THREADS = 32
"""Plain functions that code on the loop may have running at once; engines have as many threads."""


class ToolCalls:
    """Calls functions, plain or ``async``, each where it belongs.

    A plain function may block, so it never runs on the loop. An ``async`` one gets a loop of its
    own when a thread calls it, and is cancelled when the command is. What a function raises is
    raised.

    Args:
        max_threads: Plain functions that ``acall`` may have running at once.
    """

    def __init__(self, *, max_threads: int = MAX_THREADS) -> None:
        self._max_threads = max_threads
        self._places = threading.Semaphore(max_threads)

    def call(
        self,
        function: Callable[[], Any],
        *,
        is_async: bool,
        runner: asyncio.Runner | None = None,
    ) -> Any:
        """Call a function from a thread.

        Args:
            function: Takes nothing.
            is_async: Whether it gives a coroutine.
            runner: Has the loop for an ``async`` one, if several calls share it.

        Raises:
            CommandDeadlineError: The command's deadline has passed.
            CommandCancelledError: Nobody waits for the command any more.
            WrongCallError: An ``async`` function, called on the loop; use ``acall`` there.
        """
        remaining_s = _remaining_s()
        if not is_async:
            return function()
        _refuse_on_loop()
        run = asyncio.run if runner is None else runner.run
        return run(_until_cancelled(function, remaining_s))

    async def acall(self, function: Callable[[], Any], *, is_async: bool) -> Any:
        """Call a function from the loop; a plain one runs on a thread of its own.

        Raises:
            CommandDeadlineError: The command's deadline has passed.
            PoolFullError: As many plain functions run as may.
        """
        remaining_s = _remaining_s()
        if is_async:
            return await _until_deadline(function(), remaining_s, Outcome.STOPPED)
        return await _until_deadline(self._in_thread(function), remaining_s, Outcome.ABANDONED)

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        if not self._places.acquire(blocking=False):
            raise self._full()
        # Not a thread of the loop's own pool: closing the loop waits for those, even for one that
        # never returns.
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        context = copy_context()

        def run() -> None:
            try:
                value = context.run(function)
            except BaseException as error:  # noqa: BLE001  (raised again where it is awaited)
                future.set_exception(error)
            else:
                future.set_result(value)
            finally:
                self._places.release()

        threading.Thread(target=run, name="bridge-tool", daemon=True).start()
        return await asyncio.wrap_future(future)

    def _full(self) -> PoolFullError:
        error = PoolFullError(
            f"{self._max_threads} tools run on threads, as many as may.",
            {"threads": self._max_threads, "hint": "Send it again later."},
        )
        error.retry_after_s = 1.0
        return error


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling the function gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  (its kind is asked for, not whether it is)
    )


def name_of(function: Callable[..., Any]) -> str:
    """The name a function has by itself.

    Raises:
        TypeError: It has none, or none that anybody could send.
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        text = f"{function!r} has no name of its own to be called by; give it one."
        raise TypeError(text)
    return name


def description_of(function: Callable[..., Any]) -> str:
    """The first paragraph of its docstring in one line."""
    text = inspect.getdoc(inspect.unwrap(function)) or ""
    return " ".join(text.partition("\n\n")[0].split())


async def _until_cancelled(function: Callable[[], Any], remaining_s: float | None) -> Any:
    """Run the function on this loop, which exists for it alone."""
    call = asyncio.ensure_future(_until_deadline(function(), remaining_s, Outcome.STOPPED))
    execution = current_execution.get()
    if execution is None:
        return await call
    loop = asyncio.get_running_loop()

    def cancel() -> None:
        # The call may have ended meanwhile, and its loop with it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(call.cancel)

    take_back = execution.on_cancel(cancel)
    try:
        return await call
    except asyncio.CancelledError:
        if not execution.cancelled:
            raise
        error = CommandCancelledError("The command was cancelled while a tool ran.")
        error.outcome = Outcome.STOPPED
        raise error from None
    finally:
        take_back()


async def _until_deadline(call: Awaitable[Any], remaining_s: float | None, outcome: Outcome) -> Any:
    """Await until the deadline; ``outcome`` is what becomes of the code that is late."""
    limit = asyncio.timeout(remaining_s)
    try:
        async with limit:
            return await call
    except TimeoutError:
        if not limit.expired():
            raise
        raise _late(outcome) from None


def _remaining_s() -> float | None:
    execution = current_execution.get()
    remaining_s = None if execution is None else execution.remaining_s
    if remaining_s is not None and remaining_s <= 0:
        raise _late(Outcome.STOPPED)
    return remaining_s


def _late(outcome: Outcome) -> CommandDeadlineError:
    error = CommandDeadlineError(
        f"The command's deadline passed before its tool had ended; the tool was {outcome}.",
        {"outcome": str(outcome), "hint": "Give the command more time."},
    )
    error.outcome = outcome
    return error


def _refuse_on_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    text = "An async tool cannot be awaited by plain code on the event loop."
    raise WrongCallError(text, {"hint": "Await the call's async twin there."})
