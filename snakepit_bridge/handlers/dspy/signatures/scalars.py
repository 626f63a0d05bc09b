"""Texts, integers and numbers of a JSON schema as types."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.signatures.constraints import Constraints
from snakepit_bridge.handlers.dspy.signatures.schema_words import FORMATS
from snakepit_bridge.handlers.dspy.signatures.spot import Spot
from snakepit_bridge.nearest import nearest

_FORMAT_TYPES: Mapping[str, type] = {
    "date": datetime.date,
    "date-time": datetime.datetime,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "uuid": uuid.UUID,
}


class Scalars:
    """Makes types of schemas that have no schemas within.

    Args:
        problems: Told what is wrong.
        constraints: Reads lengths, bounds and patterns.
    """

    def __init__(self, problems: Problems, constraints: Constraints) -> None:
        self._problems = problems
        self._constraints = constraints

    def text(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        """A text; of some formats it is checked, and given as what it means."""
        import pydantic

        options = self._constraints.lengths(schema, spot)
        options |= self._constraints.pattern(schema, spot)
        form = schema.get("format")
        if form is not None and (not isinstance(form, str) or form not in FORMATS):
            near = nearest(str(form), FORMATS)
            hint = f" (did you mean {near!r}?)" if near else ""
            self._problems.add(spot.at("format").path, f"is no known format: {form!r}{hint}")
        elif form is not None and form in _FORMAT_TYPES and not options:
            # A number would do for these types, too, as seconds since 1970.
            return Annotated[_FORMAT_TYPES[form], pydantic.BeforeValidator(_text_only)]
        elif form is not None:
            options["json_schema_extra"] = {"format": form}
        return Annotated[str, pydantic.Field(**options)] if options else str

    def integer(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        """A whole number."""
        return _number_of(int, self._constraints.bounds(schema, spot, whole=True))

    def number(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        """Any number but infinity."""
        options = self._constraints.bounds(schema, spot, whole=False)
        return _number_of(float, {**options, "allow_inf_nan": False})


def _number_of(kind: type, options: dict[str, Any]) -> Any:
    import pydantic

    made: Any = Annotated[kind, pydantic.Field(**options)] if options else kind
    return Annotated[made, pydantic.BeforeValidator(_no_truth_value)]


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        text = "is no number"
        raise ValueError(text)  # noqa: TRY004  (pydantic reports this kind as a misfit)
    return value


def _text_only(value: Any) -> Any:
    if isinstance(value, (int, float)):
        text = "is no text"
        raise ValueError(text)  # noqa: TRY004  (pydantic reports this kind as a misfit)
    return value
