"""JSON schemas as Python types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union

import msgspec

from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.signatures.choices import MOST, choice_of, has_type
from snakepit_bridge.handlers.dspy.signatures.constraints import Constraints
from snakepit_bridge.handlers.dspy.signatures.containers import Containers
from snakepit_bridge.handlers.dspy.signatures.scalars import Scalars
from snakepit_bridge.handlers.dspy.signatures.schema_words import (
    DEFINITIONS,
    FORMS,
    WORDS,
    allowed_words,
    is_type,
    types_in,
)
from snakepit_bridge.handlers.dspy.signatures.spot import DEPTH, Spot
from snakepit_bridge.nearest import nearest

MOST_TYPES = 1000
"""Types of one signature, those behind a ``$ref`` counted wherever it stands."""


class _Definition(msgspec.Struct, frozen=True):
    type: Any
    size: int
    height: int


class SchemaTypes:
    """Makes types of the schemas of one signature.

    Args:
        problems: Told what is wrong; what cannot be made is ``Any`` for the time being.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._definitions: Mapping[str, Any] = {}
        self._known: dict[str, _Definition] = {}
        self._open: set[str] = set()
        self._count = 0
        self._deepest = 0
        constraints = Constraints(problems)
        scalars = Scalars(problems, constraints)
        containers = Containers(problems, constraints, self.inner_type)
        self._types: Mapping[str, Callable[[Mapping[str, Any], Spot], Any]] = {
            "string": scalars.text,
            "integer": scalars.integer,
            "number": scalars.number,
            "boolean": lambda *_: bool,
            "null": lambda *_: type(None),
            "array": containers.array,
            "object": containers.object,
        }
        self._forms: Mapping[str, Callable[[Mapping[str, Any], Spot], Any]] = {
            "$ref": self._referred,
            "const": lambda schema, spot: self._choice([schema["const"]], schema, spot.at("const")),
            "enum": lambda schema, spot: self._choice(schema["enum"], schema, spot.at("enum")),
            "anyOf": lambda schema, spot: self._union(schema["anyOf"], spot.at("anyOf")),
            "oneOf": lambda schema, spot: self._union(schema["oneOf"], spot.at("oneOf")),
            "allOf": self._only,
            "": self._typed,
        }

    def type_of(self, schema: Any, spot: Spot, definitions: Mapping[str, Any]) -> Any:
        """The type of a whole schema.

        Args:
            schema: As JSON has it.
            spot: Where it stands.
            definitions: What ``$ref`` may lead to besides the schema's own ``$defs``.
        """
        own: dict[str, Any] = {}
        if isinstance(schema, Mapping):
            for word in DEFINITIONS:
                theirs = schema.get(word, {})
                if isinstance(theirs, Mapping):
                    own |= {f"#/{word}/{name}": each for name, each in theirs.items()}
                else:
                    self._problems.add(spot.at(word).path, "is no object")
            # What is said of a whole field is said with the field.
            said = {*DEFINITIONS, "description", "default"}
            said |= set() if "properties" in schema else {"title"}
            schema = {word: each for word, each in schema.items() if word not in said}
        self._definitions = {**definitions, **own}
        self._known = {}
        return self.inner_type(schema, spot)

    def inner_type(self, schema: Any, spot: Spot) -> Any:
        """The type of a schema within another."""
        self._count += 1
        self._deepest = max(self._deepest, spot.depth)
        if self._count > MOST_TYPES or spot.depth > DEPTH:
            why = f"has more than {MOST_TYPES} types"
            self._problems.add(
                spot.path, why if spot.depth <= DEPTH else f"lies deeper than {DEPTH} levels"
            )
            return Any
        if schema is True:
            return Any
        if not isinstance(schema, Mapping):
            self._problems.add(spot.path, "is no JSON schema, which is an object")
            return Any
        form = next((word for word in FORMS if word in schema), "")
        self._check_words(schema, form, spot)
        made = self._forms[form](schema, spot)
        if form or "properties" not in schema:
            made = _noted(made, schema)
        return Union[made, None] if schema.get("nullable") is True else made  # noqa: UP007

    def _check_words(self, schema: Mapping[str, Any], form: str, spot: Spot) -> None:
        allowed = allowed_words(form, types_in(schema))
        for word in schema:
            if word in allowed:
                continue
            near = nearest(str(word), allowed)
            beside = f" beside {form!r}" if form else ""
            hint = f" (did you mean {near!r}?)" if near else ""
            self._problems.add(spot.at(word).path, f"is not understood{beside}{hint}")

    def _typed(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        names = types_in(schema)
        made = []
        if not names and "type" in schema:
            self._problems.add(spot.at("type").path, "names no type")
        for name in names:
            if is_type(name):
                made.append(self._types[name](schema, spot))
            else:
                near = nearest(str(name), WORDS)
                hint = f" (did you mean {near!r}?)" if near else f"; those are {', '.join(WORDS)}"
                self._problems.add(spot.at("type").path, f"is {name!r}, no type{hint}")
        return _union_of(made) if made else Any

    def _choice(self, values: Any, schema: Mapping[str, Any], spot: Spot) -> Any:
        if not isinstance(values, list) or not values or len(values) > MOST:
            self._problems.add(spot.path, f"is no list of 1 to {MOST} values")
            return Any
        types = types_in(schema) if "type" in schema else []
        unknown = [each for each in types if not is_type(each)]
        if unknown:
            self._problems.add(spot.path, f"stands beside the type {unknown[0]!r}, which is none")
        elif types:
            types = [*types, "null"] if schema.get("nullable") is True else types
            for index, each in enumerate(values):
                if not has_type(each, types):
                    place = spot if "const" in schema else spot.at(index)
                    self._problems.add(place.path, f"is not of the type {' or '.join(types)}")
        return choice_of(values)

    def _union(self, options: Any, spot: Spot) -> Any:
        if not isinstance(options, list) or not options:
            self._problems.add(spot.path, "is no list of schemas")
            return Any
        return _union_of(
            [self.inner_type(each, spot.within(index)) for index, each in enumerate(options)]
        )

    def _only(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        options = schema["allOf"]
        if not isinstance(options, list) or len(options) != 1:
            self._problems.add(spot.at("allOf").path, "can have one schema; write several as one")
            return Any
        return self.inner_type(options[0], spot.at("allOf").within(0))

    def _referred(self, schema: Mapping[str, Any], spot: Spot) -> Any:
        ref, place = schema["$ref"], spot.at("$ref").path
        if not isinstance(ref, str) or ref not in self._definitions:
            near = nearest(str(ref), self._definitions)
            hint = f" (did you mean {near!r}?)" if near else "; write '#/$defs/Name'"
            self._problems.add(place, f"leads to nothing: {ref!r}{hint}")
            return Any
        if ref in self._open:
            self._problems.add(place, f"makes {ref!r} a part of itself, which cannot be")
            return Any
        known = self._known.get(ref)
        if known is None:
            known = self._known[ref] = self._defined(ref, spot)
        else:
            self._count += known.size
            self._deepest = max(self._deepest, spot.depth + known.height)
            if self._count > MOST_TYPES or spot.depth + known.height > DEPTH:
                self._problems.add(place, "makes too many types, or too deep ones")
        return known.type

    def _defined(self, ref: str, spot: Spot) -> _Definition:
        before, deepest = self._count, self._deepest
        self._deepest = spot.depth
        self._open.add(ref)
        place = Spot(ref.removeprefix("#/").replace("/", "."), spot.depth)
        made = self.inner_type(self._definitions[ref], place)
        self._open.discard(ref)
        height = self._deepest - spot.depth
        self._deepest = max(self._deepest, deepest)
        return _Definition(made, self._count - before, height)


def _union_of(types: list[Any]) -> Any:
    return Union[tuple(types)]  # noqa: UP007  (they are known only here)


def _noted(made: Any, schema: Mapping[str, Any]) -> Any:
    """A type with what its schema says about it to people."""
    import pydantic

    notes = {
        word: schema[word]
        for word in ("title", "description", "examples")
        if isinstance(schema.get(word), list if word == "examples" else str)
    }
    return Annotated[made, pydantic.Field(**notes)] if notes else made
