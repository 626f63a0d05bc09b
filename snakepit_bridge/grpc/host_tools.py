"""The host's tools: run one, list them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc

from snakepit_bridge.errors import HostToolError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, Operation, message, repeated
from snakepit_bridge.grpc.host_errors import bounded
from snakepit_bridge.grpc.host_values import binary_from, parameters_from, value_from
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.refusals import CannotReadError

_UNSERVED = "This host offers no tools; connect to one that does."

_JSON_TYPES: Mapping[str, str] = {
    "string": "string",
    "str": "string",
    "integer": "integer",
    "int": "integer",
    "float": "number",
    "number": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "list": "array",
    "array": "array",
    "map": "object",
    "dict": "object",
    "object": "object",
}
"""The words that hosts use for types; what is missing here may be anything."""


def call_tool(session_id: str, tool_name: str, args: Mapping[str, object]) -> Operation[Any]:
    """Have a tool run; it is asked once, because nobody knows whether it may run twice."""
    answer = yield HostCall(
        rpc="ExecuteElixirTool",
        request=message(
            pb.ExecuteElixirToolRequest,
            session_id=session_id,
            tool_name=tool_name,
            parameters=parameters_from(args),
        ),
        what=f"run tool {tool_name!r}",
        errors={grpc.StatusCode.NOT_FOUND: HostToolError},
        unserved_hint=_UNSERVED,
    )
    if not answer.success:
        text = bounded(answer.error_message) or "it did not say why"
        raise HostToolError(
            f"Tool {tool_name!r} of the host failed in session {session_id!r}: {text}.",
            {"tool": tool_name, "session_id": session_id, "host_message": text},
        )
    return _result(answer, tool_name)


def _result(answer: pb.ExecuteElixirToolResponse, tool_name: str) -> Any:
    description = answer.result if answer.HasField("result") else None
    if answer.binary_result:
        return binary_from(answer.binary_result, description)
    if description is None:
        return None
    return value_from(description, f"The result of tool {tool_name!r} of the host")


def list_tools(session_id: str) -> Operation[list[HostTool]]:
    """The tools of a session, by name."""
    answer = yield from repeated(
        HostCall(
            rpc="GetExposedElixirTools",
            request=message(pb.GetExposedElixirToolsRequest, session_id=session_id),
            what="list its tools",
            unserved_hint=_UNSERVED,
        )
    )
    return sorted(map(_tool, answer.tools), key=lambda tool: tool.name)


def _tool(spec: pb.ToolSpec) -> HostTool:
    return HostTool(name=spec.name, description=spec.description, schema=_schema(spec.parameters))


def _schema(parameters: Iterable[pb.ParameterSpec]) -> dict[str, Any]:
    named = {each.name: each for each in parameters}
    return {
        "type": "object",
        "properties": {name: _property(each) for name, each in named.items()},
        "required": [name for name, each in named.items() if each.required],
    }


def _property(parameter: pb.ParameterSpec) -> dict[str, Any]:
    described: dict[str, Any] = {}
    word = parameter.type.lower()
    if word in _JSON_TYPES:
        described["type"] = _JSON_TYPES[word]
    elif word not in {"", "any"}:
        described["x-type"] = parameter.type
    if parameter.description:
        described["description"] = parameter.description
    if parameter.HasField("default_value"):
        described |= _if_json("default", parameter.default_value.value)
    if parameter.validation_json not in {"", "{}"}:
        described |= _if_json("x-validation", parameter.validation_json.encode())
    return described


def _if_json(name: str, text: bytes) -> dict[str, Any]:
    # One tool with an unreadable default must not hide all the others.
    try:
        return {name: read_json(text, special_floats=True)}
    except CannotReadError:
        return {}
