"""The fields of a signature, read from data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.signatures.containers import checked_default
from snakepit_bridge.handlers.dspy.signatures.field_names import why_not
from snakepit_bridge.handlers.dspy.signatures.field_spec import FieldSpec
from snakepit_bridge.handlers.dspy.signatures.schema_types import SchemaTypes
from snakepit_bridge.handlers.dspy.signatures.schema_words import DEFINITIONS, WORDS
from snakepit_bridge.handlers.dspy.signatures.spot import Spot
from snakepit_bridge.nearest import did_you_mean, nearest

MOST_FIELDS = 100
"""Fields of one signature."""

_PARTS = ("type", "schema", "description", "prefix", "default")


class FieldSpecs:
    """Reads fields.

    Args:
        problems: Told what is wrong.
        type_of: The type that a text means.
        definitions: What ``$ref`` of any field may lead to.
    """

    def __init__(
        self,
        problems: Problems,
        type_of: Callable[[str], Any],
        definitions: Mapping[str, Any],
    ) -> None:
        self._problems = problems
        self._type_of_text = type_of
        self._definitions = definitions
        self._schemas = SchemaTypes(problems)

    def read(self, data: Any, place: str) -> dict[str, FieldSpec]:
        """The fields by name: an object of them, or the JSON schema of one.

        Args:
            data: As the caller sent it.
            place: ``"inputs"`` or ``"outputs"``.
        """
        if not isinstance(data, Mapping):
            self._problems.add(place, "is no object with the fields by name")
            return {}
        definitions, required = self._definitions, None
        if data.get("type") == "object" and isinstance(data.get("properties"), Mapping):
            definitions = {**definitions, **definitions_in(data)}
            required = self._required(data, place)
            data, place = data["properties"], f"{place}.properties"
        if len(data) > MOST_FIELDS:
            self._problems.add(place, f"has {len(data)} fields; {MOST_FIELDS} are possible")
            return {}
        fields = {}
        for name, each in data.items():
            here = f"{place}.{name}"
            wrong = why_not(name, is_input=place.startswith("inputs"))
            if wrong:
                self._problems.add(here, wrong)
            spec = self._field(each, Spot(here), definitions)
            fields[str(name)] = spec if required is None or name in required else spec.optional()
        return fields

    def _required(self, schema: Mapping[str, Any], place: str) -> frozenset[str] | None:
        """The names that are required; all of them where the schema says nothing."""
        known = {"type", "properties", "required", "additionalProperties", *DEFINITIONS}
        known |= {"title", "description", "$schema", "$id", "$comment"}
        for word in schema:
            if word not in known:
                near = did_you_mean(str(word), known, otherwise="leave it out")
                self._problems.add(f"{place}.{word}", f"is not understood here ({near})")
        required = schema.get("required")
        if required is None:
            return None
        names = schema["properties"]
        if not isinstance(required, list) or not all(
            isinstance(each, str) and each in names for each in required
        ):
            self._problems.add(f"{place}.required", "is no list of names of the properties")
            return None
        return frozenset(required)

    def _field(self, data: Any, spot: Spot, definitions: Mapping[str, Any]) -> FieldSpec:
        if isinstance(data, str):
            return FieldSpec(self._type(data, spot, definitions))
        if data is True:
            return FieldSpec(Any)
        if not isinstance(data, Mapping):
            self._problems.add(spot.path, "is neither the text of a type nor an object")
            return FieldSpec(Any)
        return self._described(data, spot, definitions)

    def _described(
        self, data: Mapping[str, Any], spot: Spot, definitions: Mapping[str, Any]
    ) -> FieldSpec:
        prefix = self._text(data, "prefix", spot)
        rest = {word: each for word, each in data.items() if word != "prefix"}
        description = self._text(rest, "description", spot)
        made = self._type_in(rest, spot, definitions)
        default = msgspec.UNSET
        if "default" in rest:
            default = checked_default(made, rest["default"], spot, self._problems)
        return FieldSpec(made, description, prefix, default)

    def _type_in(self, data: Mapping[str, Any], spot: Spot, definitions: Mapping[str, Any]) -> Any:
        """The type of a described field, or of a field that is itself a JSON schema."""
        kind = data.get("type")
        is_word = isinstance(kind, str) and kind in WORDS
        if "schema" not in data and (isinstance(kind, list) or is_word or "type" not in data):
            if not data.keys() - {"description", "default"}:
                return str  # only described
            return self._schemas.type_of(data, spot, definitions)
        for word in data:
            if word not in _PARTS:
                near = nearest(str(word), _PARTS)
                hint = f" (did you mean {near!r}?)" if near else f"; known are {', '.join(_PARTS)}"
                self._problems.add(spot.at(word).path, f"is not understood{hint}")
        if "schema" in data and "type" in data:
            self._problems.add(spot.path, "has both a 'type' and a 'schema'")
        word = "schema" if "schema" in data else "type"
        return self._type(data[word], spot.at(word), definitions)

    def _type(self, data: Any, spot: Spot, definitions: Mapping[str, Any]) -> Any:
        if not isinstance(data, str):
            return self._schemas.type_of(data, spot, definitions)
        if data in WORDS:
            return self._schemas.type_of({"type": data}, spot, definitions)
        try:
            return self._type_of_text(data)
        except BridgeError as error:
            self._problems.add_error(spot.path, error)
            return Any

    def _text(self, data: Mapping[str, Any], word: str, spot: Spot) -> str:
        text = data.get(word, "")
        if not isinstance(text, str):
            self._problems.add(spot.at(word).path, "is no text")
            return ""
        return text


def definitions_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """What ``$ref`` may lead to, by how it is written."""
    return {
        f"#/{word}/{name}": each
        for word in DEFINITIONS
        if isinstance(data.get(word), Mapping)
        for name, each in data[word].items()
    }
