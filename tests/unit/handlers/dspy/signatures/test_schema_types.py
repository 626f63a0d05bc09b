from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID

import jsonschema  # type: ignore[import-untyped]  # comes with DSPy, without stubs
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from tests.unit.handlers.dspy.signatures.making import made, value, with_output

EMPTY = {"type": "object", "properties": {}}


def problems_of(schema: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgumentError) as caught:
        with_output(schema, **more)
    found: dict[str, str] = caught.value.details["problems"]
    return {place.removeprefix("outputs.value.schema"): why for place, why in found.items()}


# --- what fits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "sent", "given"),
    [
        ({"type": "string", "maxLength": 40}, "see [1], {b} and 5", "see [1], {b} and 5"),
        ({"type": "string", "maxLength": 9}, "5", "5"),
        ({"type": "string", "pattern": "^[a-z]+$"}, "abc", "abc"),
        ({"type": "string", "format": "date"}, "2024-05-06", datetime.date(2024, 5, 6)),
        ({"type": "string", "format": "date", "maxLength": 10}, "2024-05-06", "2024-05-06"),
        (
            {"type": "string", "format": "date-time"},
            "2024-05-06T07:08:09Z",
            datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC),
        ),
        ({"type": "string", "format": "time"}, "07:08:09", datetime.time(7, 8, 9)),
        ({"type": "string", "format": "duration"}, "PT5S", datetime.timedelta(seconds=5)),
        ({"type": "string", "format": "uuid"}, str(UUID(int=5)), UUID(int=5)),
        ({"type": "string", "format": "email"}, "a@b.at", "a@b.at"),
        ({"type": "integer", "multipleOf": 2.0}, "6", 6),
        ({"type": "integer", "minimum": 0.5, "maximum": 1.5}, "1", 1),
        ({"type": "number", "multipleOf": 0.5}, "1.5", 1.5),
        ({"type": ["integer", "null"]}, "null", None),
        ({"type": ["integer", "boolean"]}, True, True),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3}, "2", 2),
        ({"type": "integer", "maximum": 10**300}, str(10**300), 10**300),
        ({"type": "integer", "enum": [1, 2.0]}, "2", 2.0),
        ({"type": "string", "nullable": True, "enum": ["a", None]}, None, None),
        ({"type": "boolean"}, "true", True),
        ({"type": "null"}, "null", None),
        ({"const": {"a": [1.0]}}, {"a": [1]}, {"a": [1.0]}),
        ({"enum": [1, "1"], "type": ["integer", "string"]}, "1", 1),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "see [1] {b}", "see [1] {b}"),
        ({"oneOf": [{"type": "integer"}, EMPTY]}, "{}", {}),
        ({"type": "array", "uniqueItems": True}, [1, "1", [1]], [1, "1", [1]]),
        ({"type": "array", "minItems": 1, "maxItems": 2}, [1], [1]),
        ({"items": {"type": "integer"}}, ["5"], [5]),
        (
            {"prefixItems": [True, {"type": "integer"}], "minItems": 2, "items": False},
            ["a", 2],
            ("a", 2),
        ),
        ({"type": "object", "minProperties": 1}, {"a": [None]}, {"a": [None]}),
        ({"minimum": 3}, "3.5", 3.5),
        ({"type": "string", "nullable": True, "maxLength": 3}, "null", None),
        (True, [1, {"a": 2}], [1, {"a": 2}]),
    ],
)
def test_what_fits_is_given(schema: Any, sent: Any, given: Any) -> None:
    answer = value(schema, sent)

    assert answer == given
    assert type(answer) is type(given)


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"type": "string", "maxLength": 3}, "long"),
        ({"type": "string", "pattern": "^[a-z]+$"}, "ABC"),
        ({"type": "string", "format": "date"}, "5"),
        ({"type": "string", "format": "date"}, "2024"),
        ({"type": "integer", "minimum": 0.5}, "0"),
        ({"type": "integer", "exclusiveMaximum": 2}, "2"),
        ({"type": "integer", "multipleOf": 2}, "3"),
        ({"const": 1}, "true"),
        ({"enum": [1.5, [True]]}, [1]),
        ({"enum": ["a; b", "c"]}, "a"),
        ({"type": "integer"}, True),
        ({"type": "number"}, True),
        ({"type": "number"}, "NaN"),
        ({"type": "number", "minimum": 0}, "inf"),
        ({"type": "array", "items": {"type": "number"}}, [True]),
        ({"type": "array", "uniqueItems": True}, [1, 1]),
        ({"type": "array", "uniqueItems": True, "items": {**EMPTY}}, [{}, {}]),
        ({"type": "array", "maxItems": 1}, [1, 2]),
        ({"prefixItems": [True]}, [1, 2]),
        ({"type": "object", "maxProperties": 1}, {"a": 1, "b": 2}),
        ({**EMPTY, "additionalProperties": False}, {"a": 1}),
        ({**EMPTY, "additionalProperties": {"type": "integer"}}, {"a": "x"}),
    ],
)
def test_what_does_not_fit_is_refused(schema: Any, sent: Any) -> None:
    with pytest.raises(Exception, match="Failed to parse field value"):
        value(schema, sent)


def test_properties_may_have_any_names_and_need_not_be_there() -> None:
    names = ["a b", "class", "_x", "copy", "model_dump", "property_0", "", "json", "größe"]
    schema = {
        "type": "object",
        "properties": {name: {"type": "integer"} for name in names},
        "required": ["a b", ""],
        "additionalProperties": False,
    }

    everything = {name: number for number, name in enumerate(names)}
    assert value(schema, everything) == everything
    assert value(schema, {"a b": 1, "": 2}) == {"a b": 1, "": 2}
    jsonschema.validate(value(schema), schema)


def test_further_properties_are_kept_where_they_are_wanted_and_dropped_where_nothing_is_said() -> (
    None
):
    sent = {"a": 5, "more": "7"}
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}

    assert value(schema, sent) == {"a": 5}
    assert value({**schema, "additionalProperties": True}, sent) == sent
    numbers = {**schema, "additionalProperties": {"type": "integer"}}
    assert value(numbers, sent) == {"a": 5, "more": 7}


def test_a_property_that_is_left_out_has_its_default() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "default": "7"}}}

    assert value(schema, {}) == {"a": 7}


def test_two_models_may_have_the_same_title() -> None:
    town = {"type": "object", "title": "Town", "properties": {"a": {"type": "integer"}}}
    other = {"type": "object", "title": "Town", "properties": {"b": {"type": "integer"}}}
    schema = {"type": "array", "prefixItems": [town, other]}

    assert value(schema, [{"a": 1}, {"b": 2}]) == ({"a": 1}, {"b": 2})


def test_a_definition_serves_several_places() -> None:
    schema = {
        "type": "array",
        "prefixItems": [{"$ref": "#/definitions/T"}, {"$ref": "#/definitions/T"}],
        "definitions": {"T": {"type": "object", "properties": {"t": {"type": "string"}}}},
    }

    assert value(schema, [{"t": "a"}, {"t": "b"}]) == ({"t": "a"}, {"t": "b"})


def test_examples_and_titles_are_told() -> None:
    from pydantic import TypeAdapter

    schema = {"type": "array", "items": {"type": "string", "title": "Tag", "examples": ["x"]}}
    annotation: Any = with_output(schema).fields["value"].annotation
    told = TypeAdapter(annotation).json_schema()

    assert told["items"]["title"] == "Tag"
    assert told["items"]["examples"] == ["x"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "place", "why"),
    [
        ({"type": "strng"}, ".type", "did you mean 'string'?"),
        ({"type": "x"}, ".type", "those are string"),
        ({"type": [3]}, ".type", "no type"),
        ({"type": {}}, ".type", "no type"),
        ({"type": [["string"]]}, ".type", "no type"),
        ({"type": []}, ".type", "names no type"),
        ({"type": "string", "minLenght": 1}, ".minLenght", "did you mean 'minLength'?"),
        ({"type": "string", "minimum": 1}, ".minimum", "is not understood"),
        ({"type": "string", "contentEncoding": "x"}, ".contentEncoding", "is not understood"),
        ({"type": "array", "contains": {}}, ".contains", "is not understood"),
        ({"anyOf": [{"type": "string"}], "minLength": 3}, ".minLength", "beside 'anyOf'"),
        ({"not": {}}, ".not", "is not understood"),
        (False, "", "is no JSON schema"),
        ({"items": 3}, ".items", "is no JSON schema"),
        ({"anyOf": []}, ".anyOf", "no list of schemas"),
        ({"anyOf": [{"type": "x"}]}, ".anyOf.0.type", "no type"),
        ({"allOf": [{}, {}]}, ".allOf", "one schema"),
        ({"enum": []}, ".enum", "no list"),
        ({"enum": [1], "type": "x"}, ".enum", "'x', which is none"),
        ({"enum": [1], "type": {}}, ".enum", "{}, which is none"),
        ({"enum": ["a", 1], "type": "string"}, ".enum.1", "is not of the type string"),
        ({"enum": [True], "type": ["integer", "number"]}, ".enum.0", "integer or number"),
        ({"enum": [1.5], "type": "integer"}, ".enum.0", "is not of the type integer"),
        ({"const": [], "type": "object"}, ".const", "is not of the type object"),
        (
            {"enum": [None], "type": "string", "nullable": False},
            ".enum.0",
            "is not of the type string",
        ),
        ({"type": "string", "minLength": -1}, ".minLength", "whole number"),
        ({"type": "string", "maxLength": 10**30}, ".maxLength", "from 0 to 2147483647"),
        ({"type": "array", "maxItems": 2**70}, ".maxItems", "from 0 to 2147483647"),
        ({"type": "object", "minProperties": 2**31}, ".minProperties", "from 0 to 2147483647"),
        ({"type": "string", "minLength": True}, ".minLength", "whole number"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "", "longer"),
        ({"type": "string", "pattern": "("}, ".pattern", "cannot be used"),
        ({"type": "string", "pattern": "(?=a)"}, ".pattern", "look-around"),
        ({"type": "string", "pattern": "a" * 257}, ".pattern", "256"),
        ({"type": "string", "pattern": 3}, ".pattern", "no text"),
        ({"type": "string", "format": "dat"}, ".format", "did you mean 'date'?"),
        ({"type": "integer", "minimum": "3"}, ".minimum", "is no number"),
        ({"type": "number", "maximum": float("inf")}, ".maximum", "is no number"),
        ({"type": "number", "maximum": 1, "minimum": 2}, "", "greater"),
        ({"type": "integer", "minimum": 10**400}, ".minimum", "too large"),
        ({"type": "number", "maximum": -(10**400)}, ".maximum", "too large"),
        ({"type": "number", "multipleOf": 10**400}, ".multipleOf", "too large"),
        ({"type": "number", "multipleOf": float("nan")}, ".multipleOf", "is no number"),
        ({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1}, "", "greater"),
        ({"type": "number", "minimum": 1, "exclusiveMaximum": 1}, "", "greater"),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 1}, "", "greater"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "", "greater"),
        ({"type": "number", "multipleOf": 0}, ".multipleOf", "greater than 0"),
        ({"type": "integer", "multipleOf": 0.5}, ".multipleOf", "whole number"),
        ({"type": "array", "uniqueItems": 1}, ".uniqueItems", "neither true nor false"),
        ({"type": "array", "prefixItems": []}, ".prefixItems", "no list"),
        ({"prefixItems": [True], "items": True}, ".items", "must be false"),
        ({"prefixItems": [True], "minItems": 2}, ".minItems", "does not go"),
        ({"prefixItems": [True], "uniqueItems": True}, ".uniqueItems", "does not go"),
        ({"type": "object", "required": ["a"]}, ".required", "needs 'properties'"),
        ({**EMPTY, "required": ["a"]}, ".required", "no property"),
        ({"properties": {1: {}}, "required": ["a"]}, ".required", "no property"),
        ({**EMPTY, "required": "a"}, ".required", "no list of names"),
        ({**EMPTY, "minProperties": 1}, ".minProperties", "does not go"),
        ({"type": "object", "properties": []}, ".properties", "is no object"),
        ({"type": "object", "patternProperties": {}}, ".patternProperties", "not understood"),
        (
            {"properties": {"a": {"type": "integer", "default": "x"}}},
            ".properties.a.default",
            "does not fit",
        ),
        ({"$ref": "#/$defs/Nme", "$defs": {"Name": {}}}, ".$ref", "did you mean '#/$defs/Name'?"),
        ({"$ref": "http://example.org/schema"}, ".$ref", "leads to nothing"),
        ({"$ref": 3}, ".$ref", "leads to nothing"),
        ({"$defs": []}, ".$defs", "is no object"),
        ({"type": "array", "items": {"$defs": {}}}, ".items.$defs", "is not understood"),
    ],
)
def test_what_cannot_be_understood_is_named(schema: Any, place: str, why: str) -> None:
    assert why in problems_of(schema)[place]


def test_a_definition_cannot_be_a_part_of_itself() -> None:
    tree = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}

    found = problems_of({"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}})

    assert "a part of itself" in found["$defs.Tree.items.$ref"]


def test_depth_is_limited_through_definitions_too() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(20):
        deep = {"type": "array", "items": deep}
    ten: dict[str, Any] = {"type": "string"}
    for _ in range(10):
        ten = {"type": "array", "items": ten}
    shared = {"type": "array", "items": {"type": "array", "items": ten}}

    assert "16 levels" in str(problems_of(deep))
    twice = {
        "prefixItems": [{"$ref": "#/$defs/A"}, {"type": "array", "items": {"$ref": "#/$defs/B"}}]
    }
    nested = {
        "A": shared,
        "B": {"prefixItems": [True, {"items": {"items": {"$ref": "#/$defs/A"}}}]},
    }
    assert "too deep" in str(problems_of({**twice, "$defs": nested}))


def test_definitions_that_double_each_time_end_soon() -> None:
    definitions: dict[str, Any] = {"D0": {"type": "integer"}}
    for number in range(1, 12):
        ref = {"$ref": f"#/$defs/D{number - 1}"}
        definitions[f"D{number}"] = {"prefixItems": [ref, ref]}

    assert "too many types" in str(problems_of({"$ref": "#/$defs/D11", "$defs": definitions}))


def test_a_pattern_that_would_stop_pythons_matcher_is_searched_at_once() -> None:
    schema = {"type": "string", "pattern": "^(a|aa)+$"}

    with pytest.raises(Exception, match="should match pattern"):
        value(schema, "a" * 5000 + "!")


def test_many_fields_share_one_count_of_types() -> None:
    wide = {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(300)}}
    fields = {f"f{number}": wide for number in range(5)}

    with pytest.raises(InvalidArgumentError, match="more than 1000 types"):
        made({"inputs": {}, "outputs": fields})


def test_patterns_are_counted_because_reading_them_takes_long() -> None:
    each = {"type": "string", "pattern": "a"}

    assert "more than 16 patterns" in problems_of({"anyOf": [each] * 17})[".anyOf.16.pattern"]
