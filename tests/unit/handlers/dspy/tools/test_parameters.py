from __future__ import annotations

import importlib
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.tools.parameters import (
    MAX_DEPTH,
    Parameters,
    parameters_from,
)


def read(schema: Any) -> Parameters:
    return parameters_from(schema, importlib.import_module)


def tool(parameters: Parameters) -> Any:
    args = dict(parameters.args)
    return dspy.Tool(
        lambda **kwargs: kwargs, name="t", args=args, arg_types=dict.fromkeys(args, Any)
    )


def test_required_arguments_are_required_for_dspy_and_the_others_have_a_default() -> None:
    parameters = read({
        "type": "object",
        "properties": {
            "query": {"type": "string", "default": "x"},
            "limit": {"type": "integer", "default": 5},
            "sort": {"type": "string", "enum": ["up", "down"]},
            "any": {},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "d"},
        },
        "required": ["query"],
    })  # fmt: skip

    shown = tool(parameters).format_as_litellm_function_call()["function"]["parameters"]
    assert shown["required"] == ["query"]
    assert shown["properties"] == {
        "query": {"type": "string"},
        "limit": {"type": "integer", "default": 5},
        "sort": {"type": ["string", "null"], "enum": ["up", "down", None], "default": None},
        "any": {"default": None},
        "either": {
            "anyOf": [
                {"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "d"},
                {"type": "null"},
            ],
            "description": "d",
            "default": None,
        },
    }
    assert parameters.left_out == {"sort", "any", "either"}
    assert tool(parameters)(query="q", sort=None) == {"query": "q", "sort": None}
    with pytest.raises(ValueError, match="limit"):
        tool(parameters)(query="q", limit="many")


def test_null_for_what_may_be_left_out_is_not_sent() -> None:
    parameters = read({"properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}}})

    assert parameters.args["b"]["type"] == ["string", "null"]
    assert parameters.sent({"a": None, "b": None}) == {}
    required = read({"properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]})
    assert required.sent({"a": None}) == {"a": None}


def test_references_are_replaced_by_what_they_refer_to() -> None:
    parameters = read({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"Item": {"type": "object", "properties": {"n": {"$ref": "#/$defs/a~1b"}}},
                  "a/b": {"type": "integer", "minimum": 0}},
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
                       "one": {"$ref": "#/$defs/Item", "description": "The first"}},
        "required": ["items", "one"],
    })  # fmt: skip

    item = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}
    assert parameters.args["items"] == {"type": "array", "items": item}
    assert parameters.args["one"] == {**item, "description": "The first"}


def test_a_schema_that_refers_to_itself_ends_in_one_that_takes_anything() -> None:
    tree = {"type": "object", "properties": {"left": {"$ref": "#/$defs/T", "title": "l"}}}
    parameters = read(
        {
            "$defs": {"T": tree},
            "properties": {"tree": {"$ref": "#/$defs/T"}},
            "required": ["tree"],
        }
    )

    assert parameters.args["tree"] == {"type": "object", "properties": {"left": {"title": "l"}}}


def test_a_property_may_have_the_name_of_a_keyword() -> None:
    names = ["$ref", "pattern", "properties", "default"]
    parameters = read(
        {"properties": {name: {"type": "string"} for name in names}, "required": names}
    )

    assert list(parameters.args) == names


def test_patterns_are_told_and_not_searched_for() -> None:
    parameters = read(
        {
            "properties": {
                "a": {"type": "string", "pattern": "(a+)+$", "description": "Letters"},
                "b": {"patternProperties": {"^x": {}}, "additionalProperties": False},
                "c": {"type": "string", "pattern": 7},
            },
            "required": ["a", "b", "c"],
        }
    )

    told = "Letters (matches the pattern (a+)+$)"
    assert parameters.args["a"] == {"type": "string", "description": told}
    assert parameters.args["b"] == {}
    assert tool(parameters)(a="a" * 40 + "!")["a"]


def test_properties_may_be_booleans_and_required_ones_need_no_schema() -> None:
    parameters = read({"properties": {"a": True, "b": False}, "required": ["a", "b", "c"]})

    assert parameters.args == {"a": {}, "b": {"not": {}}, "c": {}}
    assert parameters.required == ("a", "b", "c")


def test_arguments_that_do_not_fit_are_told_to_the_model() -> None:
    parameters = read({"properties": {"a": {}, "b": {}}, "required": ["a"]})

    assert parameters.misfit({"a": 1}) == ""
    assert parameters.misfit({"c": 1}) == "missing: a; unknown: c. It takes: a, b."
    nothing = read({"additionalProperties": False})
    assert nothing.misfit({"c": 1}) == "unknown: c. It takes: nothing."


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"properties": {"a": {}}, "additionalProperties": True}]
)
def test_a_schema_that_leaves_it_open_takes_anything(schema: Any) -> None:
    assert read(schema).misfit({"c": 1}) == ""


def test_combined_schemas_are_kept_as_they_are() -> None:
    member = {
        "allOf": [{"type": "object", "additionalProperties": {"type": "string"}}],
        "not": {"required": ["x"]},
        "dependentSchemas": {"a": {"required": ["b"]}},
    }

    assert read({"properties": {"a": member}, "required": ["a"]}).args["a"] == member


DEEP: dict[str, Any] = {"type": "string"}
for _ in range(MAX_DEPTH):
    DEEP = {"items": DEEP}
BOMB = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(14)}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "array"}, "does not describe an object"),
        ({"$ref": "#/$defs/x", "$defs": {"x": True}}, "does not describe an object"),
        ({"properties": {"a": 7}}, "7 stands where a schema should"),
        ({"properties": {"a": {"type": "strnig"}}}, "['properties']['a']['type']"),
        ({"properties": 7}, "['properties']"),
        ({"required": "a"}, "['required']"),
        ({"required": ["a", "a"]}, "non-unique"),
        ({"properties": {"a": {"$ref": "https://x.org/s"}}}, "does not begin with '#/'"),
        ({"properties": {"a": {"$ref": 7}}}, "does not begin with '#/'"),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}}, "leads to nothing"),
        ({"properties": {"a": {"$dynamicRef": "#x"}}}, "'$dynamicRef'"),
        ({"properties": {"a": DEEP}}, "parts"),
        ({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**BOMB, "d14": {}}}, "parts"),
    ],
)
def test_what_is_no_schema_of_an_object_is_refused(schema: Any, why: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read(schema)

    assert why in caught.value.message
