"""One setting: its names, what it takes, what its values become."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

PREFIX = "SNAKEPIT_BRIDGE_"
"""How the names of our environment variables begin."""

_SHOWN = 80
"""Characters of a wrong value that help to find it."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it is told to people."""

    name: str
    description: str
    annotation: Any
    kind: types.Type
    """Its type, without ``None``."""

    default: Any

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"{PREFIX}{self.name.upper()}"

    @property
    def is_list(self) -> bool:
        """Whether it has any number of values; the environment separates them by commas."""
        return isinstance(self.kind, types.VarTupleType)

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return isinstance(self.kind, types.BoolType)

    @property
    def expected(self) -> str:
        """What a value may be."""
        return _expected(self.kind)

    @property
    def placeholder(self) -> str:
        """What stands for a value in a usage line."""
        return _placeholder(self.kind)

    def convert(self, value: Any, *, strict: bool) -> Any:
        """The value in its type; text may stand for it unless ``strict``.

        Raises:
            ValueError: It is something else; says what is expected.
        """
        try:
            return msgspec.convert(value, self.annotation, strict=strict, dec_hook=_path)
        except msgspec.ValidationError as error:
            shown = repr(value)
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
            text = f"is {shown}; expected {self.expected}."
            raise ValueError(text) from error


def settings_of(owner: type[msgspec.Struct]) -> Iterator[Setting]:
    """The fields that have a description."""
    for field in msgspec.structs.fields(owner):
        kind = types.type_info(field.type)
        if isinstance(kind, types.Metadata):
            told = kind.extra_json_schema or {}
            yield Setting(
                name=field.name,
                description=told["description"],
                annotation=field.type,
                kind=_without_none(kind.type),
                default=field.default,
            )


def _without_none(kind: types.Type) -> types.Type:
    if not isinstance(kind, types.UnionType):
        return kind
    return next(each for each in kind.types if not isinstance(each, types.NoneType))


def _expected(kind: types.Type) -> str:
    match kind:
        case types.IntType(ge=low, le=high):
            text = (
                f"a whole number from {low} to {high}" if high else f"a whole number, {low} or more"
            )
        case types.FloatType(gt=low):
            text = f"a number above {low:g}"
        case types.LiteralType(values=values):
            text = " or ".join(map(repr, values))
        case types.VarTupleType(item_type=item):
            text = f"a list, each {_expected(item)}"
        case types.BoolType():
            text = "true or false"
        case types.CustomType():
            text = "a path"
        case _:
            text = "text that is not empty"
    return text


def _placeholder(kind: types.Type) -> str:
    match kind:
        case types.IntType():
            return "N"
        case types.FloatType():
            return "SECONDS"
        case types.LiteralType(values=values):
            return "|".join(map(str, values))
        case types.CustomType():
            return "PATH"
        case _:
            return "TEXT"


def _path(kind: type[Any], value: Any) -> Any:
    if kind is not Path or not isinstance(value, str | Path) or not str(value):
        raise TypeError
    return Path(value)
