from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from snakepit_bridge.session.tool_schema import schema_of


def test_a_schema_tells_names_types_and_defaults() -> None:
    def greet(name: str, times: int = 2, *, loud: bool = False) -> None:
        raise NotImplementedError

    assert schema_of(greet) == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "times": {"type": "integer", "default": 2},
            "loud": {"type": "boolean", "default": False},
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def _a(x: float) -> None: ...
def _b(x: list[int]) -> None: ...
def _c(x: Mapping[str, Any]) -> None: ...
def _d(x: tuple[int, ...]) -> None: ...
def _e(x: NotThere) -> None: ...  # type: ignore[name-defined]  # noqa: F821  (never evaluated)
def _f(x) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001
def _g(x: int | None) -> None: ...
def _h(x: list[int] | None) -> None: ...


@pytest.mark.parametrize(
    ("function", "json_type"),
    [(_a, "number"), (_b, "array"), (_c, "object"), (_d, "array")],
)
def test_annotations_mean_the_types_of_json(function: Any, json_type: str) -> None:
    assert schema_of(function)["properties"]["x"] == {"type": json_type}


@pytest.mark.parametrize("function", [_e, _f, _g, _h])
def test_what_has_no_type_in_json_may_be_anything(function: Any) -> None:
    assert schema_of(function)["properties"]["x"] == {}


def test_annotations_may_be_classes_or_quoted() -> None:
    def function(x: Any, y: Any, z: Any, **more: Any) -> None:
        raise NotImplementedError

    function.__annotations__.update(x=dict[str, int], y=str, z="'typing.Sequence[str]'")

    assert schema_of(function) == {
        "type": "object",
        "properties": {"x": {"type": "object"}, "y": {"type": "string"}, "z": {"type": "array"}},
        "required": ["x", "y", "z"],
        "additionalProperties": True,
    }


def test_a_default_that_json_cannot_hold_is_left_out() -> None:
    loop: list[Any] = []
    loop.append(loop)

    def function(a: object = object, b: Any = loop, c: Any = Decimal(1)) -> None:
        raise NotImplementedError

    described = schema_of(function)

    assert described["properties"] == {"a": {}, "b": {}, "c": {}}
    assert described["required"] == []


def test_a_function_without_a_signature_has_no_schema() -> None:
    assert schema_of(dict) == {}
