"""Values against the constraints of their named type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.values.binary.tensors import is_array


def check_constraints(value: Any, type_name: str, constraints: Mapping[str, Any]) -> None:
    """Check a value; a constraint that its type does not have holds for every value.

    Args:
        value: In the form of its type.
        type_name: As in ``normalised``.
        constraints: ``min`` and ``max`` of a ``float`` or ``integer``, ``min_length`` and
            ``max_length`` of a ``string``, ``choices`` of a ``choice``, ``allowed_modules`` of a
            ``module``, ``dimensions`` of an ``embedding``, ``shape`` of a ``tensor``.

    Raises:
        ValueError: One does not hold; names it.
    """
    for name, holds in _CONSTRAINTS.get(type_name, {}).items():
        limit = constraints.get(name)
        if limit is not None and not holds(value, limit):
            message = f"The {type_name} is against its constraint {name}={limit!r}."
            raise ValueError(message)


def shape_of(value: Any) -> list[int]:
    """Elements along each axis of an array, of a tensor's description, or of nested lists."""
    if is_array(value):
        return list(value.shape)
    if isinstance(value, dict) and "shape" in value:
        return list(value["shape"])
    shape = []
    while isinstance(value, list | tuple):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


_Check = Callable[[Any, Any], bool]

_NUMBER: Mapping[str, _Check] = {
    "min": lambda value, limit: bool(value >= limit),
    "max": lambda value, limit: bool(value <= limit),
}

_CONSTRAINTS: Mapping[str, Mapping[str, _Check]] = {
    "float": _NUMBER,
    "integer": _NUMBER,
    "string": {
        "min_length": lambda value, limit: len(value) >= limit,
        "max_length": lambda value, limit: len(value) <= limit,
    },
    "choice": {"choices": lambda value, choices: value in choices},
    "module": {"allowed_modules": lambda value, modules: value in modules},
    "embedding": {"dimensions": lambda value, count: len(value) == count},
    "tensor": {"shape": lambda value, shape: shape_of(value) == list(shape)},
}
