"""The fields that a caller wants to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class WantedFields:
    """Some of the output fields of a program, or all of them.

    Args:
        known: The output fields of each predictor.
        wanted: Names of fields, or ``"predictor.field"``; ``None`` wants all.

    Raises:
        InvalidArgumentError: The program has no such field; all such names are told at once.
    """

    def __init__(self, known: Mapping[str, Sequence[str]], wanted: Sequence[str] | None) -> None:
        self._wanted = None if wanted is None else frozenset(wanted)
        full = {f"{predictor}.{field}" for predictor, fields in known.items() for field in fields}
        names = {*full, *(field for fields in known.values() for field in fields)}
        unknown = [name for name in wanted or () if name not in names]
        if unknown:
            raise _unknown(unknown, names)

    def holds(self, predictor: str, field: str) -> bool:
        """Whether a field of a predictor is wanted."""
        wanted = self._wanted
        return wanted is None or field in wanted or f"{predictor}.{field}" in wanted


def _unknown(unknown: list[str], names: set[str]) -> InvalidArgumentError:
    listed = ", ".join(map(repr, unknown))
    otherwise = f"There are: {', '.join(sorted(names))}." if names else "Leave out 'fields'."
    hints = (did_you_mean(name, sorted(names), otherwise=otherwise) for name in unknown)
    return InvalidArgumentError(
        f"The program has no output field {listed}.",
        {"argument": "fields", "fields": unknown, "hint": " ".join(dict.fromkeys(hints))},
    )
