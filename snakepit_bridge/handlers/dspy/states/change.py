"""A state put into a program: checked wholly first, then all or nothing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.states.check import (
    CARRIED,
    MOST_SHOWN,
    Place,
    StateCheck,
)
from snakepit_bridge.handlers.dspy.states.data import JsonForm
from snakepit_bridge.handlers.dspy.states.envelope import CONFIG, VERSION, class_of, parameters_of
from snakepit_bridge.handlers.dspy.states.text import Document, document_from


class Change:
    """What a state will make of a program; ``apply`` makes it so.

    Args:
        dspy: The module.
        program: The program, which is not touched yet.
        given: The state, as ``get_state`` answers it, only its ``state``, or as DSPy saves it.
        drops_lm: Whether a language model in it is left out, with a warning, or refused.

    Raises:
        InvalidArgumentError: The state does not fit; names every reason.
        DSPyError: DSPy itself refused it.
    """

    def __init__(self, dspy: Any, program: Any, given: Any, *, drops_lm: bool = False) -> None:
        self._dspy = dspy
        parameters = parameters_of(dspy, program)
        check = StateCheck(dspy, drops_lm=drops_lm)
        document = document_from(JsonForm(dspy).of(given))
        _check_facts(check, document, program)
        states = _by_name(check, document.state, parameters)
        for name, state in states.items():
            check.check(Place(name), parameters[name], state)
        if check.problems:
            raise _misfit(check.problems)
        self.warnings = [*document.warnings(dspy), *check.warnings]
        """What differs, and does not matter enough to refuse the state."""
        self._new = [
            (parameters[name], self._values(parameters[name], state))
            for name, state in states.items()
            if isinstance(parameters[name], dspy.Predict)
        ]

    def apply(self) -> None:
        """Put it into the program. A call that runs already may see some of the old state."""
        for predictor, values in self._new:
            for name, value in values.items():
                setattr(predictor, name, value)

    def _values(self, predictor: Any, state: dict[str, Any]) -> dict[str, Any]:
        """What DSPy makes of the state, tried on a copy."""
        kept = {name: value for name, value in predictor.config.items() if name not in CONFIG}
        config = {**kept, **state["config"]} if "config" in state else predictor.config
        trial = copy.copy(predictor)
        with translated(self._dspy, "dspy.set_state", hidden=(), details={}, hint=_HINT):
            trial.load_state({**state, "config": config, "lm": None})
        return {name: getattr(trial, name) for name in CARRIED if hasattr(trial, name)}


def _check_facts(check: StateCheck, document: Document, program: Any) -> None:
    version, kind = document.version, document.class_name
    if version is not None and (type(version) is not int or not 1 <= version <= VERSION):
        check.problems.append(f"it has the version {version!r:.200}; this bridge reads {VERSION}")
    if kind is not None and kind != class_of(program):
        check.problems.append(f"it is of a {kind!r:.200}, this is a {class_of(program)!r}")
    check.problems += document.problems


def _by_name(check: StateCheck, state: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The states of the parts, as far as they are states."""
    if not isinstance(state, dict):
        check.problems.append("'state' is no object")
        return {}
    if "" in parameters:
        return {"": state}
    for name in sorted(state.keys() - parameters.keys()):
        check.unknown("predictor", f"{name!r:.200}", name, parameters)
    check.problems += [f"{name!r} is missing" for name in parameters if name not in state]
    odd = [name for name in parameters if not isinstance(state.get(name, {}), dict)]
    check.problems += [f"{name!r} is no object" for name in odd]
    return {name: state[name] for name in parameters if name in state and name not in odd}


_HINT = "Take the state of this program with 'dspy.get_state', change it, and send it back."


def _misfit(problems: list[str]) -> InvalidArgumentError:
    shown = problems[:MOST_SHOWN]
    more = len(problems) - len(shown)
    listed = "; ".join(shown) + (f"; and {more} more" if more else "")
    return InvalidArgumentError(
        f"The state does not fit: {listed}.",
        {"argument": "state", "problems": shown, "hint": _HINT},
    )
