"""From the arguments of a command to a job that is ready to begin."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.jobs.evaluation import Evaluated, evaluate
from snakepit_bridge.handlers.dspy.jobs.events import EventRing, quieter
from snakepit_bridge.handlers.dspy.jobs.examples import examples_from, input_names
from snakepit_bridge.handlers.dspy.jobs.journal import Checkpoint, JobJournal
from snakepit_bridge.handlers.dspy.jobs.metric_forms import FieldMetric, MetricForm, metric_form
from snakepit_bridge.handlers.dspy.jobs.metrics import Metrics
from snakepit_bridge.handlers.dspy.jobs.optimization import Ingredients, Optimized, optimize
from snakepit_bridge.handlers.dspy.jobs.optimizer_options import Chosen, choose
from snakepit_bridge.handlers.dspy.jobs.orders import Order, check_program, spec_of
from snakepit_bridge.handlers.dspy.jobs.output import Output
from snakepit_bridge.handlers.dspy.jobs.preconditions import (
    check_size,
    require_complete,
    require_model,
)
from snakepit_bridge.handlers.dspy.jobs.progress import Progress
from snakepit_bridge.handlers.dspy.jobs.recipes import (
    check_given,
    missing_package,
    recipe_of,
)
from snakepit_bridge.handlers.dspy.jobs.task import Stage, Task
from snakepit_bridge.handlers.dspy.models.options import merged
from snakepit_bridge.handlers.dspy.models.uses import using
from snakepit_bridge.handlers.dspy.secrets import REFERENCE
from snakepit_bridge.handlers.dspy.workbench import Follower, as_dspy_errors
from snakepit_bridge.session.context import Session

if TYPE_CHECKING:
    from snakepit_bridge.clock import Clock
    from snakepit_bridge.handlers.dspy.workbench import Workbench

Plan = tuple[Task, Stage]

EVALUATE, OPTIMIZE = "dspy.evaluate", "dspy.optimize"

HOW_TO_SEND_OPTIONS = "Check 'options': DSPy refused what they come to together."


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``dspy.evaluate``."""

    ref: str
    examples: Sequence[Any]
    metric: Any
    inputs: Sequence[str] | None = None
    num_threads: int | None = None
    settings: Mapping[str, Any] | None = None
    max_errors: int | None = None


def is_installed(package: str) -> bool:
    """Whether a package can be imported here."""
    return importlib.util.find_spec(package) is not None


class Planner:
    """Checks everything that can be checked before a job begins.

    Args:
        workbench: What all commands share.
        clock: Where time comes from.
        installed: Tells whether a package can be imported.
    """

    def __init__(
        self,
        workbench: Workbench,
        clock: Clock,
        *,
        installed: Callable[[str], bool] = is_installed,
    ) -> None:
        self._workbench = workbench
        self._clock = clock
        self._installed = installed
        self._metrics = Metrics(workbench)
        self._output: Output | None = None

    def evaluation(self, session: Session, order: Evaluation) -> Plan:
        """A job that evaluates.

        Raises:
            InvalidArgumentError: An argument is wrong.
            NotAllowedError: The program, or the metric, is not for callers.
            DSPyError: There is no such program, or the session has no language model.
        """
        dspy, program = self._opened(session, order.ref)
        rows = self._rows(program, order.examples, order.inputs)
        form = self._checked_form(session, metric_form(order.metric), order.examples)
        threads = {} if order.num_threads is None else {"num_threads": order.num_threads}
        stage = self._stage(session, EVALUATE, order.ref, {**(order.settings or {}), **threads})
        require_model(stage.scene, program)
        stage.progress.expect(len(rows))

        def work() -> Evaluated:
            metric = self._metric(stage, form)
            found = evaluate(dspy, program, rows, metric, max_errors=order.max_errors)
            stage.progress.scored(found.score, is_full=False)
            return found

        def answer(found: Evaluated) -> dict[str, Any]:
            data = partial(self._workbench.data, session)
            return found.told(data, stage.scene.hidden)

        return Task(kind="evaluate", work=work, answer=answer), stage

    def optimization(
        self, session: Session, order: Order, checkpoint: Checkpoint | None = None
    ) -> Plan:
        """A job that optimizes, or goes on doing so.

        Raises:
            InvalidArgumentError: An argument is wrong.
            NotAllowedError: The program, the metric, or a key's way is not for callers.
            DSPyError: There is no such program, or something that is needed is missing.
        """
        require_complete(order)
        recipe = recipe_of(str(order.optimizer))
        dspy, program = self._opened(session, str(order.ref))
        check_given(recipe, {name: getattr(order, name) for name in _GIVEN})
        if recipe.package and not self._installed(recipe.package):
            raise missing_package(recipe)
        chosen = choose(dspy, recipe, order.options or {})
        if checkpoint is not None:
            check_program(dspy, program, checkpoint.spec)
        rows = self._rows(program, order.examples or (), order.inputs)
        check_size(chosen, order)
        form = order.form()
        if form is not None:
            self._checked_form(session, form, order.examples or ())
        journal = JobJournal(
            spec_of(dspy, order, program),
            entries=() if checkpoint is None else checkpoint.entries,
            hidden=self._hidden(session, order),
        )
        stage = self._stage(session, OPTIMIZE, str(order.ref), order.settings, journal)
        hidden = (*stage.scene.hidden, *self._hidden(session, order))
        stage = replace(stage, scene=replace(stage.scene, hidden=hidden))
        require_model(stage.scene, program)
        given = Ingredients(
            program=program,
            examples=rows,
            validation=self._validation(program, order),
            metric=None if form is None else self._metric(stage, form),
            teacher=self._opened(session, order.teacher)[1] if order.teacher else None,
            prompt_lm=self._language_model(order.prompt_lm),
            reflection_lm=self._reflection_lm(stage, order),
            seed=order.seed,
        )
        _expect(stage.progress, chosen)
        return self._task(session, chosen, given, stage), stage

    def _task(self, session: Session, chosen: Chosen, given: Ingredients, stage: Stage) -> Task:
        def answer(found: Optimized) -> dict[str, Any]:
            if found.score is not None:
                stage.progress.scored(found.score, is_full=True)
            score = stage.progress.best_score
            kind = type(found.program)
            told = {
                "ref": self._workbench.keep(session, found.program),
                "class": f"{kind.__module__}.{kind.__qualname__}",
            }
            return told if score is None else {**told, "score": score}

        def work() -> Optimized:
            runner = self._workbench.runner
            with using(given.prompt_lm, runner), using(given.reflection_lm, runner):
                return optimize(chosen, given)

        return Task(
            kind="optimize",
            optimizer=chosen.recipe.name,
            work=work,
            answer=answer,
            hint=HOW_TO_SEND_OPTIONS,
        )

    # --- the parts ------------------------------------------------------------------------------

    def _opened(self, session: Session, ref: str) -> tuple[Any, Any]:
        """DSPy, and a program that callers may run."""
        dspy = self._workbench.door.open()
        program = self._workbench.instance(session, ref)
        with as_dspy_errors():
            self._workbench.allow.method(program, "__call__")
        if not isinstance(program, dspy.Module):
            raise DSPyError(
                f"{ref!r} is no program but a {type(program).__qualname__}.",
                {"ref": ref, "hint": "Send the ref of a module, e.g. of a dspy.Predict."},
                code=ErrorCode.INVALID_ARGUMENT,
            )
        return dspy, program

    def _rows(
        self,
        program: Any,
        rows: Sequence[Any],
        inputs: Sequence[str] | None,
        argument: str = "examples",
    ) -> list[Any]:
        dspy = self._workbench.door.open()
        return examples_from(dspy, rows, input_names(dspy, program, inputs), argument=argument)

    def _validation(self, program: Any, order: Order) -> list[Any] | None:
        if order.validation is None:
            return None
        return self._rows(program, order.validation, order.inputs, "validation")

    def _checked_form(
        self, session: Session, form: MetricForm, examples: Sequence[Any]
    ) -> MetricForm:
        self._metrics.check(session, form)
        if isinstance(form, FieldMetric):
            lacking = [index for index, row in enumerate(examples) if form.field not in row]
            if lacking:
                raise InvalidArgumentError(
                    f"Wrong 'metric': row {lacking[0]} of the examples has no {form.field!r}.",
                    {"argument": "metric", "rows": lacking[:5], "hint": "Name a field they have."},
                )
        return form

    def _metric(self, stage: Stage, form: MetricForm) -> Any:
        return self._metrics.metric(stage.scene, form, stage.progress.judged)

    def _language_model(self, options: str | Mapping[str, Any] | None) -> Any:
        return None if options is None else self._workbench.models.build(merged(None, options))

    def _reflection_lm(self, stage: Stage, order: Order) -> Any:
        chosen = self._language_model(order.reflection_lm)
        if chosen is not None:
            return chosen
        return stage.scene.configuration.language_model or stage.scene.dspy.settings.lm

    def _stage(
        self,
        session: Session,
        command: str,
        ref: str,
        settings: Mapping[str, Any] | None,
        journal: JobJournal | None = None,
    ) -> Stage:
        ring = EventRing(now=self._clock.now)
        # The job goes on without the command: neither its deadline nor its context may.
        alone = Session(session.id, session.bridge_client, session.created_at, state=session.state)
        scene = Context().run(
            self._workbench.scene,
            alone,
            command,
            details={"ref": ref},
            settings=settings,
            follower=Follower(tell=quieter(ring.add), journal=journal, is_job=True),
        )
        if journal is not None:
            journal.when_full(lambda: ring.add(journal.told()))
        if self._output is None:
            self._output = Output(scene.dspy)
        return Stage(
            scene=scene,
            ring=ring,
            progress=Progress(ring.add, monotonic=self._clock.monotonic),
            output=self._output,
            clock=self._clock,
            journal=journal,
        )

    def _hidden(self, session: Session, order: Order) -> tuple[str, ...]:
        """Every key that must be seen nowhere."""
        settings = order.settings or {}
        models = (order.prompt_lm, order.reflection_lm, settings.get("lm"))
        given = [model.get("api_key") for model in models if isinstance(model, Mapping)]
        keys = [key for key in given if isinstance(key, str) and not key.startswith(REFERENCE)]
        return (*keys, *self._workbench.models.hidden(configuration.of(session).lm))


_GIVEN = ("metric", "validation", "teacher", "prompt_lm", "reflection_lm")


def _expect(progress: Progress, chosen: Chosen) -> None:
    total = chosen.construct.get("max_metric_calls")
    if isinstance(total, int):
        progress.expect(total)
