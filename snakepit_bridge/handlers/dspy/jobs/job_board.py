"""The jobs of a bridge: which run, which wait, which have ended."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING

from snakepit_bridge.errors import PoolFullError
from snakepit_bridge.handlers.dspy.jobs.job import Job
from snakepit_bridge.handlers.dspy.jobs.task import ENDED

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import (
        CheckpointFile,
        CheckpointFolder,
    )
    from snakepit_bridge.session.instances import InstanceManager, Ref

log = logging.getLogger(__name__)

MAX_RUNNING = 4
MAX_WAITING = 16
MAX_ENDED = 100
"""Ended jobs that one session keeps; the oldest are forgotten."""

CLOSE_S = 5.0
"""How long running jobs are waited for when the bridge closes."""


class JobBoard:
    """Starts jobs as there is room for them, each on a thread of its own. Safe from any thread.

    Args:
        instances: Keeps the jobs, each in its session.
        folder: Where checkpoints grow.
        max_running: Jobs that run at once.
        max_waiting: Jobs that may wait for their turn beyond them.
        max_ended: Ended jobs that one session keeps.
        hold: Keeps a session open while the block runs.
    """

    def __init__(  # noqa: PLR0913  (the limits of all jobs)
        self,
        instances: InstanceManager,
        folder: CheckpointFolder,
        *,
        max_running: int = MAX_RUNNING,
        max_waiting: int = MAX_WAITING,
        max_ended: int = MAX_ENDED,
        hold: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._instances = instances
        self._folder = folder
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._max_ended = max_ended
        self._hold = hold
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._held: dict[Job, ExitStack] = {}
        self._running: dict[Job, threading.Thread] = {}
        self._sessions: dict[str, dict[str, Job]] = {}
        self._is_closed = False

    def submit(self, job: Job) -> Ref:
        """Keep a job in its session and start it when there is room.

        Returns:
            Its ref.

        Raises:
            PoolFullError: As many run and wait as may.
            SessionError: The session keeps nothing.
            QuotaExceededError: The session keeps as much as it may.
        """
        with ExitStack() as stack:
            stack.enter_context(self._hold(job.session_id))
            with self._lock:
                self._admit()
                ref = self._instances.register(job.session_id, job)
                job.name = str(ref)
                self._sessions.setdefault(job.session_id, {})[ref] = job
                self._waiting.append(job)
                self._held[job] = stack.pop_all()
                self._start_next()
        return ref

    def cancel(self, job: Job) -> bool:
        """End a job; false where it has ended, or is about to."""
        is_cancelled = job.cancel()
        with self._lock:
            held = self._taken_out(job)
        held.close()
        return is_cancelled

    def of_session(self, session_id: str) -> list[Job]:
        """The jobs of a session, the oldest first."""
        with self._lock:
            return list(self._sessions.get(session_id, {}).values())

    def forget(self, job: Job) -> None:
        """The job's session has let go of it."""
        with self._lock:
            jobs = self._sessions.get(job.session_id, {})
            jobs.pop(job.name, None)
            if not jobs:
                self._sessions.pop(job.session_id, None)
            held = self._taken_out(job)
        held.close()

    def close(self) -> None:
        """Cancel all jobs, and wait a moment for those that run."""
        with self._lock:
            self._is_closed = True
            jobs = [*self._waiting, *self._running]
            threads = list(self._running.values())
        for job in jobs:
            self.cancel(job)
        until = time.monotonic() + CLOSE_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def join(self) -> None:
        """Wait until no job runs or waits."""
        while True:
            with self._lock:
                threads = list(self._running.values())
            if not threads:
                return
            for thread in threads:
                thread.join()

    def _admit(self) -> None:
        if self._is_closed:
            raise PoolFullError("The bridge is closing, so no job begins any more.")
        if len(self._running) >= self._max_running and len(self._waiting) >= self._max_waiting:
            error = PoolFullError(
                f"{len(self._running)} jobs run and {len(self._waiting)} wait, as many as may.",
                {"hint": "Wait for some to end, or cancel some with 'dspy.cancel_job'."},
            )
            error.retry_after_s = 5.0
            raise error

    def _start_next(self) -> None:
        """Start what there is room for, under the lock."""
        while self._waiting and len(self._running) < self._max_running:
            job = self._waiting.popleft()
            thread = threading.Thread(
                target=self._carry_out, args=(job,), name=f"bridge-{job.name}", daemon=True
            )
            self._running[job] = thread
            thread.start()

    def _carry_out(self, job: Job) -> None:
        try:
            job.carry_out(self._file_for)
        finally:
            with self._lock:
                del self._running[job]
                held = self._held.pop(job)
                self._start_next()
            held.close()
            self._forget_oldest(job.session_id)

    def _taken_out(self, job: Job) -> ExitStack:
        """What holds the session of a job that will not begin; nothing for any other."""
        if job not in self._waiting:
            return ExitStack()
        self._waiting.remove(job)
        return self._held.pop(job)

    def _file_for(self, job: Job) -> CheckpointFile | None:
        if not self._folder.is_there or not job.has_journal:
            return None
        try:
            file = self._folder.open(job.name)
            job.journal.write_to(file.append)
        except OSError:
            log.exception("the checkpoint of job %s cannot be written", job.name)
            return None
        return file

    def _forget_oldest(self, session_id: str) -> None:
        ended = [job for job in self.of_session(session_id) if job.state in ENDED]
        for job in ended[: max(0, len(ended) - self._max_ended)]:
            self._instances.release(session_id, job.name)
