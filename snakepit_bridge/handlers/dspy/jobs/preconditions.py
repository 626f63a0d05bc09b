"""What must be there before a job can begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.dspy.configuration import HOW_TO_SET_A_MODEL

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.call import Scene
    from snakepit_bridge.handlers.dspy.jobs.optimizer_options import Chosen
    from snakepit_bridge.handlers.dspy.jobs.orders import Order
    from snakepit_bridge.handlers.dspy.jobs.recipes import Recipe


def require_complete(order: Order) -> None:
    """Ask for what no optimization can do without.

    Raises:
        InvalidArgumentError: Names everything that is missing.
    """
    needed = ("ref", "optimizer", "examples")
    missing = [name for name in needed if getattr(order, name) is None]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise InvalidArgumentError(
            f"Wrong arguments for 'dspy.optimize': {listed} missing.",
            {"arguments": missing, "hint": "Only with 'resume' they may be left out."},
        )


def require_model(scene: Scene, program: Any) -> None:
    """Refuse now what DSPy would count as one failed run after the other.

    Raises:
        DSPyError: The program would ask a language model, and there is none.
    """
    if scene.configuration.language_model or scene.dspy.settings.lm:
        return
    if any(getattr(predictor, "lm", None) is None for predictor in program.predictors()):
        raise DSPyError(
            "The session has no language model.",
            {"hint": HOW_TO_SET_A_MODEL},
            code=ErrorCode.WRONG_CALL,
        )


def check_size(chosen: Chosen, order: Order) -> None:
    """Refuse fewer examples than the optimizer can do with.

    Raises:
        InvalidArgumentError: There are too few.
    """
    rows, recipe = len(order.examples or ()), chosen.recipe
    needed = _least(recipe, chosen, has_validation=order.validation is not None)
    if rows < needed:
        raise InvalidArgumentError(
            f"{recipe.name} needs at least {needed} examples, not {rows}.",
            {"argument": "examples", "hint": _HOW_TO_DO_WITH_LESS.get(recipe.name, "Send more.")},
        )


def _least(recipe: Recipe, chosen: Chosen, *, has_validation: bool) -> int:
    if recipe.name == "SIMBA":
        return int(chosen.construct.get("bsize", 32))
    return 1 if recipe.name not in {"MIPROv2", "InferRules"} or has_validation else 2


_HOW_TO_DO_WITH_LESS = {
    "SIMBA": "Send more, or a smaller 'bsize' among the options.",
    "MIPROv2": "Send more, or 'validation' as well.",
    "InferRules": "Send more, or 'validation' as well.",
}
