"""Runs an optimizer on a copy of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.jobs.optimizer_options import Chosen

_LEFT_BEHIND = (
    *("candidate_programs", "mb_candidate_programs", "trial_logs", "detailed_results"),
    *("results_best", "results_latest", "simba_idx"),
)
"""What optimizers hang on the program they return: all the other programs, mostly."""


class Ingredients(msgspec.Struct, frozen=True, kw_only=True):
    """What an optimizer works with."""

    program: Any
    examples: Sequence[Any]
    validation: Sequence[Any] | None = None
    metric: Any = None
    teacher: Any = None
    prompt_lm: Any = None
    reflection_lm: Any = None
    seed: int | None = None


class Optimized(msgspec.Struct, frozen=True):
    """What came out."""

    program: Any
    score: float | None
    """In percent, where the optimizer says one itself."""


def optimize(chosen: Chosen, given: Ingredients) -> Optimized:
    """Run the optimizer, in this thread, with DSPy's settings as they are.

    The program that is given stays as it is.
    """
    recipe = chosen.recipe
    construct, compiles = dict(chosen.construct), dict(chosen.compile)
    if given.metric is not None:
        construct["metric"] = given.metric
    if given.prompt_lm is not None:
        construct[recipe.prompt_lm] = given.prompt_lm
    if recipe.takes_reflection:
        construct["reflection_lm"] = given.reflection_lm
    if given.seed is not None and recipe.seed:
        (construct if recipe.seed == "construct" else compiles)["seed"] = given.seed
    if given.validation is not None:
        compiles["valset"] = list(given.validation)
    if given.teacher is not None:
        compiles["teacher"] = fresh_copy(given.teacher)
    optimizer = chosen.kind(**construct)
    student = fresh_copy(given.program)
    program = optimizer.compile(student, trainset=list(given.examples), **compiles)
    score = _score_of(program)
    for name in _LEFT_BEHIND:
        vars(program).pop(name, None)
    return Optimized(program, score)


def fresh_copy(program: Any) -> Any:
    """A copy that can be changed and optimized without the original noticing."""
    copy = program.deepcopy()
    # Optimizers pass over what has been optimized before; whoever sends it again wants it again.
    copy._compiled = False  # noqa: SLF001  (DSPy has no public way)
    for predictor in copy.predictors():
        # A signature is a class, which no copy copies, and some optimizers write into it.
        signature = predictor.signature
        predictor.signature = signature.with_instructions(signature.instructions)
    return copy


def _score_of(program: Any) -> float | None:
    """SIMBA's own score: it evaluates without DSPy's evaluator, which would tell."""
    if "simba_idx" not in vars(program):
        return None
    candidates: Sequence[Mapping[str, Any]] = program.candidate_programs
    return round(100 * max(float(each["score"]) for each in candidates), 2)
