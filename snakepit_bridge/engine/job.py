"""A command on its way through an engine: the job as data, its execution as what moves."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.engine.cancellation import Cancellation

if TYPE_CHECKING:
    from collections.abc import Callable

    from snakepit_bridge.clock import Clock
    from snakepit_bridge.errors import Outcome


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine is asked to do; plain data, so that it can cross processes."""

    session_id: str
    command: str
    """The name it was sent under."""

    args: Mapping[str, Any]
    """Arguments that have passed the command's checks."""

    streams: bool = False
    """Whether the code yields items instead of returning a value."""

    runs_on_loop: bool = False
    """Whether the code is ``async`` and therefore runs on the loop."""

    deadline: float | None = None
    """When the command must have an outcome, on the clock's monotonic scale; ``None`` is never."""

    trace_context: Mapping[str, str]
    """W3C headers of the command's span; empty where nothing is traced."""

    metadata: Mapping[str, str] = {}
    """What the caller said beside the arguments."""


class Execution:
    """One job under way in this process: its cancellation, its times, its end.

    The engine calls ``begin`` and ``end`` around the code, from whichever thread runs it. Everyone
    else reads. ``cancel`` may come from any thread and asks; it cannot force.

    Args:
        job: What to do.
        work: Runs the job's code in this process; returns a value, a coroutine or an iterator.
            It raises nothing but ``BridgeError`` and cancellation.
        clock: For the times.
        on_end: Called once, when the code has really ended or will never begin.
    """

    __slots__ = (
        "_cancellation",
        "_clock",
        "_lock",
        "_on_end",
        "answer_metadata",
        "ended_at",
        "job",
        "outcome",
        "started_at",
        "submitted_at",
        "work",
    )

    def __init__(
        self,
        job: Job,
        work: Callable[[Execution], Any],
        *,
        clock: Clock,
        on_end: Callable[[], None],
    ) -> None:
        self.job = job
        self.work = work
        self.submitted_at = clock.monotonic()
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.outcome: Outcome | None = None
        """What became of the code, where the engine gave up waiting for it."""

        self.answer_metadata: dict[str, str] = {}
        """What the code says beside its answer."""
        self._clock = clock
        self._on_end = on_end
        self._lock = threading.Lock()
        self._cancellation = Cancellation()

    @property
    def command(self) -> str:
        """The name the command was sent under."""
        return self.job.command

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the caller said beside the arguments."""
        return self.job.metadata

    @property
    def cancelled(self) -> bool:
        """Whether the code has been asked to end."""
        return self._cancellation.is_wanted

    @property
    def deadline(self) -> float | None:
        """When the command must have an outcome, on the clock's monotonic scale."""
        return self.job.deadline

    def cancel(self) -> None:
        """Ask the code to end: ``session.cancelled`` turns true. Later calls do nothing."""
        self._cancellation.ask()

    def on_cancel(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call ``told`` once when the code is asked to end; at once if it has been.

        Args:
            told: Must not block or raise; it is called on the thread that cancels.

        Returns:
            Takes the subscription back; may be called any number of times.
        """
        return self._cancellation.subscribe(told)

    def begin(self) -> None:
        """The code starts now."""
        self.started_at = self._clock.monotonic()

    def end(self) -> None:
        """The code has ended, or will never begin; later calls do nothing."""
        with self._lock:
            if self.ended_at is not None:
                return
            self.ended_at = self._clock.monotonic()
        self._on_end()

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the deadline, negative once it has passed; ``None`` without one."""
        deadline = self.job.deadline
        return None if deadline is None else deadline - self._clock.monotonic()

    @property
    def queue_s(self) -> float:
        """Seconds between the arrival and the start of the code."""
        until = self.started_at if self.started_at is not None else self._clock.monotonic()
        return until - self.submitted_at

    @property
    def run_s(self) -> float:
        """Seconds the code has run so far, or ran."""
        if self.started_at is None:
            return 0.0
        until = self.ended_at if self.ended_at is not None else self._clock.monotonic()
        return until - self.started_at
