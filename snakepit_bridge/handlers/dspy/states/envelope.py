"""The state of a DSPy program: its instructions, demos, options, as plain JSON data."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.models.options import PER_CALL
from snakepit_bridge.handlers.dspy.states.data import JsonForm, without_secrets_in

FORMAT = "snakepit-bridge.dspy-state"
VERSION = 1

CONFIG = PER_CALL - {"messages", "prompt", "request"}
"""Options of calls that a state carries; what is asked is the program's own business."""


def class_of(program: Any) -> str:
    """The class of a program as states name it."""
    return f"{type(program).__module__}.{type(program).__qualname__}"


def program_from(dspy: Any, instance: Any) -> Any:
    """The instance, if it is a program.

    Raises:
        InvalidArgumentError: It is something else, which has no state.
    """
    if isinstance(instance, dspy.Module):
        return instance
    kind = instance if isinstance(instance, type) else type(instance)
    raise InvalidArgumentError(
        f"This instance, a {kind.__qualname__}, has no state.",
        {"class": f"{kind.__module__}.{kind.__qualname__}", "hint": "Programs (modules) have one."},
    )


def parameters_of(dspy: Any, program: Any) -> dict[str, Any]:
    """What the state of a program consists of, by name: predictors above all.

    A predictor that is the whole program has the name ``""``: its state *is* the program's.
    """
    if isinstance(program, dspy.Predict):
        return {"": program}
    return dict(program.named_parameters())


def envelope(dspy: Any, program: Any, hidden: Collection[str] = ()) -> dict[str, Any]:
    """A program's state with what is needed to recognise it later.

    Args:
        dspy: The module.
        program: A module of DSPy's, or of somebody else's made from them.
        hidden: Secrets that must not be in it.

    Raises:
        InvalidArgumentError: Something in it has no JSON form; the message says where.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "dspy": str(dspy.__version__),
        "class": class_of(program),
        "state": without_secrets_in(inner_state(dspy, program), hidden),
    }


def inner_state(dspy: Any, program: Any) -> dict[str, Any]:
    """What DSPy's ``dump_state`` gives, as JSON data without language models.

    Besides, fields have their names, and a predictor its ``config`` where it has any.

    Raises:
        InvalidArgumentError: Something in it has no JSON form; the message says where.
    """
    states = {
        name: parameter_state(dspy, parameter)
        for name, parameter in parameters_of(dspy, program).items()
    }
    state: dict[str, Any] = JsonForm(dspy).of(states.get("", states))
    return state


def parameter_state(dspy: Any, parameter: Any) -> dict[str, Any]:
    """The state of one predictor, or of another part that has one."""
    # On a copy: an engine of somebody's own need not be able to tell its state.
    alone = copy.copy(parameter)
    if hasattr(alone, "lm"):
        alone.lm = None
    state = dict(alone.dump_state())
    if isinstance(parameter, dspy.Predict):
        state["signature"] = _with_names(state["signature"], parameter.signature)
        config = config_of(parameter)
        state.update({"config": config} if config else {})
    return state


def config_of(predictor: Any) -> dict[str, Any]:
    """The options that a predictor hands to its language model, as far as states carry them."""
    return {name: value for name, value in predictor.config.items() if name in CONFIG}


def _with_names(state: Mapping[str, Any], signature: Any) -> dict[str, Any]:
    named = zip(signature.fields, state["fields"], strict=True)
    return {**state, "fields": [{"name": name, **field} for name, field in named]}
