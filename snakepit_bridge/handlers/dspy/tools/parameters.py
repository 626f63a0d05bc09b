"""The JSON schema of a tool's arguments, made into what ``dspy.Tool`` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError

BYTES_OF_A_PART = 64
"""Of what is no schema itself, as many bytes of JSON count as one part."""

MOST_PARTS = 5000
"""Schemas within one schema, once references are replaced by what they refer to."""

MAX_DEPTH = 32
"""Schemas within each other."""

_NAMED = frozenset({"properties", "dependentSchemas"})
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE = frozenset({
    *("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties"),
})  # fmt: skip
"""Keywords whose values hold schemas: by name, in a list, or one; other values are kept."""

_DROPPED = frozenset({
    *("$schema", "$id", "$anchor", "$comment", "$vocabulary", "$dynamicAnchor"),
    *("$defs", "definitions", "$ref", "pattern", "patternProperties"),
})  # fmt: skip
"""Keywords that say nothing once references are gone, and patterns.

DSPy would search for a pattern on its loop, and a pattern can be written that takes forever. The
language model reads it in the description, and the tool itself may check it.
"""

_REFUSED = ("$dynamicRef", "$recursiveRef")


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool may be given."""

    args: Mapping[str, dict[str, Any]]
    """By name, as ``dspy.Tool`` takes them; the optional ones have a default."""

    required: Sequence[str] = ()
    left_out: frozenset[str] = frozenset()
    """Optional arguments for which null says that there is none."""

    takes_more: bool = False
    """Whether there may be arguments that the schema does not list."""

    def misfit(self, given: Mapping[str, Any]) -> str:
        """Why these arguments do not fit, for the language model; empty where they do.

        DSPy has looked at the values of those it knows.
        """
        missing = [name for name in self.required if name not in given]
        unknown = [] if self.takes_more else [name for name in given if name not in self.args]
        told = [
            f"{what}: {', '.join(names)}"
            for what, names in (("missing", missing), ("unknown", unknown))
            if names
        ]
        if not told:
            return ""
        return f"{'; '.join(told)}. It takes: {', '.join(self.args) or 'nothing'}."

    def sent(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments without those that are null to say that there is none."""
        return {
            name: value
            for name, value in given.items()
            if value is not None or name not in self.left_out
        }


def parameters_from(schema: Mapping[str, Any], import_module: Callable[[str], Any]) -> Parameters:
    """Read the schema of an object.

    Args:
        schema: References into itself are replaced by what they refer to; where they go in circles,
            by a schema that takes anything.
        import_module: Finds ``jsonschema``, which comes with DSPy.

    Raises:
        InvalidArgumentError: It is no schema of an object, or larger than it may be.
    """
    whole = _Expansion(schema).expanded(schema, (), 0)
    if not isinstance(whole, dict) or whole.get("type", "object") != "object":
        raise _wrong("it does not describe an object")
    _check(whole, import_module("jsonschema"))
    properties = {
        name: each if isinstance(each, dict) else {} if each else {"not": {}}
        for name, each in whole.get("properties", {}).items()
    }
    required = tuple(whole.get("required", ()))
    unlisted = [name for name in required if name not in properties]
    properties |= {name: {} for name in unlisted}
    optional = [name for name in properties if name not in required]
    left_out = frozenset(name for name in optional if "default" not in properties[name])
    return Parameters(
        args={
            name: _optional(each) if name in left_out else _with_default(each, name in required)
            for name, each in properties.items()
        },
        required=required,
        left_out=left_out,
        takes_more=bool(whole.get("additionalProperties", not properties)),
    )


class _Expansion:
    """One schema without references."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def expanded(self, schema: Any, within: tuple[str, ...], depth: int) -> Any:
        self._parts += 1
        if self._parts > MOST_PARTS or depth > MAX_DEPTH:
            raise _wrong(
                f"it has more than {MOST_PARTS} parts, or more than {MAX_DEPTH} within each other"
            )
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            raise _wrong(f"{schema!r:.60} stands where a schema should")
        for keyword in _REFUSED:
            if keyword in schema:
                raise _wrong(f"it has {keyword!r}, which is not supported")
        own = {
            keyword: self._member(keyword, value, within, depth + 1)
            for keyword, value in schema.items()
            if keyword not in _DROPPED
        }
        _tell_pattern(schema, own)
        if "$ref" not in schema:
            return own
        return self._referred(schema["$ref"], own, within, depth + 1)

    def _referred(self, ref: Any, own: dict[str, Any], within: tuple[str, ...], depth: int) -> Any:
        target = self._target(ref)
        if ref in within:
            return own  # a circle has no end that could be written down
        found = self.expanded(target, (*within, ref), depth)
        return {**found, **own} if isinstance(found, dict) else found

    def _target(self, ref: Any) -> Any:
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            raise _wrong(f"the reference {ref!r:.60} does not begin with '#/'")
        here: Any = self._root
        for step in ref.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(here, Mapping) or name not in here:
                raise _wrong(f"the reference {ref!r:.60} leads to nothing")
            here = here[name]
        return here

    def _member(self, keyword: str, value: Any, within: tuple[str, ...], depth: int) -> Any:
        if keyword in _NAMED and isinstance(value, Mapping):
            return {str(name): self.expanded(each, within, depth) for name, each in value.items()}
        if keyword in _LISTED and isinstance(value, (list, tuple)):
            return [self.expanded(each, within, depth) for each in value]
        if keyword in _SINGLE:
            return self.expanded(value, within, depth)
        # Told to the language model in full, once for each reference that leads here.
        self._parts += len(msgspec.json.encode(value, enc_hook=repr)) // BYTES_OF_A_PART
        return value


def _tell_pattern(schema: Mapping[str, Any], own: dict[str, Any]) -> None:
    if "patternProperties" in schema:
        own.pop("additionalProperties", None)  # it speaks of what no pattern allows
    if isinstance(schema.get("pattern"), str):
        told = f"(matches the pattern {schema['pattern']})"
        own["description"] = f"{own.get('description', '')} {told}".strip()


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an argument that may be left out, or be null.

    DSPy takes what has a default as optional, and language models then write the default.
    """
    kind = schema.get("type")
    if not isinstance(kind, (str, list)) or "const" in schema:
        if not schema:
            return {"default": None}
        described = {"description": schema["description"]} if "description" in schema else {}
        return {"anyOf": [schema, {"type": "null"}], **described, "default": None}
    kinds = [kind] if isinstance(kind, str) else kind
    nullable = {**schema, "type": [*kinds, *(["null"] if "null" not in kinds else [])]}
    if "enum" in schema and None not in schema["enum"]:
        nullable["enum"] = [*schema["enum"], None]
    return {**nullable, "default": None}


def _with_default(schema: dict[str, Any], is_required: bool) -> dict[str, Any]:  # noqa: FBT001
    if not is_required:
        return schema
    return {keyword: value for keyword, value in schema.items() if keyword != "default"}


def _check(schema: dict[str, Any], jsonschema: Any) -> None:
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        place = "".join(f"[{each!r}]" for each in error.absolute_path)
        raise _wrong(f"at {place or 'its top'}, {error.message:.200}") from error


def _wrong(why: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"wrong 'parameters': {why}")
