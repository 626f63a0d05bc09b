"""What a JSON schema demands of a text, a number or a length, as options of pydantic's fields."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.signatures.spot import Spot

LONGEST_PATTERN = 256
"""Characters of a regular expression."""

MOST_PATTERNS = 16
"""Regular expressions of one signature; to read a bad one takes a third of a second."""

LONGEST = 2**31 - 1
"""Of anything; pydantic counts no further."""

_LENGTHS: Mapping[str, str] = {
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "minProperties": "min_length",
    "maxProperties": "max_length",
}
_BOUNDS: Mapping[str, tuple[str, Callable[[float], int]]] = {
    "minimum": ("ge", math.ceil),
    "maximum": ("le", math.floor),
    "exclusiveMinimum": ("gt", math.floor),
    "exclusiveMaximum": ("lt", math.ceil),
}
"""The option, and which whole number bounds whole numbers in the same way."""


class Constraints:
    """Reads them.

    Args:
        problems: Told what is wrong.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._patterns = 0

    def lengths(self, schema: Mapping[str, Any], spot: Spot) -> dict[str, Any]:
        """Of a text, an array, or an object whose names are free."""
        options = {
            option: schema[word]
            for word, option in _LENGTHS.items()
            if word in schema and self._is_length(schema[word], spot.at(word))
        }
        if options.get("min_length", 0) > options.get("max_length", math.inf):
            self._problems.add(spot.path, "must be longer than it may be")
        return options

    def bounds(self, schema: Mapping[str, Any], spot: Spot, *, whole: bool) -> dict[str, Any]:
        """Of a number.

        Args:
            schema: Of a number.
            spot: Where it stands.
            whole: Whether it is an integer.
        """
        options: dict[str, Any] = {}
        for word, (option, nearest) in _BOUNDS.items():
            if word in schema and self._is_number(schema[word], spot.at(word)):
                options[option] = nearest(schema[word]) if whole else schema[word]
        place = spot.at("multipleOf")
        if "multipleOf" in schema and self._is_number(schema["multipleOf"], place):
            options |= self._multiple(schema["multipleOf"], place, whole=whole)
        if _nothing_fits(options, whole=whole):
            self._problems.add(spot.path, "must be greater than it may be")
        return options

    def _multiple(self, step: Any, place: Spot, *, whole: bool) -> dict[str, Any]:
        if step <= 0:
            self._problems.add(place.path, "must be greater than 0")
        elif whole and isinstance(step, float) and step.is_integer():
            return {"multiple_of": int(step)}
        elif whole and not isinstance(step, int):
            self._problems.add(place.path, "must be a whole number, as its multiples are")
        return {"multiple_of": step}

    def pattern(self, schema: Mapping[str, Any], spot: Spot) -> dict[str, Any]:
        """Of a text.

        The pattern stays text all the way: so pydantic gives it to an engine that needs linear
        time. A compiled one would go to Python's own, which can take for ever.
        """
        if "pattern" not in schema:
            return {}
        pattern, place = schema["pattern"], spot.at("pattern").path
        if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
            self._problems.add(place, f"is no text of at most {LONGEST_PATTERN} characters")
            return {}
        self._patterns += 1
        many = f"is one of more than {MOST_PATTERNS} patterns"
        why = many if self._patterns > MOST_PATTERNS else _wrong_pattern(pattern)
        if why:
            self._problems.add(place, why)
            return {}
        return {"pattern": pattern}

    def _is_length(self, value: Any, spot: Spot) -> bool:
        fits = type(value) is int and 0 <= value <= LONGEST
        if not fits:
            self._problems.add(spot.path, f"is no whole number from 0 to {LONGEST}")
        return fits

    def _is_number(self, value: Any, spot: Spot) -> bool:
        # Integers have no end; beyond that of floats nobody can compare the two.
        fits = type(value) in {int, float} and abs(value) <= sys.float_info.max
        if not fits:
            self._problems.add(spot.path, "is no number, or too large")
        return fits


def _nothing_fits(bounds: Mapping[str, float], *, whole: bool) -> bool:
    above, below = bounds.get("gt", -math.inf), bounds.get("lt", math.inf)
    least, most = bounds.get("ge", -math.inf), bounds.get("le", math.inf)
    # Between 1 and 2 there is no whole number.
    return least > most or least >= below or above >= most or above + whole >= below


def _wrong_pattern(pattern: str) -> str:
    import pydantic
    from pydantic_core import SchemaError

    try:
        pydantic.TypeAdapter(Annotated[str, pydantic.Field(pattern=pattern)])
    except SchemaError as error:
        lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
        return f"cannot be used ({lines[-1] if lines else 'broken'}); look-around is not known"
    return ""
