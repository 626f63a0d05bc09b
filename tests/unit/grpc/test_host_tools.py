from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import HostToolError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, run
from snakepit_bridge.grpc.host_tools import call_tool, list_tools


def _result_of(**answer: Any) -> Any:
    return run(call_tool("s", "t", {}), lambda _: pb.ExecuteElixirToolResponse(**answer))


def _schema_of(**parameter: Any) -> Any:
    spec = pb.ToolSpec(name="t", parameters=[pb.ParameterSpec(name="p", **parameter)])
    answer = pb.GetExposedElixirToolsResponse(tools=[spec])
    [tool] = run(list_tools("s"), lambda _: answer)
    return tool.schema


def test_a_tool_is_asked_with_session_name_and_arguments() -> None:
    asked: list[HostCall] = []

    def send(call: HostCall) -> Any:
        asked.append(call)
        return pb.ExecuteElixirToolResponse(success=True, result=WireValue(value=b"[1]"))

    assert run(call_tool("s", "t", {"a": "b"}), send) == [1]

    [call] = asked
    assert call.rpc == "ExecuteElixirTool"
    assert call.request.session_id == "s"
    assert call.request.tool_name == "t"
    assert call.request.parameters["a"].value == b'"b"'


def test_a_missing_result_is_none() -> None:
    assert _result_of(success=True) is None


@pytest.mark.defect("D6")
def test_binary_data_is_the_result() -> None:
    """It was once dropped, and its description returned in its place."""
    assert _result_of(success=True, binary_result=b"\xff") == b"\xff"
    assert _result_of(success=True, result=WireValue(value=b"{}"), binary_result=b"\xff") == b"\xff"


@pytest.mark.parametrize(
    ("said", "shown"), [("not_found", "not_found"), ("", "it did not say why"), ("So. ", "So")]
)
def test_a_failure_names_tool_session_and_reason(said: str, shown: str) -> None:
    with pytest.raises(HostToolError) as caught:
        _result_of(error_message=said)

    assert caught.value.message == f"Tool 't' of the host failed in session 's': {shown}."


def test_a_tool_without_parameters_takes_none() -> None:
    answer = pb.GetExposedElixirToolsResponse(tools=[pb.ToolSpec(name="t")])

    [tool] = run(list_tools("s"), lambda _: answer)

    assert tool.schema == {"type": "object", "properties": {}, "required": []}


@pytest.mark.parametrize(
    ("parameter", "described"),
    [
        ({"type": "Integer"}, {"type": "integer"}),
        ({"type": "any"}, {}),
        ({"type": ""}, {}),
        ({"type": "Decimal"}, {"x-type": "Decimal"}),
        ({"description": "How many."}, {"description": "How many."}),
        ({"default_value": WireValue(value=b"null")}, {"default": None}),
        ({"default_value": WireValue(value=b"#PID")}, {}),
        ({"validation_json": "{}"}, {}),
        ({"validation_json": '{"min":1}'}, {"x-validation": {"min": 1}}),
    ],
)
def test_a_parameter_is_described_as_json_schema(
    parameter: dict[str, Any], described: dict[str, Any]
) -> None:
    schema = _schema_of(**parameter)

    assert schema["properties"] == {"p": described}
    assert schema["required"] == []


def test_required_parameters_are_listed() -> None:
    assert _schema_of(required=True)["required"] == ["p"]
