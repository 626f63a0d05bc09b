"""One execution as the loop sees it: what it brought, who waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    Outcome,
)

if TYPE_CHECKING:
    import asyncio

    from snakepit_bridge.engine.job import Execution
    from snakepit_bridge.engine.loop_thread import RemoteTask
    from snakepit_bridge.engine.stream_buffer import StreamBuffer


class Flight:
    """An execution on its way through the engine. Everything here belongs to the loop's thread.

    The code's thread alone sets ``value``, ``error`` and ``has_result``, before it has landed.
    """

    __slots__ = (
        "asked_to_end",
        "buffer",
        "error",
        "execution",
        "expired",
        "grace",
        "has_result",
        "is_async",
        "landed",
        "task",
        "value",
        "waiter",
    )

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.waiter: asyncio.Future[None] | None = None
        self.buffer: StreamBuffer | None = None
        self.task: asyncio.Task[None] | RemoteTask | None = None
        self.is_async = False
        """Whether it runs as a task; ``task`` is set only once the first step is made."""
        self.value: Any = None
        self.error: BridgeError | None = None
        self.has_result = False
        """Whether the code came to its own end; without that there is no success."""
        self.asked_to_end = False
        self.expired = False
        self.grace: asyncio.TimerHandle | None = None
        """Runs out when the code that was asked to end has not."""
        self.landed = False

    def cancel(self) -> None:
        """Ask the code to end, once."""
        # The deadline and the caller who leaves because of it come together; a task that is
        # cancelled twice is torn out of its cleaning up.
        if self.asked_to_end:
            return
        self.asked_to_end = True
        self.execution.cancel()
        if self.task is not None:
            self.task.cancel()
        # After that: whoever finds the buffer closed has its cancellation under way.
        if self.buffer is not None:
            self.buffer.close()

    def release(self) -> None:
        """Let the caller go on."""
        if self.buffer is not None:
            self.buffer.finish()
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def raise_failure(self) -> None:
        """Raise what the caller gets instead of a value; return when there is a value."""
        if self.expired:
            raise _late(self.execution)
        if self.asked_to_end:
            raise dropped(self.execution)
        if self.error is not None:
            raise self.error
        if not self.has_result:
            raise _without_result(self.execution)


def dropped(execution: Execution) -> CommandCancelledError:
    """The error of an execution that ends because its engine closes."""
    job, outcome = execution.job, execution.outcome or Outcome.STOPPED
    error = CommandCancelledError(
        f"{job.command!r} was cancelled because the bridge stops; its code was {outcome}.",
        {
            "command": job.command,
            "outcome": str(outcome),
            "hint": "Send it again when the bridge runs again, or to another one.",
        },
    )
    error.outcome = outcome
    return error


def _late(execution: Execution) -> CommandDeadlineError:
    job, outcome = execution.job, execution.outcome or Outcome.STOPPED
    error = CommandDeadlineError(
        f"{job.command!r} had no result when its deadline passed; its code was {outcome}.",
        {
            "command": job.command,
            "outcome": str(outcome),
            "hint": "Give it more time, or let it look at session.cancelled.",
        },
    )
    error.outcome = outcome
    return error


def _without_result(execution: Execution) -> BridgeError:
    # Work raises nothing but BridgeError; this is for the day on which that is not true.
    command = execution.job.command
    return BridgeError(f"The code of {command!r} ended without a result.", {"command": command})
