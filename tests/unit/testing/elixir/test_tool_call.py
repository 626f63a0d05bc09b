from __future__ import annotations

import re

import pytest

from snakepit_bridge.testing.elixir.answers import ElixirError
from snakepit_bridge.testing.elixir.json_rules import wire_value
from snakepit_bridge.testing.elixir.tool_call import ToolCall


def test_a_call_is_what_elixir_puts_on_the_wire() -> None:
    call = ToolCall(
        tool="add",
        args={"a": 1, "b": [2]},
        binary_parameters={"img": b"\x89PNG"},
        thread_sensitive=True,
    )

    request, headers = call.request("session_1_2", stream=False)

    assert (request.session_id, request.tool_name, request.stream) == ("session_1_2", "add", False)
    assert dict(request.parameters) == {"a": wire_value(1), "b": wire_value([2])}
    assert dict(request.binary_parameters) == {"img": b"\x89PNG"}
    assert set(request.metadata) == {
        "correlation_id",
        "python_runtime_hash",
        "python_version",
        "python_platform",
        "thread_sensitive",
    }
    assert re.fullmatch("sp-[0-9a-f]{24}", request.metadata["correlation_id"])
    assert headers == (("x-snakepit-correlation-id", request.metadata["correlation_id"]),)


def test_a_caller_that_speaks_grpc_itself_may_tell_more() -> None:
    call = ToolCall(tool="t", metadata={"snakepit-encoding": "tagged"})

    request, _ = call.request("s", stream=False)

    assert request.metadata["snakepit-encoding"] == "tagged"
    assert "python_version" in request.metadata


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(tool="t", correlation_id="mine"),
        ToolCall(tool="t", args={"correlation_id": "mine"}),
    ],
)
def test_an_id_of_the_caller_never_reaches_the_tool(call: ToolCall) -> None:
    request, headers = call.request("s", stream=True)

    assert request.metadata["correlation_id"] == "mine"
    assert dict(headers) == {"x-snakepit-correlation-id": "mine"}
    assert not request.parameters
    assert request.stream


def test_an_argument_that_elixir_cannot_write_stops_the_call() -> None:
    with pytest.raises(ElixirError) as caught:
        ToolCall(tool="t", args={"pair": (1, 2)}).request("s", stream=False)

    assert caught.value.kind == "invalid_parameter"
    assert caught.value.message.startswith("json_encode_failed")


def test_calls_have_snakepits_deadlines_unless_they_are_given_one() -> None:
    call = ToolCall(tool="t")

    assert (call.deadline_s(stream=False), call.deadline_s(stream=True)) == (298.8, 900.0)
    assert ToolCall(tool="t", timeout_s=2.0).deadline_s(stream=True) == 2.0
