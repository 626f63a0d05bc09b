"""Types of the user whose values come back as themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeVar, overload

import msgspec

from snakepit_bridge.errors import MAX_NAME_SHOWN
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.values.refusals import CannotReadError

T = TypeVar("T", bound=type)

_MOST_TOLD = 200
"""Characters of what a constructor says, which may repeat all it was given."""


class Registered(NamedTuple):
    """A value of a registered type, in plain data."""

    name: str
    """Of the type, as it was registered."""

    plain: Any
    """The value of an enum member, a dict of fields, or the list of a named tuple."""


class ValueTypes:
    """Enums, dataclasses, named tuples and structs that may be made from what a wire brings.

    A wire never names a class to import: what is not registered here arrives as plain data.
    Filled at start, then only read.
    """

    def __init__(self) -> None:
        self._types: dict[str, type] = {}
        self._names: dict[type, str] = {}

    @overload
    def register(self, kind: T) -> T: ...
    @overload
    def register(self, *, name: str) -> Callable[[T], T]: ...
    def register(self, kind: T | None = None, *, name: str = "") -> T | Callable[[T], T]:
        """Let values of this type travel as themselves; a decorator, with or without a name.

        Args:
            kind: An ``Enum``, a dataclass, a named tuple or a ``msgspec.Struct``.
            name: What it is called on the wire, the same on both sides; by default
                ``module.Class``.

        Raises:
            TypeError: It is none of these.
            ValueError: Another type has this name.
        """
        if kind is None:
            return lambda decorated: self._take(decorated, name)
        return self._take(kind, name)

    def _take(self, kind: T, name: str) -> T:
        if _maker(kind) is None:
            text = (
                f"{kind!r} cannot be registered: it is no Enum, dataclass, named tuple or "
                "msgspec.Struct. Objects of other classes travel as refs."
            )
            raise TypeError(text)
        name = name or f"{kind.__module__}.{kind.__qualname__}"
        if self._types.get(name, kind) is not kind:
            text = f"two types want the name {name!r}: {self._types[name]!r} and {kind!r}"
            raise ValueError(text)
        self._types[name] = kind
        self._names[kind] = name
        return kind

    def plain(self, value: object) -> Registered | None:
        """The value in plain data, if its type, not a parent of it, is registered."""
        name = self._names.get(type(value))
        return None if name is None else Registered(name, _plain(value))

    def build(self, registered: Registered) -> Any:
        """The value itself; its constructor runs.

        Raises:
            CannotReadError: No type has the name, or the data do not fit it.
        """
        kind = self._types.get(registered.name)
        name = registered.name[:MAX_NAME_SHOWN]
        if kind is None:
            raise CannotReadError(
                f"is of the type {name!r}, which is not registered here",
                did_you_mean(
                    name,
                    self._types,
                    otherwise="Register it here with value_type(...), or with --value-type.",
                ),
            )
        make = _maker(kind)
        assert make is not None
        try:
            return make(kind, registered.plain)
        except Exception as error:  # the constructor is code of the user
            raise CannotReadError(
                f"does not fit the type {name!r}: {str(error)[:_MOST_TOLD]}",
                "Send all of its fields, and no others.",
            ) from error


VALUE_TYPES = ValueTypes()
"""The types of this process, whichever encoding reads or writes them."""

value_type = VALUE_TYPES.register


def _maker(kind: type) -> Callable[[Any, Any], Any] | None:
    if issubclass(kind, Enum):
        return _enum_member
    if _is_named_tuple(kind):
        return _named_tuple
    if dataclasses.is_dataclass(kind):
        return _dataclass
    return _struct if issubclass(kind, msgspec.Struct) else None


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    names = (
        value.__struct_fields__
        if isinstance(value, msgspec.Struct)
        else [each.name for each in dataclasses.fields(value)]
    )
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _enum_member(kind: Any, plain: Any) -> Any:
    return kind(plain)


def _named_tuple(kind: Any, plain: Any) -> Any:
    if not isinstance(plain, Sequence) or isinstance(plain, str | bytes):
        raise TypeError(f"a list of its {len(kind._fields)} fields was expected")
    return kind._make(plain)


def _dataclass(kind: Any, plain: Any) -> Any:
    fields = _members(plain)
    for_init = {each.name for each in dataclasses.fields(kind) if each.init}
    made = kind(**{name: each for name, each in fields.items() if name in for_init})
    known = {each.name for each in dataclasses.fields(kind)}
    for name, each in fields.items():
        if name not in known:
            raise TypeError(f"it has no field {name!r}")
        if name not in for_init:
            object.__setattr__(made, name, each)
    return made


def _struct(kind: Any, plain: Any) -> Any:
    return kind(**_members(plain))


def _members(plain: Any) -> Mapping[str, Any]:
    if not isinstance(plain, Mapping):
        raise TypeError("its fields by name were expected")
    return plain
