from __future__ import annotations

import json
from typing import Any

import pytest

from snakepit_bridge.handlers.dspy.models.offline_values import value_for

SCHEMA = "must adhere to the JSON schema: "


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("", "Offline x: no language model was asked."),
        ("must be True or False", False),
        ("must be a single int value", 0),
        ("must be a single float value", 0.0),
        ("must be one of: red; green", "red"),
        ("must exactly match (no extra characters) one of: search; finish", "finish"),
        ("something DSPy did not say in 3.4", "Offline x: no language model was asked."),
    ],
)
def test_the_notes_of_prompts_become_values(note: str, value: Any) -> None:
    assert value_for("x", note) == value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "offline"),
        ({"type": "string", "minLength": 9}, "offline.."),
        ({"type": "string", "maxLength": 3}, "off"),
        ({"type": "string", "format": "date"}, "2000-01-01"),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "maximum": -5}, -5),
        ({"type": "integer", "exclusiveMaximum": -5}, -6),
        ({"type": "integer", "maximum": 5}, 0),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, 0.5),
        ({"const": 7}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"enum": [1, "finish"]}, "finish"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        ({"allOf": [{"const": 1}]}, 1),
        ({"oneOf": [{"const": 1}]}, 1),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            ["offline", 0],
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {}),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "required": ["a"],
            },
            {"a": 0},
        ),
        ({"$ref": "#/$defs/City", "$defs": {"City": {"type": "integer"}}}, 0),
        ({"type": "martian"}, "offline"),
        ({}, "offline"),
    ],
)
def test_schemas_become_the_smallest_value(schema: dict[str, Any], value: Any) -> None:
    assert value_for("x", SCHEMA + json.dumps(schema)) == value


def test_a_schema_that_refers_to_itself_is_cut_off() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node"}},
        "required": ["next"],
    }
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    assert value_for("x", SCHEMA + json.dumps(schema)) == {"next": None}


def test_of_several_types_the_one_that_ends_is_taken() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "integer"}]}},
        "required": ["next"],
    }
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    assert value_for("x", SCHEMA + json.dumps(schema)) == {"next": 0}
