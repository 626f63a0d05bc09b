"""The words of JSON schema that types are made from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

NOTES = frozenset({
    *("title", "description", "default", "examples", "nullable"),
    *("$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly"),
})  # fmt: skip
"""Allowed everywhere; none of them but ``nullable`` changes what fits."""

DEFINITIONS = ("$defs", "definitions")
"""Where a schema, as a whole, keeps what its ``$ref`` lead to."""

WORDS: Mapping[str, frozenset[str]] = MappingProxyType({
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": frozenset({
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }),
    "number": frozenset({
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }),
    "boolean": frozenset(),
    "null": frozenset(),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "object": frozenset({
        *("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    }),
})  # fmt: skip
"""By the type they belong to."""

FORMS = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
"""What a schema may say in the place of a type."""

CHECKED_FORMATS = frozenset({"date", "date-time", "time", "duration", "uuid"})
"""Formats of text that pydantic has a type for."""

FORMATS = CHECKED_FORMATS | {
    *("email", "hostname", "idn-email", "ipv4", "ipv6", "iri", "json-pointer", "regex"),
    *("uri", "uri-reference", "uri-template", "password", "byte", "binary", "markdown"),
}
"""The others are told to the language model, and not checked."""


def is_type(name: object) -> bool:
    """Whether this is the name of a type."""
    return isinstance(name, str) and name in WORDS


def types_in(schema: Mapping[str, Any]) -> list[Any]:
    """The names of the types a schema allows; empty for all of them.

    Without ``type`` it is the one that all its other words belong to.
    """
    named = schema.get("type")
    if named is not None:
        return list(named) if isinstance(named, list) else [named]
    words = {word for word in schema if word not in NOTES and word not in DEFINITIONS}
    fitting = [name for name, theirs in WORDS.items() if words and words <= theirs]
    # What holds for integers holds for numbers.
    return ["number"] if "number" in fitting else fitting[:1]


def allowed_words(form: str, types: list[Any]) -> frozenset[str]:
    """The words that mean something in a schema of this form."""
    if form in {"const", "enum"}:
        return NOTES | {form, "type"}
    if form:
        return NOTES | {form}
    return NOTES.union({"type"}, *(WORDS[name] for name in types if is_type(name)))
