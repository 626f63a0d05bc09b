from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.adapters.elixir_tools import (
    ElixirBytes,
    ElixirTool,
    no_such_tool,
    says_unknown,
    tool_from,
    value_of,
)
from snakepit_bridge.errors import HostToolError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef


def _unused(*_: object, **__: object) -> None:
    raise NotImplementedError


def _parameters_of(**parameter: Any) -> Any:
    spec = pb.ToolSpec(name="t", parameters=[pb.ParameterSpec(name="p", **parameter)])
    return tool_from(spec, _unused)["parameters"]


def _answer(**fields: Any) -> pb.ExecuteElixirToolResponse:
    return pb.ExecuteElixirToolResponse(success=True, **fields)


@pytest.mark.defect("D21")
@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"type": "integer", "required": True}, {"type": "integer", "required": True}),
        ({"description": "How many."}, {"description": "How many."}),
        ({"default_value": WireValue(value=b"null")}, {"default": None}),
        ({"default_value": WireValue(value=b"#PID")}, {}),
        ({"validation_json": "{}"}, {}),
        ({"validation_json": '{"min":1}'}, {"validation": {"min": 1}}),
    ],
)
def test_the_parameters_of_a_tool_are_described(given: Any, more: dict[str, Any]) -> None:
    """They were once always empty."""
    bare = {"type": "", "description": "", "required": False}

    assert _parameters_of(**given) == {"p": bare | more}


def test_a_tool_is_described_as_a_dict_and_may_be_called() -> None:
    calls: list[Any] = []

    def call(name: str, **arguments: Any) -> str:
        calls.append((name, arguments))
        return "done"

    tool = tool_from(pb.ToolSpec(name="t", description="Does it."), call)

    assert tool == {"name": "t", "description": "Does it.", "parameters": {}}
    assert isinstance(tool, ElixirTool)
    assert (tool.__name__, tool.__doc__) == ("t", "Does it.")
    assert tool(a=1) == "done"
    assert calls == [("t", {"a": 1})]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (_answer(), None),
        (_answer(result=WireValue(value=b'{"a":[1,2.5,null]}')), {"a": [1, 2.5, None]}),
        (_answer(binary_result=b"\xff"), b"\xff"),
    ],
)
def test_the_value_of_an_answer_is_what_the_tool_returned(
    answer: pb.ExecuteElixirToolResponse, value: object
) -> None:
    assert value_of(answer, "t") == value


def test_a_handle_of_elixir_stays_a_handle() -> None:
    value = value_of(_answer(result=WireValue(value=b'{"__snakepit_zero_copy__":true}')), "t")

    assert isinstance(value, ZeroCopyRef)


@pytest.mark.defect("D6")
def test_bytes_of_a_tool_know_what_it_said_about_them() -> None:
    """The bytes were dropped, and what was said about them was the result."""
    described = _answer(result=WireValue(value=b'{"content_type":"image/png"}'), binary_result=b"P")
    bare = _answer(result=WireValue(value=b"{}"), binary_result=b"P")

    picture, plain = value_of(described, "t"), value_of(bare, "t")

    assert isinstance(picture, ElixirBytes)
    assert picture == plain == b"P"
    assert picture.metadata == {"content_type": "image/png"}
    assert plain.metadata is None


def test_a_value_that_is_no_json_is_refused() -> None:
    with pytest.raises(HostToolError, match="Elixir tool 't' cannot be read as JSON"):
        value_of(_answer(result=WireValue(value=b"#PID<0.1.0>")), "t")


@pytest.mark.parametrize(
    ("said", "unknown"),
    [
        ("Tool t not found for session s", True),
        ("Tool t is not an Elixir tool", True),
        ("Tool execution failed: Tool x not found", False),
        ("not_found", False),
    ],
)
def test_a_missing_tool_is_told_from_a_failing_one(said: str, *, unknown: bool) -> None:
    answer = pb.ExecuteElixirToolResponse(error_message=said)

    assert says_unknown(answer, "t") is unknown


def test_the_error_for_a_missing_tool_names_the_nearest_and_all_others() -> None:
    error = no_such_tool("validates", "s", {"validate", "audit"})

    assert str(error) == (
        "Elixir tool 'validates' not found in session 's'. "
        "Did you mean 'validate'? Available: audit, validate."
    )


def test_the_error_for_a_missing_tool_does_not_list_hundreds() -> None:
    text = str(no_such_tool("zzz", "s", {f"tool_{number:03}" for number in range(300)}))

    assert text.endswith("tool_019, ....")


def test_the_error_for_a_missing_tool_says_how_tools_are_offered() -> None:
    assert "exposed_to_python" in str(no_such_tool("t", "s", []))
