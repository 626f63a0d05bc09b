"""The optimizers of DSPy that there are here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.nearest import did_you_mean

Need = Literal["needed", "taken", "refused"]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """One optimizer."""

    name: str
    """Of the class in ``dspy.teleprompt``."""

    metric: Need = "needed"
    validation: bool = False
    teacher: bool = False
    prompt_lm: str = ""
    """The parameter for the language model that writes prompts; empty where there is none."""

    seed: Literal["construct", "compile", ""] = ""
    """Where it takes a seed; those that take none draw the same each time."""

    package: str = ""
    """What it needs besides DSPy."""

    install: str = ""

    @property
    def takes_reflection(self) -> bool:
        """Whether a language model reflects on what went wrong."""
        return self.name == "GEPA"


RECIPES: Mapping[str, Recipe] = MappingProxyType({
    each.name: each
    for each in (
        Recipe(name="LabeledFewShot", metric="refused"),
        Recipe(name="BootstrapFewShot", metric="taken", teacher=True),
        Recipe(name="BootstrapFewShotWithRandomSearch", validation=True, teacher=True),
        Recipe(name="COPRO", prompt_lm="prompt_model"),
        Recipe(
            name="MIPROv2",
            validation=True,
            teacher=True,
            prompt_lm="prompt_model",
            seed="construct",
            package="optuna",
            install="pip install 'dspy[optuna]'",
        ),
        Recipe(
            name="GEPA",
            validation=True,
            seed="construct",
            package="gepa",
            install="pip install gepa",
        ),
        Recipe(name="SIMBA", prompt_lm="prompt_model", seed="compile", package="numpy",
               install="pip install numpy"),
        Recipe(name="InferRules", validation=True, teacher=True),
    )
})  # fmt: skip

_ALIASES = {"BootstrapRS": "BootstrapFewShotWithRandomSearch"}

OURS: Mapping[str, str] = MappingProxyType({
    "student": "it is 'ref'",
    "trainset": "it is 'examples'",
    "valset": "it is 'validation' of the command",
    "teacher": "it is 'teacher' of the command",
    "metric": "it is 'metric' of the command",
    "seed": "it is 'seed' of the command",
    "prompt_model": "it is 'prompt_lm' of the command",
    "task_model": "it is 'lm' in the 'settings' of the command",
    "reflection_lm": "it is 'reflection_lm' of the command",
})  # fmt: skip
"""Parameters that the command itself has, and where they are."""

REFUSED: Mapping[str, str] = MappingProxyType({
    "log_dir": "the bridge writes no files for its callers; see 'dspy.job_checkpoint'",
    "teacher_settings": "DSPy's settings are not for the wire",
    "eval_kwargs": "they name files",
    "gepa_kwargs": "they take code",
    "instruction_proposer": "it is code",
    "code_proposer": "it is code",
    "use_wandb": "it reports to others",
    "wandb_api_key": "it reports to others",
    "wandb_init_kwargs": "it reports to others",
    "use_mlflow": "it reports to others",
    "requires_permission_to_run": "nobody is there to be asked",
})  # fmt: skip
"""Parameters that nobody has here, and why."""


def recipe_of(name: str) -> Recipe:
    """The recipe of an optimizer.

    Args:
        name: Of its class, with or without ``dspy.`` in front.

    Raises:
        InvalidArgumentError: There is none here.
    """
    bare = name.rpartition(".")[2] if name.startswith("dspy.") else name
    found = RECIPES.get(_ALIASES.get(bare, bare))
    if found is None:
        hint = did_you_mean(bare, RECIPES, otherwise=f"There are: {', '.join(RECIPES)}.")
        raise InvalidArgumentError(
            f"There is no optimizer {name[:200]!r} here.", {"argument": "optimizer", "hint": hint}
        )
    return found


def check_given(recipe: Recipe, given: Mapping[str, Any]) -> None:
    """Refuse what this optimizer does not take, and ask for what it needs, all at once.

    Args:
        recipe: The optimizer's.
        given: ``metric``, ``validation``, ``teacher``, ``prompt_lm``, ``reflection_lm`` as sent.

    Raises:
        InvalidArgumentError: Something is missing, or of no use.
    """
    takes = {
        "metric": recipe.metric != "refused",
        "validation": recipe.validation,
        "teacher": recipe.teacher,
        "prompt_lm": bool(recipe.prompt_lm),
        "reflection_lm": recipe.takes_reflection,
    }
    wrong = [
        f"it takes no {name!r}"
        for name, is_taken in takes.items()
        if given.get(name) is not None and not is_taken
    ]
    if recipe.metric == "needed" and given.get("metric") is None:
        wrong.append("it needs a 'metric'")
    if wrong:
        raise InvalidArgumentError(
            f"Wrong arguments for {recipe.name}: {'; '.join(wrong)}.",
            {
                "optimizer": recipe.name,
                "hint": f"It takes: {', '.join(name for name, taken in takes.items() if taken)}.",
            },
        )


def missing_package(recipe: Recipe) -> DSPyError:
    """The error for an optimizer whose package is not installed."""
    return DSPyError(
        f"{recipe.name} needs the package {recipe.package!r}, which is not installed.",
        {"package": recipe.package, "hint": f"Run where the bridge runs: {recipe.install}"},
        code=ErrorCode.WRONG_CALL,
    )
