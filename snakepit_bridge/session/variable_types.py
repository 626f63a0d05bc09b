"""What the declared type of a variable asks of its values."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.session.variable_constraints import rules_from
from snakepit_bridge.session.variable_data import array_shape, copied, shown
from snakepit_bridge.values.binary.raw_numbers import is_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class VariableType(NamedTuple):
    """A type a variable may be declared as."""

    name: str
    expects: str
    """What its values are, in words that follow "expects"."""
    fits: Callable[[Any], bool]


class Declaration:
    """A type and its constraints, as somebody has declared them for a variable.

    Args:
        type_name: One of ``TYPES``.
        constraints: By name; see ``variable_constraints.APPLICABLE``. Copied.

    Raises:
        InvalidArgumentError: There is no such type, or it does not know these constraints.
    """

    def __init__(self, type_name: str, constraints: Mapping[str, Any] | None = None) -> None:
        self._type = _find(type_name)
        self._rules = rules_from(type_name, constraints or {})
        self.constraints: Mapping[str, Any] = copied(dict(constraints or {}))

    @property
    def type(self) -> str:
        """The name of the type."""
        return self._type.name

    def admit(self, name: str, value: Any) -> Any:
        """The value as a variable of this declaration keeps it.

        Returns:
            The value itself, but for an ``int`` in a ``float`` variable, which becomes a ``float``.

        Raises:
            InvalidArgumentError: Names the variable, the value and what is expected instead.
        """
        if not self._type.fits(value):
            raise self._refusal(name, value, f"its type {self.type!r} expects {self._type.expects}")
        if self.type == "float" and isinstance(value, int):
            value = float(value)
        for rule in self._rules:
            if not rule.holds(value):
                raise self._refusal(name, value, f"it must {rule.demand}", rule.constraint)
        return value

    def _refusal(
        self, name: str, value: Any, reason: str, constraint: str = ""
    ) -> InvalidArgumentError:
        other = "other constraints" if constraint else "another type"
        details = {
            "name": name,
            "value": shown(value),
            "type": self.type,
            "hint": f"Send a value that fits, or declare {other} along with this one.",
        }
        if constraint:
            details["constraint"] = constraint
        return InvalidArgumentError(
            f"Variable {shown(name)} cannot be {shown(value)}: {reason}.", details
        )


def type_of(value: Any) -> str:
    """The name of the type a value has by itself; ``any`` where it is none of the others."""
    for kind, name in _BY_CLASS:
        if isinstance(value, kind):
            return name
    return "any"


def _find(type_name: str) -> VariableType:
    found = TYPES.get(type_name)
    if found is None:
        known = f"The types are: {', '.join(TYPES)}."
        hint = did_you_mean(type_name, TYPES, otherwise=known)
        raise InvalidArgumentError(
            f"There is no variable type {shown(type_name)}.",
            {"type": type_name, "hint": hint},
        )
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fits_float(value: Any) -> bool:
    if not _is_number(value):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _fits_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fits_embedding(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_number, value))
    shape = array_shape(value)
    return shape is not None and len(shape) == 1


def _fits_tensor(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return array_shape(value) is not None
    shape, data = value.get("shape"), value.get("data")
    if not is_shape(shape):
        return False
    leaves = list(_flat(data))
    return len(leaves) == prod(shape) and all(map(_is_number, leaves))


def _flat(data: Any) -> Iterator[Any]:
    if not isinstance(data, list | tuple):
        yield data
        return
    for each in data:
        yield from _flat(each)


def _instance_of(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


TYPES: Mapping[str, VariableType] = {
    each.name: each
    for each in (
        VariableType("float", "a number", _fits_float),
        VariableType("integer", "a whole number without a fraction", _fits_integer),
        VariableType("string", "a text", _instance_of(str)),
        VariableType("boolean", "true or false", _instance_of(bool)),
        VariableType("choice", "a text", _instance_of(str)),
        VariableType("module", "the name of a module", _instance_of(str)),
        VariableType("embedding", "a list of numbers, or an array of one axis", _fits_embedding),
        VariableType(
            "tensor",
            'a map with "shape" and as many numbers in "data", or an array',
            _fits_tensor,
        ),
        VariableType("map", "a map", _instance_of(Mapping)),
        VariableType("list", "a list", _instance_of(list, tuple)),
        VariableType("any", "anything", lambda _: True),
    )
}
"""The types there are, by name."""

# bool comes before int, of which it is a subclass.
_BY_CLASS: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (str, "string"),
    (Mapping, "map"),
    (list | tuple, "list"),
)
