from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, Optional, cast

import annotated_types
import dspy
import pydantic
import pytest
from dspy.predict.parameter import Parameter

from snakepit_bridge.handlers.dspy.catalog.schemas import Schemas
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from tests.unit.handlers.dspy.programs import City

schemas = Schemas(DSPyDoor())

Score: Any = type("Score", (float,), {"__module__": "snakepit_bridge.handlers.dspy.x"})


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str, "str"),
        (list[str], "list[str]"),
        (dict[str, Any], "dict[str, Any]"),
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Optional[int], "Optional[int]"),  # noqa: UP045  (DSPy writes it like this)
        (int | None, "int | None"),
        (dspy.Image, "dspy.Image"),
        (list[dspy.History], "list[dspy.History]"),
        (Callable[[str], dspy.Prediction], "Callable[[str], dspy.Prediction]"),
        (Parameter, "dspy.predict.parameter.Parameter"),
        (City, "tests.unit.handlers.dspy.programs.City"),
        (Score, "Score"),
        ("written", "written"),
        (inspect.Parameter.empty, ""),
    ],
)
def test_types_are_shown_as_people_write_them(annotation: Any, text: str) -> None:
    assert schemas.text(annotation) == text


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dspy.Reasoning, {"type": "string"}),
        (list[dspy.Code], {"type": "array", "items": {"$ref": "#/$defs/Code"}}),
        (type[dspy.Signature], {"type": ["string", "object"]}),
    ],
)
def test_schemas_are_of_what_the_bridge_answers(annotation: Any, schema: Any) -> None:
    found = schemas.schema(annotation) or {}
    found.pop("$defs", None)

    assert found == schema


def test_a_model_is_the_object_of_its_fields() -> None:
    found = schemas.schema(City) or {}

    assert found["required"] == ["name", "inhabitants"]
    assert found["properties"]["inhabitants"]["minimum"] == 1


def test_constraints_are_in_the_schema() -> None:
    found = schemas.schema(int, [annotated_types.Ge(1), annotated_types.Le(5)])

    assert found == {"type": "integer", "minimum": 1, "maximum": 5}


def test_pages_about_dspy_are_in_no_schema() -> None:
    assert "description" not in (schemas.schema(dspy.Audio) or {})


@pytest.mark.parametrize(
    "annotation",
    [
        inspect.Parameter.empty,
        "text",
        Any,
        type[City],
        Callable[[str], str],
        dspy.Module,
        int | dspy.Module,
        list[int | Callable[[], int]],
        dspy.Tool,
        dict[dspy.LM, int],
    ],
)
def test_what_json_cannot_hold_has_no_schema(annotation: Any) -> None:
    assert schemas.schema(annotation) is None


def test_a_default_that_json_cannot_hold_is_left_out_of_a_schema() -> None:
    class Model(pydantic.BaseModel):
        number: int = cast("int", object())  # somebody's mistake, which pydantic does not look at

    assert schemas.schema(Model) == {
        "title": "Model",
        "type": "object",
        "properties": {"number": {"title": "Number", "type": "integer"}},
    }
