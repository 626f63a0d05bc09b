"""Metrics as DSPy calls them, made from what callers send."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import BridgeError, DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.definitions import lies_under
from snakepit_bridge.handlers.dspy import rules
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.jobs.examples import forward_shape
from snakepit_bridge.handlers.dspy.jobs.metric_forms import (
    FieldMetric,
    MetricForm,
    NamedMetric,
    ToolMetric,
)

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.call import Scene
    from snakepit_bridge.handlers.dspy.runs import Run
    from snakepit_bridge.handlers.dspy.workbench import Workbench
    from snakepit_bridge.session.context import Session

Judge = Callable[[Any, Any, Any, str | None], Any]
"""Takes example, prediction, trace, and the name of a predictor; answers as the caller's does."""

Metric = Callable[..., Any]
"""As DSPy calls it: ``(example, prediction, trace, pred_name, pred_trace)``."""


class Metrics:
    """Finds what callers name, and makes metrics of it.

    Args:
        workbench: The allow-list, the instances, the way from DSPy's objects to data.
    """

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def check(self, session: Session, form: MetricForm) -> None:
        """Refuse now what could not be called later.

        Raises:
            NotAllowedError: The function, or the instance's class, is not allowed.
            InvalidArgumentError: It does not exist, or is called otherwise.
            SessionError: The ref belongs to another session.
        """
        if isinstance(form, NamedMetric):
            self._named(session, form.name)

    def judge(self, run: Run, form: MetricForm) -> Judge:
        """What judges predictions while a job runs."""
        if isinstance(form, FieldMetric):
            return _field_judge(form)
        if isinstance(form, ToolMetric):
            return _ToolJudge(self._workbench, run, form)
        called = self._named(run.session, form.name)
        return lambda example, prediction, trace, _: called(example, prediction, trace)

    def metric(self, scene: Scene, form: MetricForm, counted: Callable[[], object]) -> Metric:
        """The metric of a job.

        What it cannot make a score of ends the job, where DSPy would count 0 and go on.

        Args:
            scene: The job's.
            form: Which metric.
            counted: Called after each judgement.
        """
        run = scene.run
        assert run is not None  # a scene of the workbench has one
        return _Judgement(scene, run, form, self.judge(run, form), counted)

    def _named(self, session: Session, name: str) -> Callable[..., Any]:
        workbench = self._workbench
        called: Callable[..., Any]
        if "." in name:
            called = workbench.allow.find(name)
            # Those that read signatures read what they are given as types to evaluate.
            reads = lies_under(str(called.__module__), rules.READS_SIGNATURES)
            if isinstance(called, type) or reads:
                raise InvalidArgumentError(
                    f"Wrong 'metric': {name!r} is no function that judges.",
                    {"argument": "metric", "hint": "Create an instance, and send its ref."},
                )
        else:
            called = workbench.allow.method(workbench.instances.get(session.id, name), "__call__")
        _check_shape(name, called)
        return called


def _check_shape(name: str, called: Callable[..., Any]) -> None:
    """A metric takes example, prediction, and trace."""
    shape = forward_shape(getattr(called, "__self__", None)) or inspect.signature(called)
    try:
        shape.bind(None, None, None)
    except TypeError as error:
        raise InvalidArgumentError(
            f"Wrong 'metric': {name!r} cannot be called with (example, prediction, trace).",
            {"argument": "metric", "hint": f"It takes: {', '.join(shape.parameters)}."},
        ) from error


def _field_judge(form: FieldMetric) -> Judge:
    def judge(example: Any, prediction: Any, _trace: Any, _predictor: str | None) -> bool:
        wanted, got = example.get(form.field), prediction.get(form.field)
        if not form.normalize:
            return bool(wanted == got)
        return str(wanted).strip().casefold() == str(got).strip().casefold()

    return judge


class _ToolJudge:
    """Has the host judge."""

    def __init__(self, workbench: Workbench, run: Run, form: ToolMetric) -> None:
        self._workbench = workbench
        self._run = run
        self._form = form

    def __call__(self, example: Any, prediction: Any, trace: Any, predictor: str | None) -> Any:
        asked = {
            "example": self._data(example),
            "prediction": self._data(prediction),
            "trace": None if trace is None else [self._step(each) for each in trace],
            "predictor": predictor,
        }
        form = self._form
        if form.callback_id:
            asked = {"callback_id": form.callback_id, "args": [asked]}
        return self._workbench.runner.wait(self._within(form.timeout_s, asked), self._run)

    async def _within(self, timeout_s: float | None, asked: Mapping[str, Any]) -> Any:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._run.acall_tool(self._form.tool, asked)
        except TimeoutError:
            raise DSPyError(
                f"The metric {self._form.tool!r} did not answer within {timeout_s} seconds.",
                {"tool": self._form.tool, "hint": "Raise its 'timeout_s', or leave it out."},
                code=ErrorCode.DEADLINE_EXCEEDED,
            ) from None

    def _step(self, step: Any) -> dict[str, Any]:
        predictor, inputs, outputs = step
        signature = getattr(getattr(predictor, "signature", None), "signature", "")
        return {
            "signature": signature,
            "inputs": self._data(inputs),
            "outputs": self._data(outputs),
        }

    def _data(self, value: Any) -> Any:
        return self._workbench.data(self._run.session, value)


class _Judgement:
    """Makes a score of whatever a judge answers."""

    def __init__(
        self,
        scene: Scene,
        run: Run,
        form: MetricForm,
        judge: Judge,
        counted: Callable[[], object],
    ) -> None:
        self._dspy = scene.dspy
        self._hidden = scene.hidden
        self._run = run
        self._judge = judge
        self._is_lenient = getattr(form, "on_error", "fail") == "zero"
        self._name = _name_of(form)
        self._counted = counted

    def __call__(
        self,
        example: Any,
        prediction: Any,
        trace: Any = None,
        pred_name: str | None = None,
        _pred_trace: Any = None,
    ) -> Any:
        self._run.check()
        try:
            # A program that failed has made no prediction; SIMBA asks nevertheless.
            if prediction is None:
                return 0.0
            return self._score(example, prediction, trace, pred_name)
        finally:
            self._counted()

    def _score(self, example: Any, prediction: Any, trace: Any, predictor: str | None) -> Any:
        try:
            with translated(
                self._dspy, "metric", hidden=self._hidden, details={"metric": self._name}
            ):
                answer = self._judge(example, prediction, trace, predictor)
                return self._made_of(answer)
        except BridgeError as error:
            if self._is_lenient:
                return 0.0
            error.details.setdefault("metric", self._name)
            raise self._run.halt(error) from error

    def _made_of(self, answer: Any) -> Any:
        score, feedback = answer, None
        if isinstance(answer, (Mapping, self._dspy.Prediction)):
            score, feedback = answer.get("score"), answer.get("feedback")
        number = _number(score)
        if number is None or not isinstance(feedback, (str, NoneType)):
            raise self._no_score(answer)
        if feedback is None:
            return number
        return self._dspy.Prediction(score=number, feedback=feedback)

    def _no_score(self, answer: Any) -> DSPyError:
        return DSPyError(
            f"The metric {self._name!r} answered {repr(answer)[:200]}, which is no score.",
            {
                "metric": self._name,
                "hint": "It answers a number, true or false, or {'score': NUMBER, 'feedback': "
                "TEXT}; with 'on_error': 'zero' anything else counts as 0.",
            },
            code=ErrorCode.INVALID_ARGUMENT,
        )


def _number(score: Any) -> float | None:
    """The number that a score is, also one of numpy's; ``None`` where it is none."""
    if not hasattr(score, "__float__"):
        return None
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _name_of(form: MetricForm) -> str:
    if isinstance(form, FieldMetric):
        return form.field
    return form.tool if isinstance(form, ToolMetric) else form.name
