from __future__ import annotations

import copy
import json
from typing import Any

import dspy
import jsonschema  # type: ignore[import-untyped]  # comes with DSPy, without stubs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine
from tests.unit.handlers.dspy.signatures.making import (
    Listener,
    answers,
    made,
    value,
    with_output,
)

CITY = {
    "type": "object",
    "title": "City",
    "description": "A town",
    "properties": {
        "name": {"type": "string", "minLength": 3, "description": "As on maps"},
        "first-name": {"type": "string"},
        "schema": {"type": "array", "items": {"$ref": "#/$defs/Point"}, "minItems": 1},
        "twin": {"type": "string"},
    },
    "required": ["name", "first-name", "schema"],
    "$defs": {
        "Point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    },
}


def refusal(data: Any) -> InvalidArgumentError:
    with pytest.raises(InvalidArgumentError) as caught:
        made(data)
    return caught.value


# --- what is made ---------------------------------------------------------------------------------


def test_types_written_as_text_become_the_types_of_fields() -> None:
    signature = made(
        {
            "name": "Sorter",
            "inputs": {"text": "str", "image": "dspy.Image", "old": "str | NoneType"},
            "outputs": {"kind": "Literal['a', 'b']", "tags": {"type": "list[str]"}},
            "instructions": "Sort it.",
        }
    )

    assert issubclass(signature, dspy.Signature)
    assert signature.__name__ == "Sorter"
    assert signature.instructions == "Sort it."
    assert {name: field.annotation for name, field in signature.fields.items()} == {
        "text": str,
        "image": dspy.Image,
        "old": str | None,
        "kind": signature.fields["kind"].annotation,
        "tags": list[str],
    }
    assert answers(signature, text="x", image=None) == {"kind": "a", "tags": []}


def test_without_instructions_dspy_writes_its_own() -> None:
    assert "`question`" in with_output({"type": "integer"}).instructions


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter()])
def test_a_schema_of_an_object_is_answered_as_plain_data(adapter: Any) -> None:
    answer = value(CITY, adapter=adapter)

    assert answer == {"name": "offline", "first-name": "offline", "schema": [{"x": 0.0}]}
    jsonschema.validate(answer, CITY)


def test_an_answer_that_does_not_fit_the_schema_is_refused() -> None:
    with pytest.raises(dspy.utils.exceptions.AdapterParseError, match="at least 3"):
        value(CITY, {"name": "x", "first-name": "y", "schema": [{"x": 1}]})


def test_descriptions_instructions_and_schemas_reach_the_prompt() -> None:
    signature = made(
        {
            "inputs": {"question": {"type": "str", "description": "What they ask", "prefix": "Q:"}},
            "outputs": {"city": {"schema": CITY, "description": "Where it is"}},
            "instructions": "Find the town.",
        }
    )
    engine = Listener()
    model = dspy.LM("offline", engine=engine, async_engine=AsyncOfflineEngine(engine), cache=False)

    with dspy.context(lm=model):
        dspy.Predict(signature)(question="?")

    for text in ("Find the town.", "What they ask", "Where it is", "As on maps", "minLength"):
        assert text in engine.asked[0]
    assert signature.fields["question"].json_schema_extra["prefix"] == "Q:"


def test_the_description_of_a_schema_is_that_of_its_field() -> None:
    signature = made({"inputs": {"q": "str"}, "outputs": {"city": CITY, "b": {"type": "boolean"}}})

    assert signature.fields["city"].json_schema_extra["desc"] == "A town"
    assert signature.fields["b"].annotation is bool


def test_defaults_make_inputs_optional() -> None:
    signature = made(
        {
            "inputs": {"question": "str", "count": {"type": "integer", "default": 3}},
            "outputs": {"a": "str"},
        }
    )

    assert signature.fields["count"].default == 3
    assert not signature.fields["count"].is_required()


def test_a_whole_side_may_be_one_schema() -> None:
    signature = made(
        {
            "inputs": {
                "type": "object",
                "properties": {"question": {"type": "string"}, "hint": {"type": "string"}},
                "required": ["question"],
            },
            "outputs": {
                "type": "object",
                "properties": {"city": {"$ref": "#/$defs/C"}},
                "$defs": {"C": {"type": "string", "maxLength": 5}},
            },
        }
    )

    assert signature.input_fields["hint"].annotation == str | None
    assert answers(signature) == {"city": "offli"}


@pytest.mark.filterwarnings("ignore:Field name .* shadows:UserWarning")
def test_a_field_called_like_a_word_of_json_schema_is_a_field() -> None:
    signature = made({"inputs": {"type": "str", "properties": "str"}, "outputs": {"schema": "int"}})

    assert list(signature.fields) == ["type", "properties", "schema"]


def test_definitions_may_serve_all_fields() -> None:
    definitions = {"Tag": {"enum": ["x", "y"]}}
    signature = with_output(
        {"type": "array", "items": {"$ref": "#/$defs/Tag"}}, **{"$defs": definitions}
    )

    assert answers(signature, {"value": ["y"]}) == {"value": ["y"]}


def test_a_signature_string_may_be_described() -> None:
    signature = made(
        {
            "signature": "question, count: int -> answer: list[str]",
            "instructions": "Be short.",
            "fields": {"answer": {"description": "One word"}},
        }
    )

    assert signature.instructions == "Be short."
    assert signature.output_fields["answer"].json_schema_extra["desc"] == "One word"
    assert signature.output_fields["answer"].annotation == list[str]


@pytest.mark.parametrize("module", [dspy.Predict, dspy.ChainOfThought])
def test_a_made_signature_survives_what_dspy_does_with_it(module: Any) -> None:
    program = module(with_output(CITY))
    state = json.loads(json.dumps(program.dump_state()))

    for each in (copy.deepcopy(program), program.deepcopy(), program.reset_copy()):
        each.load_state(state)
        assert each.dump_state() == program.dump_state()
    signature = with_output(CITY).append("more", dspy.OutputField()).with_instructions("x")
    assert answers(signature)["value"]["name"] == "offline"


def test_demonstrations_are_kept_as_plain_data() -> None:
    program = dspy.Predict(with_output(CITY))
    city = {"name": "Linz", "first-name": "L", "schema": [{"x": 1.0}]}
    of_city = program.signature.fields["value"].annotation
    program.demos = [dspy.Example(question="?", value=of_city.model_validate(city))]

    assert json.loads(json.dumps(program.dump_state()))["demos"][0]["value"] == city


@pytest.mark.parametrize("agent", [dspy.ReAct, dspy.ReActV2])
def test_agents_take_a_made_signature(agent: Any) -> None:
    def look(city: str) -> str:
        return city

    program = agent(with_output({"type": "integer", "minimum": 2}), tools=[look])

    assert "value" in program.signature.output_fields


def test_structured_outputs_get_the_schema() -> None:
    from dspy.adapters.json_adapter import _get_structured_outputs_response_format as formatted

    schema = formatted(with_output({"type": "integer", "minimum": 2})).model_json_schema()

    assert schema["properties"]["value"]["minimum"] == 2


# --- what is refused ------------------------------------------------------------------------------


def test_everything_wrong_is_named_at_once_with_its_place() -> None:
    error = refusal(
        {
            "inputs": {"signature": "str", "b": 3, "c": {"type": "int", "describtion": "x"}},
            "outputs": {
                "a": {"schema": {"type": "array", "items": {"type": "strng", "minimun": 1}}},
                "b": {"type": "str", "schema": {}, "description": 3},
            },
            "instruction": "x",
            "name": "two words",
        }
    )

    assert error.details["problems"].keys() == {
        *("instruction", "name", "inputs.signature", "inputs.b", "inputs.c.describtion"),
        *("outputs.a.schema.items.type", "outputs.a.schema.items.minimun"),
        *("outputs.b", "outputs.b.description"),
    }
    assert "did you mean 'instructions'?" in error.message
    assert "did you mean 'description'?" in error.message
    assert "did you mean 'string'?" in error.message


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({}, "inputs"),
        ({"inputs": {"q": "str"}}, "outputs"),
        ({"inputs": {"q": "str"}, "outputs": {}}, "outputs"),
        ({"inputs": [], "outputs": {"a": "str"}}, "inputs"),
        ({"inputs": {"a": True, "b": None}, "outputs": {"c": "str"}}, "inputs.b"),
        ({"inputs": {"q": "str"}, "outputs": {"q": "str"}}, "outputs.q"),
        ({"inputs": {}, "outputs": {f"a{n}": "str" for n in range(101)}}, "outputs"),
        ({"inputs": {}, "outputs": {"a": "str"}, "instructions": 3}, "instructions"),
        (
            {"inputs": {}, "outputs": {"a": {"type": "integer", "default": "x"}}},
            "outputs.a.default",
        ),
        ({"inputs": {}, "outputs": {"a": "dspy.Predict"}}, "outputs.a"),
        ({"inputs": {"a": "dspy.Predict"}, "outputs": {"b": "str"}}, "inputs.a"),
        (
            {"inputs": {}, "outputs": {"type": "object", "properties": {}, "requird": []}},
            "outputs.requird",
        ),
        (
            {"inputs": {}, "outputs": {"type": "object", "properties": {}, "required": ["a"]}},
            "outputs.required",
        ),
        ({"signature": 3}, "signature"),
        ({"signature": "q ->"}, "signature"),
        ({"signature": "q, lm -> a"}, "signature.lm"),
        ({"signature": "q -> a", "fields": []}, "fields"),
        ({"signature": "q -> answer", "fields": {"anser": {}}}, "fields.anser"),
        ({"signature": "q -> a", "fields": {"a": "x"}}, "fields.a"),
        ({"signature": "q -> a", "fields": {"a": {"description": 3}}}, "fields.a.description"),
        ({"signature": "q -> a", "fields": {"a": {"desc": "x"}}}, "fields.a.desc"),
        ({"signature": "q -> a", "inputs": {}}, "inputs"),
    ],
)
def test_what_is_wrong_is_named(data: Any, place: str) -> None:
    assert place in refusal(data).details["problems"]


@pytest.mark.parametrize(
    "text", ["q", "q -> a -> b", "q -> a b", "-> 3", "q -> a: int[str]", "q -> a, q"]
)
def test_a_text_that_is_no_signature_is_refused(text: str) -> None:
    assert refusal({"signature": text}).message


@pytest.mark.parametrize(
    "text",
    [
        *("os.system", "list[os.PathLike]", "Field(default_factory=os.getcwd)", "'int'", "session"),
    ],
)
def test_a_type_that_is_none_is_refused_before_it_is_evaluated(text: str) -> None:
    with pytest.raises(NotAllowedError):
        made({"inputs": {"q": text}, "outputs": {"a": "str"}})
    with pytest.raises(NotAllowedError):
        made({"signature": f"q: {text} -> a"})


@pytest.mark.parametrize(
    "text",
    [
        "list[dspy.Predict]",
        "str, int",
        "-" * 900,
        "str, other: int",
        "int = 3",
        "str /",
        "list[",
        "int) -> (",
        "",
        "a -> b",
        "Foo.Bar!",
    ],
)
def test_a_text_that_is_not_one_type_is_refused(text: str) -> None:
    with pytest.raises((InvalidArgumentError, NotAllowedError)):
        made({"inputs": {"q": text}, "outputs": {"a": "str"}})


def test_a_type_that_does_not_exist_keeps_the_hint_with_the_nearest() -> None:
    error = refusal({"inputs": {"q": "dspy.Imgae"}, "outputs": {"a": "str"}})

    assert error.hint == "Did you mean 'dspy.Image'?"


def test_a_misspelt_type_is_told_with_the_nearest() -> None:
    error = refusal({"inputs": {"a": "strng"}, "outputs": {"b": "str"}})

    assert type(error) is InvalidArgumentError
    assert "'strng' is not the text of a type" in error.message
    assert error.hint == "Did you mean 'str'?"


def test_what_is_not_allowed_stays_so_among_other_problems() -> None:
    with pytest.raises(NotAllowedError, match="'oops' is not understood"):
        made({"inputs": {"q": "os.system"}, "outputs": {"a": "str"}, "oops": 1})


def test_types_and_signatures_may_not_be_endless() -> None:
    long = "int | " * 1000 + "int"
    assert "1000" in refusal({"inputs": {"q": long}, "outputs": {"a": "str"}}).message
    assert "4000" in refusal({"signature": f"q: {long} -> a"}).message
    assert "longer" in refusal({"signature": "q -> a", "instructions": "x" * 70_000}).message
    many = {f"a{number}": "str" for number in range(60)}
    assert (
        "100" in refusal({"inputs": {f"b{n}": "str" for n in range(60)}, "outputs": many}).message
    )


# --- in general -----------------------------------------------------------------------------------

NAMES = st.text("abcxyz_-$ ", min_size=1, max_size=6)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def made_object(properties: dict[str, Any], needed: int, extra: dict[str, Any]) -> Any:
        required = list(properties)[:needed]
        return {"type": "object", "properties": properties, "required": required, **extra}

    return st.builds(
        made_object,
        st.dictionaries(NAMES, inner, max_size=3),
        st.integers(0, 3),
        st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": True}]),
    )


LEAVES = st.one_of(
    st.builds(
        lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    st.builds(
        lambda kind, low, more: {"type": kind, "minimum": low, "maximum": low + more},
        st.sampled_from(["integer", "number"]),
        st.integers(-9, 9),
        st.integers(0, 9),
    ),
    st.sampled_from(
        [
            *({"type": name} for name in ("string", "integer", "number", "boolean", "null")),
            *({"type": ["string", "null"]}, {"const": 3}, {"const": "a; b"}, {"enum": [1.5, None]}),
            *({"enum": ["x", "y"]}, {"enum": [[1], {"a": 2}]}, {"enum": [True, "yes", 0]}),
            *({"type": "string", "format": "uuid"}, {"type": "integer", "exclusiveMinimum": 1.5}),
            *({"type": "string", "format": "date"}, {"type": "string", "nullable": True}),
        ]
    ),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        objects(inner),
        st.builds(
            lambda item, low: {"type": "array", "items": item, "minItems": low},
            inner,
            st.integers(0, 2),
        ),
        st.builds(
            lambda each: {"type": "array", "prefixItems": each},
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda each: {"type": "object", "additionalProperties": each}, inner),
        st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda each: {"allOf": [each]}, inner),
    ),
    max_leaves=6,
)


def as_json(data: Any) -> Any:
    return json.loads(json.dumps(data, default=str))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCHEMAS, st.sampled_from([dspy.ChatAdapter(), dspy.JSONAdapter()]))
def test_the_offline_models_answer_fits_the_schema_it_was_asked_for(
    schema: Any, adapter: Any
) -> None:
    whole = {
        "type": "array",
        "items": {"$ref": "#/$defs/It"},
        "minItems": 1,
        "$defs": {"It": schema},
    }

    jsonschema.validate(as_json(value(schema, adapter=adapter)), schema)
    jsonschema.validate(as_json(value(whole, adapter=adapter)), whole)
