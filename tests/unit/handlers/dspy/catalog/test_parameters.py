from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import dspy
import pydantic

from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.catalog.parameters import Entries
from snakepit_bridge.handlers.dspy.catalog.schemas import Schemas
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from tests.unit.handlers.dspy.programs import Guide

if TYPE_CHECKING:
    from decimal import Decimal

HERE = "tests.unit.handlers.dspy.programs"


def entries(*packages: str) -> Entries:
    return Entries(dspy, AllowList(("dspy", *packages)), Schemas(DSPyDoor()))


def function(
    one: int,
    two: Decimal,
    three: Prediction | None = None,  # type: ignore[name-defined]  # noqa: F821
    *rest: str,
    four: Any = ...,
    **more: Any,
) -> None:
    """Take this and that.

    Args:
        one: The first.
        rest: Others.
    """


class Model(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(3, ge=1, description="In years.")


class Abstract(abc.ABC):
    @abc.abstractmethod
    def act(self) -> None: ...


def test_parameters_of_a_function() -> None:
    assert entries().parameters(function) == [
        {
            "name": "one",
            "required": True,
            "type": "int",
            "schema": {"type": "integer"},
            "description": "The first.",
        },
        {"name": "two", "required": True, "type": "Decimal"},
        {"name": "three", "required": False, "type": "dspy.Prediction | None", "default": None},
        {
            "name": "*rest",
            "required": False,
            "type": "str",
            "schema": {"type": "string"},
            "description": "Others.",
        },
        {"name": "four", "required": False, "type": "Any"},
        {"name": "**more", "required": False, "type": "Any"},
    ]


def test_fields_of_a_model_are_its_parameters() -> None:
    assert entries().parameters(Model) == [
        {"name": "name", "required": True, "type": "str", "schema": {"type": "string"}},
        {
            "name": "age",
            "required": False,
            "type": "int",
            "schema": {"type": "integer", "minimum": 1},
            "default": 3,
            "description": "In years.",
        },
    ]


def test_what_nobody_can_know_has_no_parameters() -> None:
    assert entries().parameters(dspy.Signature.__class__.__call__) != []
    assert entries().parameters(dict) == []


def test_a_call_of_a_module_takes_what_its_forward_takes() -> None:
    (call, *others) = entries(HERE).methods(Guide())

    assert call["name"] == "__call__"
    assert [each["name"] for each in call["parameters"]] == ["name", "loud"]
    names = {each["name"] for each in others}
    assert {"later", "shape"} <= names
    assert not {"run", "Inner", "mood", "save"} & names


def test_methods_of_what_is_not_allowed_are_not_told() -> None:
    assert entries().methods(Guide()) == []
    assert entries().methods(3) == []


def test_a_class_that_cannot_be_made_has_no_methods() -> None:
    assert entries().methods_of(Abstract) == []


def test_methods_that_several_classes_share_are_described_once() -> None:
    one = entries()

    first = {each["name"]: each for each in one.methods(dspy.Predict("a -> b"))}
    second = {each["name"]: each for each in one.methods(dspy.ReAct("a -> b", tools=[]))}

    assert first["batch"]["parameters"] is second["batch"]["parameters"]
