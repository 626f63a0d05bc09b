"""Runs a program on examples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from snakepit_bridge.errors import BridgeError, DSPyError
from snakepit_bridge.handlers.dspy.spans.brief import brief


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What came out."""

    score: float
    """In percent, as DSPy says it."""

    rows: Sequence[tuple[Any, Any, Any]]
    """Example, prediction, score; the prediction of a run that failed is ``None``."""

    @property
    def failed(self) -> int:
        """How many runs of the program failed, each of which counts 0."""
        return _failed(self.rows)

    def told(self, data: Callable[[Any], Any], hidden: Collection[str] = ()) -> dict[str, Any]:
        """The result as it is answered.

        Args:
            data: Makes plain data of DSPy's objects; what it refuses is told in brief, because
                everything else has been paid for.
            hidden: Secrets that are in none of it.
        """

        def told(value: Any) -> Any:
            try:
                return data(value)
            except BridgeError:
                return brief(value, hidden)

        rows = [
            {"example": told(example), "prediction": told(prediction), **_told_score(score)}
            for example, prediction, score in self.rows
        ]
        return {"score": self.score, "results": rows, "failed": self.failed}


def evaluate(
    dspy: Any,
    program: Any,
    examples: Sequence[Any],
    metric: Any,
    *,
    max_errors: int | None = None,
) -> Evaluated:
    """Evaluate, in this thread and those DSPy starts, with DSPy's settings as they are.

    Args:
        dspy: The module.
        program: The module to run.
        examples: Made by ``examples_from``.
        metric: Made by ``Metrics``.
        max_errors: Runs of the program that may fail; 10 by default.

    Raises:
        DSPyError: Every run failed; why is known to whoever watches.
        Exception: Of DSPy's, when too many runs have failed.
    """
    allowed = dspy.settings.max_errors if max_errors is None else max_errors
    rows: list[tuple[Any, Any, Any]] = []
    for begin in range(0, len(examples), PART):
        failed = _failed(rows)
        run = dspy.Evaluate(
            devset=list(examples[begin : begin + PART]),
            metric=metric,
            max_errors=allowed - failed,
        )
        result = run(program, callback_metadata={"metric_key": PART_KEY})
        rows += [
            (example, None if _is_nothing(dspy, prediction) else prediction, score)
            for example, prediction, score in result.results
        ]
    if _failed(rows) == len(rows):
        raise DSPyError(f"{GAVE_UP}: all {len(rows)} runs of the program failed.")
    total = sum(float(getattr(score, "score", score)) for _, _, score in rows)
    return Evaluated(score=round(100 * total / len(rows), 2), rows=rows)


PART = 1000
"""Examples that DSPy is given at once: the time it takes grows with the square of their number."""

PART_KEY = "eval_part"
"""Tells whoever watches that the score is not that of the whole."""

GAVE_UP = "Execution cancelled due to errors"
"""How DSPy says that too many runs failed, whatever it was that made them fail."""


def _failed(rows: Sequence[tuple[Any, Any, Any]]) -> int:
    return sum(prediction is None for _, prediction, _ in rows)


def _is_nothing(dspy: Any, prediction: Any) -> bool:
    """Whether it is what DSPy puts in the place of a run that failed."""
    return isinstance(prediction, dspy.Prediction) and not prediction.keys()


def _told_score(score: Any) -> dict[str, Any]:
    feedback = getattr(score, "feedback", None)
    if feedback is None:
        return {"score": score}
    return {"score": score.score, "feedback": feedback}
