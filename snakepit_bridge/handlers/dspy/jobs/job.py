"""One evaluation or optimization that goes on by itself."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import BridgeError, CommandCancelledError, WrongCallError
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.jobs.evaluation import GAVE_UP
from snakepit_bridge.handlers.dspy.jobs.output import has_open_bars
from snakepit_bridge.handlers.dspy.jobs.result import Outcome, Result
from snakepit_bridge.handlers.dspy.jobs.task import Stage, State, Task
from snakepit_bridge.handlers.dspy.jobs.watcher import Watch, reported
from snakepit_bridge.handlers.dspy.runs import KEY
from snakepit_bridge.handlers.dspy.secrets import without_secrets
from snakepit_bridge.handlers.failures import failure_from

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFile
    from snakepit_bridge.handlers.dspy.jobs.journal import JobJournal
    from snakepit_bridge.handlers.dspy.runs import Run

log = logging.getLogger(__name__)


class Job:
    """Work that nobody need wait for. Safe from any thread.

    Args:
        task: What to do.
        stage: With what.
        on_close: Is told when its session lets go of it.
    """

    def __init__(
        self, task: Task, stage: Stage, *, on_close: Callable[[Job], object] = lambda _: None
    ) -> None:
        self._task = task
        self._stage = stage
        self._on_close = on_close
        self._lock = threading.Lock()
        self._state = State.QUEUED
        self._is_decided = False
        self._result = Result()
        self._file: CheckpointFile | None = None
        self._created_at = stage.clock.now()
        self._times: dict[str, str] = {}
        self._error: BridgeError | None = None
        self.name = ""
        """The ref under which its session knows it."""

    # --- what others see ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """How far it is."""
        return self._state

    @property
    def session_id(self) -> str:
        """Of the session it belongs to."""
        return self._run.session.id

    @property
    def has_journal(self) -> bool:
        """Whether it keeps the answers it gets."""
        return self._stage.journal is not None

    @property
    def journal(self) -> JobJournal:
        """The answers it has got.

        Raises:
            WrongCallError: It keeps none.
        """
        if self._stage.journal is None:
            text = "Only optimizations have checkpoints; an evaluation is simply run again."
            raise WrongCallError(text, {"job": self.name})
        return self._stage.journal

    def status(self) -> dict[str, Any]:
        """Everything about it but its result."""
        stage, spent = self._stage, self._run.ledger.spent()
        shown: dict[str, Any] = {
            "job": self.name,
            "kind": self._task.kind,
            "state": str(self._state),
            "created_at": self._created_at.isoformat(),
            **self._times,
            **stage.progress.shown(),
            "calls": spent.calls,
            "usage": spent.shown(),
            "events": stage.ring.last,
        }
        if self._task.optimizer:
            shown["optimizer"] = self._task.optimizer
        if self._file is not None:
            shown["checkpoint"] = self.name
        if self._error is not None:
            shown["error"] = _told(self._error)
        return shown

    async def result(self) -> dict[str, Any]:
        """Wait for its end.

        Raises:
            BridgeError: Why it failed, or that it was cancelled.
        """
        return await self._result.get()

    def events(self, after: int) -> AsyncGenerator[dict[str, Any], None]:
        """Its events after this number, until its end."""
        return self._stage.ring.follow(after)

    # --- its end --------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """End it; false where it has ended, or is about to."""
        with self._lock:
            if self._is_decided:
                return False
            is_queued = self._state is State.QUEUED
            if is_queued:
                self._is_decided = True
        error = CommandCancelledError("The job was cancelled.", {"job": self.name})
        self._run.halt(error)
        self._run.cancel()
        if is_queued:
            self._settle(error)
        return True

    def close(self) -> None:
        """Its session lets go of it: whatever it still does is in vain."""
        self.cancel()
        self._on_close(self)

    # --- its code -------------------------------------------------------------------------------

    def carry_out(self, opened: Callable[[Job], CheckpointFile | None] = lambda _: None) -> None:
        """Do the work, in this thread, unless it was cancelled before; raises nothing.

        Args:
            opened: Opens the file in which its checkpoint grows, if there is to be one.
        """
        with self._lock:
            if self._state is not State.QUEUED or self._is_decided:
                return
            self._state = State.RUNNING
        broken = self._attempt(lambda: self._carry_out(opened))
        if broken is not None:
            # Whoever waits must hear of an end, whatever it is.
            self._settle(without_traceback(failure_from(broken, command=self._command)))

    def _carry_out(self, opened: Callable[[Job], CheckpointFile | None]) -> None:
        self._file = opened(self)
        self._times["started_at"] = self._now()
        self._tell({"event": "started", "kind": self._task.kind})
        watch = Watch(self._run, self._stage.progress, is_optimizer=bool(self._task.optimizer))
        with self._stage.output.told(self._run, self._log) as lines:
            outcome = self._outcome_of(watch)
            lines.flush()
            self._settle(outcome)
            # Whoever waits need not wait for the threads of a halted evaluation, each of which
            # ends with its next step; but they may print until then.
            watch.join()
            if isinstance(outcome, BridgeError) and has_open_bars():
                _sweep(self._stage.scene.dspy, self._run)

    def _outcome_of(self, watch: Watch) -> Outcome:
        scene, answers = self._stage.scene, []

        def work() -> None:
            with scene.entered(self._task.hint), reported(scene.dspy, watch):
                value = self._task.work()
            watch.join()
            self._decide()
            answers.append(self._task.answer(value))

        error = _raised_by(work)
        if error is not None:
            return self._reason(failure_from(error, command=self._command), watch)
        return {**answers[0], "usage": self._run.ledger.spent().shown()}

    def _reason(self, error: BridgeError, watch: Watch) -> BridgeError:
        """DSPy says that too many runs failed; better to know is why."""
        led, watch.last_error = watch.last_error, None
        if GAVE_UP in error.message and led is not None:
            error = self._translated(led)
        return without_traceback(error)

    def _translated(self, raised: BaseException) -> BridgeError:
        scene = self._stage.scene

        def again() -> None:
            with translated(scene.dspy, scene.command, hidden=scene.hidden, details=scene.details):
                raise raised

        return failure_from(_raised_by(again) or raised, command=self._command)

    def _decide(self) -> None:
        """From here on it cannot be cancelled any more."""
        with self._lock:
            halted = self._run.error
            self._is_decided = halted is None
        if halted is not None:
            raise halted

    def _settle(self, outcome: Outcome) -> None:
        """The end: nothing that goes wrong here keeps anybody waiting."""
        if self._result.is_settled:
            return
        stage = self._stage
        self._attempt(stage.progress.flush)
        if stage.journal is not None:
            self._tell(stage.journal.told())
        self._times["ended_at"] = self._now()
        with self._lock:
            self._is_decided = True
            self._error = outcome if isinstance(outcome, BridgeError) else None
            self._state = self._state_after(self._error)
        if self._file is not None:
            self._attempt(partial(self._file.close, needed=self._state is not State.DONE))
        self._attempt(lambda: stage.ring.close(self._last_event(outcome)))
        stage.ring.close()
        self._result.settle(outcome)

    def _attempt(self, step: Callable[[], object]) -> BaseException | None:
        error = _raised_by(step)
        if error is not None:
            log.error("job %s could not be ended properly", self.name, exc_info=error)
        return error

    def _state_after(self, error: BridgeError | None) -> State:
        if error is None:
            return State.DONE
        return State.CANCELLED if isinstance(error, CommandCancelledError) else State.FAILED

    def _last_event(self, outcome: Outcome) -> dict[str, Any]:
        if isinstance(outcome, BridgeError):
            if self._state is State.CANCELLED:
                return {"event": "cancelled"}
            return {"event": "failed", **_told(outcome)}
        brief = {name: value for name, value in outcome.items() if name != "results"}
        return {"event": "done", **brief}

    def _log(self, line: str) -> None:
        text = without_secrets(line, self._stage.scene.hidden)
        self._tell({"event": "log", "text": text})

    def _tell(self, event: dict[str, Any]) -> None:
        self._stage.ring.add(event)

    def _now(self) -> str:
        return self._stage.clock.now().isoformat()

    @property
    def _command(self) -> str:
        return self._stage.scene.command

    @property
    def _run(self) -> Run:
        run = self._stage.scene.run
        assert run is not None  # a job's scene has one
        return run


def _raised_by(step: Callable[[], object]) -> BaseException | None:
    """What a step on a job's thread raises: beyond there is nobody to raise it to."""
    try:
        step()
    except BaseException as error:  # noqa: BLE001  (the end of this thread's work)
        return error
    return None


def without_traceback(error: BridgeError) -> BridgeError:
    """The error without the frames that led to it, which hold every program of the job."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def _sweep(dspy: Any, run: Run) -> None:
    """Have Python take away what the code of a halted job has left.

    A progress bar among it writes its last line when it goes: that belongs to the job, not to
    whatever happens to run then.
    """
    with dspy.context(**{KEY: run}):
        gc.collect()


def _told(error: BridgeError) -> dict[str, Any]:
    return {"code": str(error.code), "message": error.message, "hint": error.hint}
