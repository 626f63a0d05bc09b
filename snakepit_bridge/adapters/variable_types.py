"""The types that variables of a session may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.session.variable_data import array_shape
from snakepit_bridge.session.variable_types import Declaration, type_of
from snakepit_bridge.values.special_floats import SPECIAL_FLOATS


class VariableType(StrEnum):
    """The type of a variable; its value is the word of the wire."""

    FLOAT = "float"
    INTEGER = "integer"
    STRING = "string"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    MODULE = "module"
    EMBEDDING = "embedding"
    TENSOR = "tensor"
    MAP = "map"
    LIST = "list"


class TypeValidator:
    """What values a type has."""

    @staticmethod
    def infer_type(value: Any) -> VariableType:
        """The type a variable gets that nobody has declared.

        A list of numbers, or an array of one axis, is an embedding; an array of more axes, or a
        map with ``shape`` and ``data``, a tensor.

        Raises:
            ValueError: The value is of no type, e.g. ``None``.
        """
        if _may_be_tensor(value):
            return VariableType.TENSOR
        if _may_be_embedding(value):
            return VariableType.EMBEDDING
        name = type_of(value)
        if name not in set(VariableType):
            known = ", ".join(VariableType)
            raise ValueError(f"A {type(value).__name__} is of no variable type: {known}.")
        return VariableType(name)

    @staticmethod
    def get_validator(var_type: str | VariableType) -> Validator:
        """What checks values of this type.

        Raises:
            ValueError: There is no such type.
        """
        return Validator(_type_named(var_type))


class Validator:
    """Checks values of one type.

    Args:
        type: The type.
    """

    __slots__ = ("type",)

    def __init__(self, type: VariableType) -> None:  # noqa: A002  (what it is)
        self.type = type

    def validate(self, value: Any, constraints: Mapping[str, Any] | None = None) -> Any:
        """The value as a variable of this type has it.

        An integer becomes a float where one is wanted, a whole float an integer, ``"NaN"`` and
        ``"Infinity"`` the floats of that name; an array becomes lists.

        Args:
            value: Any value.
            constraints: What else is asked of it, e.g. ``{"min": 0}``.

        Raises:
            ValueError: It does not fit; says what is expected.
        """
        convert = _CONVERSIONS.get(self.type)
        natural = value if convert is None else convert(value)
        try:
            return Declaration(self.type.value, constraints).admit("value", natural)
        except InvalidArgumentError as error:
            raise ValueError(str(error)) from error


def _type_named(var_type: str | VariableType) -> VariableType:
    try:
        return VariableType(var_type)
    except ValueError:
        known = [each.value for each in VariableType]
        otherwise = f"The types are: {', '.join(known)}."
        hint = did_you_mean(str(var_type), known, otherwise=otherwise)
        raise ValueError(f"There is no variable type {str(var_type)!r}. {hint}") from None


def _float(value: Any) -> Any:
    return SPECIAL_FLOATS.get(value, value) if isinstance(value, str) else value


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _boolean(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _embedding(value: Any) -> Any:
    return value.tolist() if _axes(value) == 1 and hasattr(value, "tolist") else value


def _tensor(value: Any) -> Any:
    if _axes(value) and hasattr(value, "tolist"):
        return {"shape": list(array_shape(value) or ()), "data": value.tolist()}
    return value


_CONVERSIONS: Mapping[VariableType, Callable[[Any], Any]] = {
    VariableType.FLOAT: _float,
    VariableType.INTEGER: _integer,
    VariableType.BOOLEAN: _boolean,
    VariableType.EMBEDDING: _embedding,
    VariableType.TENSOR: _tensor,
}


def _axes(value: Any) -> int:
    shape = array_shape(value)
    return 0 if shape is None else len(shape)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _may_be_embedding(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(map(_is_number, value))
    return _axes(value) == 1


def _may_be_tensor(value: Any) -> bool:
    if isinstance(value, Mapping):
        return {"shape", "data"} <= value.keys()
    return _axes(value) > 1
