from __future__ import annotations

import json
from typing import Any

import dspy
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.catalog import inspection
from snakepit_bridge.handlers.dspy.catalog.catalog import Catalog
from snakepit_bridge.handlers.dspy.catalog.inspection import Inspection
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.plain import PlainData
from tests.unit.handlers.dspy.programs import City
from tests.unit.handlers.dspy.state_programs import PROGRAMS, Translator, look_up

SIGNATURES = [
    "question -> answer",
    "question -> yes: bool, count: int, share: float",
    "question -> tags: list[str], scores: dict[str, float]",
    "question -> mood: Literal['good', 'bad'], year: Optional[int]",
    "question -> pair: tuple[int, str], unique: set[int]",
    "question -> anything: Any, code: dspy.Code, why: dspy.Reasoning",
    "question -> city: City, cities: list[City]",
]


def look_at(instance: Any) -> dict[str, Any]:
    catalog = Catalog(DSPyDoor(), AllowList())
    found = Inspection(dspy, catalog).of("ref", instance)
    assert json.loads(json.dumps(found)) == found
    return found


def as_json(value: Any) -> Any:
    data = PlainData(dspy, str).answer(value)
    return json.loads(json.dumps(data, default=list))


@pytest.mark.parametrize("make", [dspy.Predict, dspy.ChainOfThought])
@pytest.mark.parametrize("text", SIGNATURES)
def test_what_a_module_answers_fits_the_schemas_of_its_fields(make: Any, text: str) -> None:
    program = make(dspy.Signature(text, custom_types={"City": City}))
    fields = {each["name"]: each for each in look_at(program)["signature"]["outputs"]}

    with dspy.context(lm=offline_lm()):
        answer = program(question="Why?")

    assert set(answer.keys()) == set(fields)
    for name, value in answer.items():
        jsonschema.validate(as_json(value), fields[name]["schema"])


def test_a_value_of_another_type_does_not_fit() -> None:
    (field,) = look_at(dspy.Predict("a -> n: int"))["signature"]["outputs"]

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate("text", field["schema"])


def test_a_field_tells_everything_about_it() -> None:
    class Rate(dspy.Signature):  # type: ignore[misc]  # dspy ships no types
        """Rate the text."""

        text: str = dspy.InputField(desc="to be rated")
        style: str = dspy.InputField(default="plain")
        stars: int = dspy.OutputField(ge=1, le=5)

    found = look_at(dspy.Predict(Rate))["signature"]

    assert found["instructions"] == "Rate the text."
    assert found["inputs"][0] == {
        "name": "text",
        "type": "str",
        "schema": {"type": "string"},
        "description": "to be rated",
        "prefix": "Text:",
        "required": True,
    }
    assert found["inputs"][1]["required"] is False
    (stars,) = found["outputs"]
    assert stars["schema"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert stars["constraints"] == "greater than or equal to: 1, less than or equal to: 5"


def test_a_program_tells_its_predictors_and_modules() -> None:
    program = Translator()
    program.detect.demos = [{"text": "a", "language": "b"}]
    program.detect.config = {"temperature": 0.5, "api_key": "x", "response_format": City}

    found = look_at(program)

    assert found["class"] == "tests.unit.handlers.dspy.state_programs.Translator"
    assert "signature" not in found
    assert [each["name"] for each in found["predictors"]] == [
        "detect",
        "steps[0].predict",
        "by_style['formal']",
    ]
    assert found["predictors"][0]["demos"] == 1
    assert found["predictors"][0]["config"] == {"temperature": 0.5}
    assert found["predictors"][0]["class"] == "dspy.predict.predict.Predict"
    predict = "dspy.predict.predict.Predict"
    assert found["modules"] == {
        "name": "self",
        "class": found["class"],
        "modules": [
            {"name": "detect", "class": predict, "modules": []},
            {
                "name": "steps[0]",
                "class": "dspy.predict.chain_of_thought.ChainOfThought",
                "modules": [{"name": "predict", "class": predict, "modules": []}],
            },
            {"name": "by_style[formal]", "class": predict, "modules": []},
        ],
    }
    assert found["compiled"] is False
    assert "tools" not in found


def test_an_optimized_program_says_so() -> None:
    student = dspy.Predict("question -> answer")
    examples = [dspy.Example(question="a", answer="b").with_inputs("question")]

    with dspy.context(lm=offline_lm(), trace=[]):
        found = dspy.BootstrapFewShot(metric=lambda *_: True).compile(student, trainset=examples)

    assert look_at(found)["compiled"] is True
    assert look_at(student)["compiled"] is False


@pytest.mark.parametrize("kind", [dspy.ReAct, dspy.ReActV2])
def test_an_agent_tells_its_tools(kind: Any) -> None:
    found = look_at(kind("question -> answer", tools=[look_up]))

    assert found["tools"][0] == {
        "name": "look_up",
        "description": "Look a word up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    }
    assert [each["name"] for each in found["signature"]["outputs"]] == ["answer"]


def test_arguments_of_tools_that_json_cannot_hold_are_anything() -> None:
    tool = dspy.Tool(look_up, args={"word": {"type": "string", "default": object()}})
    program = dspy.ReAct("question -> answer", tools=[look_up])
    program.tools = {"look_up": tool, "other": 3}

    assert look_at(program)["tools"] == [
        {
            "name": "look_up",
            "description": "Look a word up.",
            "parameters": {"type": "object", "properties": {"word": {}}},
        }
    ]


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_any_program_can_be_looked_at(make: Any) -> None:
    found = look_at(make())

    assert found["predictors"]
    assert found["modules"]["name"] == "self"


def test_a_signature_tells_its_fields() -> None:
    found = look_at(dspy.Signature("a -> b"))

    assert [each["name"] for each in found["signature"]["inputs"]] == ["a"]
    assert found["methods"] == []


@pytest.mark.parametrize("other", [dspy.Example(a=1), 3, City])
def test_anything_else_tells_its_class(other: Any) -> None:
    found = look_at(other)

    assert found.keys() == {"ref", "class", "methods"}


def test_only_so_many_modules_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MAX_MODULES", 2)

    assert len(look_at(Translator())["modules"]["modules"]) == 1
