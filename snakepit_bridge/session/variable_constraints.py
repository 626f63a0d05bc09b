"""What the constraints of a variable ask of its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import nearest
from snakepit_bridge.session.text_pattern import MAX_TEXT, TextPattern
from snakepit_bridge.session.variable_data import array_shape, shown

if TYPE_CHECKING:
    from collections.abc import Callable

APPLICABLE: Mapping[str, tuple[str, ...]] = {
    "float": ("min", "max"),
    "integer": ("min", "max"),
    "string": ("min_length", "max_length", "pattern", "enum"),
    "choice": ("choices",),
    "module": ("allowed_modules",),
    "embedding": ("dimensions",),
    "tensor": ("shape",),
}
"""Which constraints a type knows; a type that is not here knows none."""


class Rule(NamedTuple):
    """One constraint, ready to be asked."""

    constraint: str
    demand: str
    """The end of a sentence that begins with "it must"."""
    holds: Callable[[Any], bool]


def rules_from(type_name: str, constraints: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules that values of this type have to keep.

    Raises:
        InvalidArgumentError: Names every constraint that the type does not know, or whose bound
            makes no sense.
    """
    rules, wrong = [], {}
    for name, bound in constraints.items():
        try:
            rules.append(_rule(type_name, name, bound))
        except ValueError as error:
            wrong[name] = str(error)
    if not wrong:
        wrong = _crossed(constraints)
    if wrong:
        listed = "; ".join(f"{name!r} {why}" for name, why in wrong.items())
        known = ", ".join(APPLICABLE.get(type_name, ()))
        raise InvalidArgumentError(
            f"Wrong constraints for type {type_name!r}: {listed}.",
            {
                "constraints": wrong,
                "type": type_name,
                "hint": f"It knows: {known}." if known else "It knows none.",
            },
        )
    return tuple(rules)


def _rule(type_name: str, name: str, bound: Any) -> Rule:
    known = APPLICABLE.get(type_name, ())
    if name not in known:
        near = nearest(name, known)
        raise ValueError(f"is unknown (did you mean {near!r}?)" if near else "does not apply")
    return Rule(name, *_MAKERS[name](bound))


_Made = tuple[str, "Callable[[Any], bool]"]


def _at_least(bound: Any) -> _Made:
    least = _number(bound)
    return f"be at least {shown(least)}", lambda value: _is_special(value) or value >= least


def _at_most(bound: Any) -> _Made:
    most = _number(bound)
    return f"be at most {shown(most)}", lambda value: _is_special(value) or value <= most


def _length_at_least(bound: Any) -> _Made:
    least = _count(bound)
    return f"have at least {shown(least)} characters", lambda value: len(value) >= least


def _length_at_most(bound: Any) -> _Made:
    most = _count(bound)
    return f"have at most {shown(most)} characters", lambda value: len(value) <= most


def _matching(bound: Any) -> _Made:
    if not isinstance(bound, str):
        raise _not("a regular expression", bound)
    pattern = TextPattern(bound)

    def holds(value: str) -> bool:
        try:
            return pattern.found_in(value)
        except ValueError:
            return False

    return f"match {bound!r} within {MAX_TEXT} characters", holds


def _one_of(bound: Any) -> _Made:
    choices = frozenset(_texts(bound))
    return f"be one of {shown(sorted(choices))}", lambda value: value in choices


def _one_of_any(bound: Any) -> _Made:
    if not _texts(bound):
        return "be anything", lambda _: True
    return _one_of(bound)


def _dimensions(bound: Any) -> _Made:
    count = _count(bound)
    return f"have {shown(count)} dimensions", lambda value: _shape(value)[0] == count


def _shaped(bound: Any) -> _Made:
    if not isinstance(bound, list | tuple):
        raise _not("a list of sizes", bound)
    shape = [_count(each) for each in bound]
    return f"have the shape {shown(shape)}", lambda value: _shape(value) == shape


_MAKERS: Mapping[str, Callable[[Any], _Made]] = {
    "min": _at_least,
    "max": _at_most,
    "min_length": _length_at_least,
    "max_length": _length_at_most,
    "pattern": _matching,
    "enum": _one_of,
    "choices": _one_of_any,
    "allowed_modules": _one_of_any,
    "dimensions": _dimensions,
    "shape": _shaped,
}

_PAIRS = (("min", "max"), ("min_length", "max_length"))


def _crossed(constraints: Mapping[str, Any]) -> dict[str, str]:
    return {
        low: f"is above {high!r}, so no value would fit"
        for low, high in _PAIRS
        if low in constraints and high in constraints and constraints[low] > constraints[high]
    }


def _is_special(value: Any) -> bool:
    """Whether it is infinite or NaN: no bound speaks of those, as in Snakepit."""
    return isinstance(value, float) and not math.isfinite(value)


def _shape(value: Any) -> list[int]:
    """The shape of an embedding or a tensor that its type has let through."""
    if isinstance(value, Mapping):
        return list(value["shape"])
    shape = array_shape(value)
    return [len(value)] if shape is None else list(shape)


def _number(bound: Any) -> float:
    is_nan = isinstance(bound, float) and math.isnan(bound)
    if isinstance(bound, bool) or not isinstance(bound, int | float) or is_nan:
        raise _not("a number", bound)
    return bound


def _count(bound: Any) -> int:
    if isinstance(bound, bool) or not isinstance(bound, int) or bound < 0:
        raise _not("a whole number from 0", bound)
    return bound


def _texts(bound: Any) -> list[str]:
    if not isinstance(bound, list | tuple) or not all(isinstance(each, str) for each in bound):
        raise _not("a list of texts", bound)
    return list(bound)


def _not(wanted: str, bound: Any) -> ValueError:
    return ValueError(f"must be {wanted}, not {shown(bound)}")
