"""The tool RPCs that a host serves to its workers, each from its request to its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import BridgeError, HandlerFailedError, HostToolError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.handlers.failures import bounded
from snakepit_bridge.session.worker_tools import WorkerTool
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.snakepit.labels import TEXT_LABEL
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson, Typed

if TYPE_CHECKING:
    from snakepit_bridge.session.embedded_host import EmbeddedHost
    from snakepit_bridge.session.host import HostTool

MAX_MESSAGE = 8 * 1024
"""Characters of what went wrong in a tool."""

_WORDS: Mapping[str, str] = {
    "string": "string",
    "integer": "integer",
    "number": "float",
    "boolean": "boolean",
    "array": "list",
    "object": "map",
}
"""Snakepit's words for the types of JSON schemas; everything else is ``any``."""

_values = SnakepitJson(Fallback())
_write = JsonWriter(Fallback()).write


def exposed_tools(host: EmbeddedHost, session_id: str) -> pb.GetExposedElixirToolsResponse:
    """The tools that a session may call, with their parameters."""
    tools = host.list_tools(session_id=session_id)
    return pb.GetExposedElixirToolsResponse(tools=[_spec(tool) for tool in tools])


async def execute(
    host: EmbeddedHost, request: pb.ExecuteElixirToolRequest
) -> pb.ExecuteElixirToolResponse:
    """Run one of the host's tools; the answer tells of a failure itself, as Snakepit's does.

    Raises:
        BridgeError: It was not run, and may be later.
    """
    started = time.perf_counter()
    try:
        arguments = {name: Typed(each.type_url, each.value) for name, each in _sorted(request)}
        args = _values.decode_args(arguments)
    except BridgeError as error:
        return _failed(f"Invalid parameter: {error}")
    try:
        value = await host.acall_tool(
            session_id=request.session_id, tool_name=request.tool_name, args=args
        )
        encoded = _values.encode(value)
    except (HostToolError, HandlerFailedError) as error:
        return _failed(_said(error, request))
    return _answer(encoded, int(1000 * (time.perf_counter() - started)))


async def register(
    host: EmbeddedHost, request: pb.RegisterToolsRequest
) -> pb.RegisterToolsResponse:
    """Keep what a worker tells of its tools; nobody here can call them, for want of an address."""
    tools = [
        WorkerTool(
            name=each.name.strip(),
            worker_id=request.worker_id,
            description=each.description,
            metadata=dict(each.metadata),
        )
        for each in request.tools
    ]
    try:
        host.worker_tools.register(request.session_id, tools)
    except BridgeError as error:
        return pb.RegisterToolsResponse(success=False, error_message=str(error))
    ids = {tool.name: f"{request.session_id}:{tool.name}" for tool in tools}
    return pb.RegisterToolsResponse(success=True, tool_ids=ids)


def _sorted(request: pb.ExecuteElixirToolRequest) -> list[tuple[str, WireValue]]:
    return sorted(request.parameters.items())


def _answer(encoded: Encoded, duration_ms: int) -> pb.ExecuteElixirToolResponse:
    return pb.ExecuteElixirToolResponse(
        success=True,
        # Not the label of its type: clients would make a float of every integer.
        result=WireValue(type_url=TEXT_LABEL, value=encoded.value),
        binary_result=encoded.binary,
        metadata={"execution_time": str(duration_ms)},
        execution_time_ms=duration_ms,
    )


def _failed(text: str) -> pb.ExecuteElixirToolResponse:
    return pb.ExecuteElixirToolResponse(success=False, error_message=bounded(text, MAX_MESSAGE))


def _said(error: BridgeError, request: pb.ExecuteElixirToolRequest) -> str:
    if error.foreign_type or isinstance(error, HandlerFailedError):
        return f"Tool execution failed: {error}"
    name, session_id = request.tool_name, request.session_id
    return f"Tool {name} not found for session {session_id}. {error.hint}".strip()


def _spec(tool: HostTool) -> pb.ToolSpec:
    properties, required = tool.schema.get("properties", {}), tool.schema.get("required", ())
    return pb.ToolSpec(
        name=tool.name,
        description=tool.description,
        parameters=[
            _parameter(name, described, is_required=name in required)
            for name, described in properties.items()
        ],
    )


def _parameter(name: str, described: Any, *, is_required: bool) -> pb.ParameterSpec:
    facts = dict(described) if isinstance(described, Mapping) else {}
    kind, description = facts.pop("type", None), facts.pop("description", "")
    parameter = pb.ParameterSpec(
        name=name,
        type=_WORDS.get(kind, "any") if isinstance(kind, str) else "any",
        description=str(description),
        required=is_required,
    )
    with suppress(CannotWriteError):  # one odd default must not hide all the tools
        if "default" in facts:
            default = _write(facts.pop("default"))
            parameter.default_value.CopyFrom(WireValue(type_url=TEXT_LABEL, value=default))
        parameter.validation_json = _write(facts).decode()
    return parameter
