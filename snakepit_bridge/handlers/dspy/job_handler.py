"""The ``dspy.*`` commands about jobs, for whose end nobody need wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.errors import (
    DSPyError,
    ErrorCode,
    InvalidArgumentError,
    QuotaExceededError,
    SessionError,
)
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFolder
from snakepit_bridge.handlers.dspy.jobs.clean import whole
from snakepit_bridge.handlers.dspy.jobs.job import Job
from snakepit_bridge.handlers.dspy.jobs.job_board import (
    MAX_ENDED,
    MAX_RUNNING,
    MAX_WAITING,
    JobBoard,
)
from snakepit_bridge.handlers.dspy.jobs.journal import Checkpoint, read_checkpoint
from snakepit_bridge.handlers.dspy.jobs.orders import Order, Seed, resumed
from snakepit_bridge.handlers.dspy.jobs.planning import Evaluation, Plan, Planner, is_installed
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.workbench import Workbench
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import Ref

Threads = Annotated[int, Meta(ge=1, le=64)]
Errors = Annotated[int, Meta(ge=1)]


class DSPyJobHandler:
    """Evaluates and optimizes programs on threads of their own.

    A job belongs to its session, goes on when whoever sent it has gone, and keeps its session from
    idling out. Its result can be read until the job is released.

    Args:
        workbench: What all ``dspy.*`` commands share.
        directory: A folder of the operator's in which checkpoints grow; ``None`` keeps them in
            memory.
        max_running: Jobs that run at once.
        max_waiting: Jobs that may wait for their turn beyond them.
        max_ended: Ended jobs that one session keeps.
        hold: Keeps a session open while the block runs; the workbench's by default.
        clock: Where time comes from.
        installed: Tells whether a package can be imported.
    """

    def __init__(  # noqa: PLR0913  (the limits of all jobs)
        self,
        workbench: Workbench,
        *,
        directory: Path | None = None,
        max_running: int = MAX_RUNNING,
        max_waiting: int = MAX_WAITING,
        max_ended: int = MAX_ENDED,
        hold: Callable[[str], AbstractContextManager[object]] | None = None,
        clock: Clock | None = None,
        installed: Callable[[str], bool] = is_installed,
    ) -> None:
        self._workbench = workbench
        self._folder = CheckpointFolder(directory)
        self._planner = Planner(workbench, clock or SystemClock(), installed=installed)
        self.board = JobBoard(
            workbench.instances,
            self._folder,
            max_running=max_running,
            max_waiting=max_waiting,
            max_ended=max_ended,
            hold=hold or workbench.hold,
        )
        """Where the jobs are."""

    def close(self) -> None:
        """Cancel all jobs, and wait a moment for those that run."""
        self.board.close()

    # --- beginning ------------------------------------------------------------------------------

    @handles("dspy.evaluate")
    def evaluate(  # noqa: PLR0913  (the fields of the command)
        self,
        session: Session,
        *,
        ref: str,
        examples: list[Any],
        metric: Any,
        inputs: list[str] | None = None,
        num_threads: Threads | None = None,
        settings: dict[str, Any] | None = None,
        max_errors: Errors | None = None,
    ) -> Ref:
        """Begin to evaluate a program on examples, and answer with the ref of the job.

        Args:
            ref: The program.
            examples: Objects with the program's inputs and what the metric compares with.
            metric: ``{"field": "answer"}``, a tool, the dotted name of a function, or a ref.
            inputs: Keys that the program is given; those of its signature by default.
            num_threads: Examples at once.
            settings: As for ``dspy.configure``, for this job.
            max_errors: Runs of the program that may fail; 10 by default.

        Raises:
            InvalidArgumentError: An argument is wrong.
            PoolFullError: As many jobs run and wait as may.
        """
        _require_kept(session)
        order = Evaluation(
            ref=ref,
            examples=examples,
            metric=metric,
            inputs=inputs,
            num_threads=num_threads,
            settings=settings,
            max_errors=max_errors,
        )
        return self._submitted(self._planner.evaluation(session, order))

    @handles("dspy.optimize")
    def optimize(  # noqa: PLR0913  (the fields of the command)
        self,
        session: Session,
        *,
        ref: str | None = None,
        optimizer: str | None = None,
        examples: list[Any] | None = None,
        validation: list[Any] | None = None,
        metric: Any = None,
        inputs: list[str] | None = None,
        options: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        prompt_lm: str | dict[str, Any] | None = None,
        reflection_lm: str | dict[str, Any] | None = None,
        teacher: str | None = None,
        seed: Seed | None = None,
        resume: Any = None,
    ) -> Ref:
        """Begin to optimize a copy of a program, and answer with the ref of the job.

        Args:
            ref: The program, which stays as it is.
            optimizer: A class of DSPy's, e.g. ``"MIPROv2"``.
            examples: To learn from.
            validation: To choose by.
            metric: As for ``dspy.evaluate``.
            inputs: As for ``dspy.evaluate``.
            options: Parameters of the optimizer.
            settings: As for ``dspy.configure``, for this job.
            prompt_lm: Writes the prompts; the session's by default.
            reflection_lm: Reflects on what went wrong (GEPA); the session's by default.
            teacher: The ref of a program that makes the demonstrations.
            seed: Of what is drawn.
            resume: A checkpoint: its text, or its name in the operator's folder, which is the ref
                of its job; whoever knows it may resume.

        Raises:
            InvalidArgumentError: An argument is wrong, or does not agree with the checkpoint.
            PoolFullError: As many jobs run and wait as may.
        """
        _require_kept(session)
        order = Order(
            ref=ref,
            optimizer=optimizer,
            examples=examples,
            validation=validation,
            metric=metric,
            inputs=inputs,
            options=options,
            settings=settings,
            prompt_lm=prompt_lm,
            reflection_lm=reflection_lm,
            teacher=teacher,
            seed=seed,
        )
        checkpoint = None if resume is None else self._checkpoint(resume)
        if checkpoint is not None:
            order = resumed(order, checkpoint.spec)
        return self._submitted(self._planner.optimization(session, order, checkpoint))

    # --- looking --------------------------------------------------------------------------------

    @handles("dspy.job_status")
    async def status(self, session: Session, *, job: str) -> dict[str, Any]:
        """How far a job is, what it has spent, and why it failed."""
        return self._found(session, job).status()

    @handles("dspy.list_jobs")
    async def listed(self, session: Session) -> list[dict[str, Any]]:
        """The status of each job of the session, the oldest first."""
        return [job.status() for job in self.board.of_session(session.id)]

    @handles("dspy.job_events")
    async def events(
        self, session: Session, *, job: str, after: Annotated[int, Meta(ge=0)] = 0
    ) -> AsyncGenerator[dict[str, Any], None]:
        """What a job tells, as it happens, until it ends; any number of readers may follow.

        Args:
            job: Its ref.
            after: The ``seq`` of the last event that is known already.
        """
        async with aclosing(self._found(session, job).events(after)) as events:
            async for event in events:
                yield event

    @handles("dspy.job_result")
    async def result(self, session: Session, *, job: str) -> dict[str, Any]:
        """Wait for the end of a job, and answer with its result, or fail with its error."""
        return await self._found(session, job).result()

    @handles("dspy.cancel_job")
    async def cancel(self, session: Session, *, job: str) -> bool:
        """End a job; false where it has ended."""
        return self.board.cancel(self._found(session, job))

    @handles("dspy.job_checkpoint")
    async def checkpoint(self, session: Session, *, job: str) -> str:
        """What ``dspy.optimize`` needs to go on with a job: the answers it has paid for.

        Raises:
            WrongCallError: The job is an evaluation.
            QuotaExceededError: It was asked to do more than a checkpoint holds.
        """
        found = self._found(session, job)
        content = await asyncio.to_thread(found.journal.text)
        if not content:
            raise QuotaExceededError(
                f"The job {job!r} was asked to do more than a checkpoint can say.",
                {"job": job, "hint": "Send shorter options and settings."},
            )
        return content

    # --- steps ----------------------------------------------------------------------------------

    def _submitted(self, plan: Plan) -> Ref:
        task, stage = plan
        return self.board.submit(Job(task, stage, on_close=self.board.forget))

    def _found(self, session: Session, ref: str) -> Job:
        found = self._workbench.instance(session, ref)
        if not isinstance(found, Job):
            raise DSPyError(
                f"{ref!r} is no job.",
                {"job": ref, "hint": "Send what 'dspy.evaluate' or 'dspy.optimize' answered."},
                code=ErrorCode.INVALID_ARGUMENT,
            )
        return found

    def _checkpoint(self, resume: Any) -> Checkpoint:
        if isinstance(resume, (bytes, bytearray, memoryview)):
            return read_checkpoint(bytes(resume))
        if not isinstance(resume, str):
            raise InvalidArgumentError(
                f"Wrong 'resume': it is of the type {type(resume).__name__!r}.",
                {"argument": "resume", "hint": "Send the text of a checkpoint, or its name."},
            )
        # A checkpoint is text; some encodings have nothing else.
        is_whole = resume.startswith("{")
        return read_checkpoint(whole(resume).encode() if is_whole else self._folder.read(resume))


def _require_kept(session: Session) -> None:
    if session.single_use:
        raise SessionError(
            "This session ends with its command, and so would its jobs.",
            {"hint": "Send a session_id with the command; any text of your choice opens one."},
            code=ErrorCode.WRONG_CALL,
        )
