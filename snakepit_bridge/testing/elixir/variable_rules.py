"""What values the variables of Snakepit 0.4 take, by their types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

SPECIAL_FLOATS = frozenset({"NaN", "Infinity", "-Infinity"})

Constraints = Mapping[str, Any]


class BadValueError(ValueError):
    """A value that does not fit the type, or the constraints, of a variable."""


def fitting(type_name: str, value: Any, constraints: Constraints) -> Any:
    """A value as a variable keeps it.

    Raises:
        BadValueError: The type is unknown, or the value fits it or the constraints not.
    """
    convert = _CONVERT.get(type_name)
    if convert is None:
        raise BadValueError(f"unknown type: {type_name}")
    kept = convert(value)
    for name, limit in constraints.items():
        check = _CHECKS.get((type_name, name))
        if check is not None and not check(kept, limit):
            raise BadValueError(f"{kept!r} violates {name} {limit!r}")
    return kept


def _float(value: Any) -> float | str:
    if isinstance(value, str) and value in SPECIAL_FLOATS:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError(f"expected a float, got {value!r}")
    return float(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError(f"expected an integer, got {value!r}")
    if not isfinite(value) or value != int(value):
        raise BadValueError(f"expected an integer, got {value!r}")
    return int(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise BadValueError(f"expected text, got {value!r}")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words: dict[object, bool] = {"true": True, "false": False, 1: True, 0: False}
    if not isinstance(value, str | int) or value not in words:
        raise BadValueError(f"expected a boolean, got {value!r}")
    return words[value]


def _embedding(value: Any) -> list[float]:
    if not isinstance(value, list) or not all(_is_number(each) for each in value):
        raise BadValueError(f"expected a list of numbers, got {value!r}")
    return [float(each) for each in value]


def _tensor(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not {"shape", "data"} <= set(value):
        raise BadValueError("expected a map with shape and data")
    expected = 1
    for length in value["shape"]:
        expected *= length
    if _leaves(value["data"]) != expected:
        raise BadValueError(f"the data does not have the shape {value['shape']!r}")
    return value


def _leaves(data: Any) -> int:
    return sum(map(_leaves, data)) if isinstance(data, list) else 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "float": _float,
    "integer": _integer,
    "string": _string,
    "boolean": _boolean,
    "choice": _string,
    "module": _string,
    "embedding": _embedding,
    "tensor": _tensor,
}


def _at_least(value: Any, limit: Any) -> bool:
    return value in SPECIAL_FLOATS if isinstance(value, str) else bool(value >= limit)


def _at_most(value: Any, limit: Any) -> bool:
    return value in SPECIAL_FLOATS if isinstance(value, str) else bool(value <= limit)


def _is_one_of(value: Any, allowed: Any) -> bool:
    return not allowed or value in allowed


_CHECKS: Mapping[tuple[str, str], Callable[[Any, Any], bool]] = {
    ("float", "min"): _at_least,
    ("float", "max"): _at_most,
    ("integer", "min"): _at_least,
    ("integer", "max"): _at_most,
    ("string", "min_length"): lambda value, limit: len(value) >= limit,
    ("string", "max_length"): lambda value, limit: len(value) <= limit,
    ("string", "pattern"): lambda value, limit: re.search(limit, value) is not None,
    ("string", "enum"): _is_one_of,
    ("choice", "choices"): _is_one_of,
    ("module", "allowed_modules"): _is_one_of,
    ("embedding", "dimensions"): lambda value, limit: len(value) == limit,
    ("tensor", "shape"): lambda value, limit: value["shape"] == limit,
}
