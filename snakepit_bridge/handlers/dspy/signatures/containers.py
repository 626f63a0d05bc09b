"""The schemas that have schemas within as types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import GenericAlias
from typing import Annotated, Any

import msgspec

from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.signatures.answer_model import Property, model_of
from snakepit_bridge.handlers.dspy.signatures.constraints import Constraints
from snakepit_bridge.handlers.dspy.signatures.spot import Spot
from snakepit_bridge.nearest import nearest

LONGEST_NAME = 60
"""Characters of the name of a model, which prompts repeat."""


class Containers:
    """Makes types of schemas with schemas within.

    Args:
        problems: Told what is wrong.
        constraints: Reads lengths.
        type_of: Makes the types within.
    """

    def __init__(
        self,
        problems: Problems,
        constraints: Constraints,
        type_of: Callable[[Any, Spot], Any],
    ) -> None:
        self._problems = problems
        self._constraints = constraints
        self._type_of = type_of
        self._names: set[str] = set()

    # --- arrays ---------------------------------------------------------------------------------

    def array(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        """A list; a tuple where each item has a schema of its own."""
        import pydantic

        if "prefixItems" in schema:
            return self._tuple(schema, spot)
        item = self._type_of(schema.get("items", True), spot.within("items"))
        made: Any = GenericAlias(list, (item,))
        options = self._constraints.lengths(schema, spot)
        unique = schema.get("uniqueItems", False)
        if not isinstance(unique, bool):
            self._problems.add(spot.at("uniqueItems").path, "is neither true nor false")
        if unique is True:
            made = Annotated[made, pydantic.AfterValidator(_unique)]
            options["json_schema_extra"] = {"uniqueItems": True}
        return Annotated[made, pydantic.Field(**options)] if options else made

    def _tuple(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        items, place = schema["prefixItems"], spot.at("prefixItems")
        if not isinstance(items, list) or not items:
            self._problems.add(place.path, "is no list of schemas")
            return Any
        if schema.get("items", False) is not False:
            self._problems.add(spot.at("items").path, "must be false beside 'prefixItems'")
        for word in ("minItems", "maxItems", "uniqueItems"):
            if word in schema and (word == "uniqueItems" or schema[word] != len(items)):
                self._problems.add(spot.at(word).path, "does not go with 'prefixItems'")
        types = [self._type_of(each, place.within(index)) for index, each in enumerate(items)]
        return GenericAlias(tuple, tuple(types))

    # --- objects --------------------------------------------------------------------------------

    def object(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        """A model where the properties are named; else a dictionary."""
        import pydantic

        extra = self._extra(schema, spot)
        if "properties" in schema or extra is False:
            return self._model(schema, spot, extra)
        if schema.get("required"):
            self._problems.add(spot.at("required").path, "needs 'properties' with these names")
        made: Any = GenericAlias(dict, (str, Any if extra is None else extra))
        options = self._constraints.lengths(schema, spot)
        return Annotated[made, pydantic.Field(**options)] if options else made

    def _extra(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        """The type of what is not named; ``None`` where nothing is said about it."""
        given = schema.get("additionalProperties")
        if given is None or given is False:
            return given
        return self._type_of(given, spot.within("additionalProperties"))

    def _model(self, schema: Mapping[str, Any], spot: Spot, extra: Any) -> Any:
        for word in ("minProperties", "maxProperties"):
            if word in schema:
                self._problems.add(spot.at(word).path, "does not go with 'properties'")
        properties, place = schema.get("properties", {}), spot.at("properties")
        if not isinstance(properties, Mapping):
            self._problems.add(place.path, "is no object")
            return Any
        required = self._required(schema, spot, properties)
        made = {
            str(name): self._property(each, place.within(name), required=name in required)
            for name, each in properties.items()
        }
        notes = {
            word: schema[word]
            for word in ("title", "description")
            if isinstance(schema.get(word), str)
        }
        before = len(self._problems)
        return Any if before else model_of(self._name(spot, notes), made, extra, notes)

    def _required(
        self, schema: Mapping[str, Any], spot: Spot, properties: Mapping[str, Any]
    ) -> frozenset[str]:
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
            self._problems.add(spot.at("required").path, "is no list of names")
            return frozenset()
        for name in required:
            if name not in properties:
                near = nearest(name, [str(each) for each in properties])
                hint = f" (did you mean {near!r}?)" if near else ""
                self._problems.add(
                    spot.at("required").path, f"names {name!r}, which is no property{hint}"
                )
        return frozenset(required)

    def _property(self, schema: Any, spot: Spot, *, required: bool) -> Property:
        made = self._type_of(schema, spot)
        if not isinstance(schema, Mapping) or "default" not in schema:
            return Property(made, required=required)
        default = checked_default(made, schema["default"], spot, self._problems)
        return Property(made, default=default, required=False)

    def _name(self, spot: Spot, notes: Mapping[str, Any]) -> str:
        given = notes.get("title") or next(
            part for part in [*reversed(spot.path.split(".")), "object"] if not _is_word(part)
        )
        words = re.findall(r"[A-Za-z0-9]+", given)
        name = "".join(word[:1].upper() + word[1:] for word in words)[:LONGEST_NAME] or "Object"
        name = f"Object{name}" if name[0].isdigit() else name
        number, unique = 1, name
        while unique in self._names:
            number += 1
            unique = f"{name}{number}"
        self._names.add(unique)
        return unique


def checked_default(made: Any, default: Any, spot: Spot, problems: Problems) -> Any:
    """A default as a value of its type; ``UNSET`` when it is none."""
    import pydantic

    if len(problems):
        return msgspec.UNSET
    try:
        return pydantic.TypeAdapter(made).validate_python(default)
    except pydantic.ValidationError as error:
        why = error.errors(include_url=False)[0]["msg"]
        problems.add(spot.at("default").path, f"does not fit: {why}")
        return msgspec.UNSET


def _unique(items: list[Any]) -> list[Any]:
    import pydantic

    known = {
        json.dumps(each, sort_keys=True, default=pydantic.TypeAdapter(Any).dump_python)
        for each in pydantic.TypeAdapter(list[Any]).dump_python(items, mode="json")
    }
    if len(known) < len(items):
        text = "the items are not all different"
        raise ValueError(text)
    return items


def _is_word(part: str) -> bool:
    """Whether a part of a path names no thing but its place."""
    return part.isdigit() or part in {"items", "additionalProperties", "properties", "type"}
