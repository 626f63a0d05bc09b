"""The options of an optimizer, checked against its own parameters before anything runs."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.recipes import OURS, REFUSED, Recipe
from snakepit_bridge.handlers.dspy.rules import MOST_THREADS
from snakepit_bridge.nearest import nearest

MOST = 1_000_000
"""The largest number an option may be; anything beyond would never end."""

_SCALARS = (int, float, bool, str)


class Chosen(msgspec.Struct, frozen=True):
    """An optimizer with its options."""

    recipe: Recipe
    kind: Any
    """The class."""

    construct: Mapping[str, Any] = {}
    compile: Mapping[str, Any] = {}


def choose(dspy: Any, recipe: Recipe, options: Mapping[str, Any]) -> Chosen:
    """An optimizer with options, each of which it takes.

    Raises:
        InvalidArgumentError: Names every wrong option.
    """
    kind = getattr(dspy.teleprompt, recipe.name)
    constructs, compiles = _parameters(kind.__init__), _parameters(kind.compile)
    if recipe.name == "InferRules":  # hands on what it does not name itself
        constructs = {**_parameters(dspy.teleprompt.BootstrapFewShot.__init__), **constructs}
    known = {**compiles, **constructs}
    wrong = {name: why for name, value in options.items() if (why := _misfit(known, name, value))}
    if wrong:
        raise _refusal(recipe, wrong, known)
    adjusted = _ADJUST.get(recipe.name, dict)(options)
    return Chosen(
        recipe,
        kind,
        {name: value for name, value in adjusted.items() if name in constructs},
        {name: value for name, value in adjusted.items() if name not in constructs},
    )


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {
        name: each
        for name, each in inspect.signature(function).parameters.items()
        if name != "self" and each.kind is not each.VAR_KEYWORD
    }


def _misfit(known: Mapping[str, inspect.Parameter], name: str, value: Any) -> str:
    """Why an option is wrong; empty where it is not."""
    parameter = known.get(name)
    if parameter is not None and name in {**OURS, **REFUSED}:
        return f"is not an option here: {ours}" if (ours := OURS.get(name)) else _refused(name)
    if parameter is None:
        near = nearest(str(name), _options(known))
        return f"is unknown (did you mean {near!r}?)" if near else "is unknown"
    return _mistyped(parameter, value) or _outsized(name, value)


def _refused(name: str) -> str:
    return f"cannot be set: {REFUSED[name]}"


def _mistyped(parameter: inspect.Parameter, value: Any) -> str:
    if value is None and parameter.default is None:
        return ""
    wanted = _type_of(parameter)
    if wanted is None:
        is_plain = isinstance(value, _SCALARS) or (
            isinstance(value, list) and all(isinstance(each, (int, float)) for each in value)
        )
        return "" if is_plain else "is wrong: expected a number, a text, or a list of numbers"
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        text = str(error)
        return f"is wrong: {text[:1].lower()}{text[1:]}"
    return ""


def _type_of(parameter: inspect.Parameter) -> Any:
    """What a value has to be, as far as DSPy says: an annotation, else the kind of the default."""
    annotation, default = parameter.annotation, parameter.default
    if annotation in _SCALARS:
        return annotation
    if typing.get_origin(annotation) in {types.UnionType, typing.Union, typing.Literal}:
        parts = typing.get_args(annotation)
        if all(_is_plain(each) for each in parts):
            return annotation
    return type(default) if isinstance(default, _SCALARS) else None


def _is_plain(part: Any) -> bool:
    is_literal = typing.get_origin(part) is typing.Literal
    return is_literal or isinstance(part, str) or part in {*_SCALARS, type(None)}


def _outsized(name: str, value: Any) -> str:
    if name == "num_threads" and value is not None and not 1 <= value <= MOST_THREADS:
        return f"is wrong: expected 1 to {MOST_THREADS}"
    too_much = isinstance(value, (int, float)) and not -MOST <= value <= MOST
    return f"is wrong: at most {MOST}" if too_much else ""


def _refusal(
    recipe: Recipe, wrong: Mapping[str, str], known: Mapping[str, Any]
) -> InvalidArgumentError:
    listed = "; ".join(f"{name!r} {why}" for name, why in wrong.items())
    return InvalidArgumentError(
        f"Wrong 'options' for {recipe.name}: {listed}.",
        {
            "argument": "options",
            "options": dict(wrong),
            "hint": f"It takes: {', '.join(_options(known))}.",
        },
    )


def _options(known: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in known if name not in OURS and name not in REFUSED)


# --- what goes together ---------------------------------------------------------------------------


def _for_gepa(options: Mapping[str, Any]) -> dict[str, Any]:
    """Exactly one says how long it may go on."""
    limits = ("auto", "max_full_evals", "max_metric_calls")
    given = [name for name in limits if options.get(name) is not None]
    if len(given) > 1:
        raise _together("GEPA", f"only one of {', '.join(map(repr, given))} can hold")
    if options.get("track_best_outputs") and not options.get("track_stats"):
        raise _together("GEPA", "'track_best_outputs' needs 'track_stats'")
    return dict(options) if given else {**options, "auto": "light"}


def _for_mipro(options: Mapping[str, Any]) -> dict[str, Any]:
    """Either it decides itself how long it goes on, or both numbers say so."""
    numbers = ("num_candidates", "num_trials")
    given = [name for name in numbers if options.get(name) is not None]
    if not given and options.get("auto", "light") is not None:
        return dict(options)
    if options.get("auto") is not None:
        raise _together("MIPROv2", f"'auto' sets {', '.join(map(repr, given))} itself")
    if len(given) < len(numbers):
        raise _together("MIPROv2", "without 'auto' it needs 'num_candidates' and 'num_trials'")
    return {**options, "auto": None}


_ADJUST: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "GEPA": _for_gepa,
    "MIPROv2": _for_mipro,
}


def _together(name: str, why: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Wrong 'options' for {name}: {why}.",
        {"argument": "options", "hint": "Leave out what contradicts, or say both."},
    )
