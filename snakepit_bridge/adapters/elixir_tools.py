"""Tools of Elixir as Python sees them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_values import BinaryResult, binary_from, value_from
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.labels import handle_or

_SHOWN = 20
"""Names that an error lists; more are no help to find the right one."""


class ElixirTool(dict[str, Any]):
    """What is known of one tool: ``name``, ``description`` and ``parameters``; call it to run it.

    ``parameters`` has a description by name: ``type``, ``description``, ``required``, and
    ``default`` or ``validation`` where Elixir gave them. As of a function, ``__name__`` and
    ``__doc__`` are the tool's own.
    """

    __slots__ = ("__dict__", "_call")

    def __init__(self, described: Mapping[str, Any], call: Callable[..., Any]) -> None:
        super().__init__(described)
        self._call = call
        self.__name__ = described["name"]
        self.__doc__ = described["description"]

    def __call__(self, **arguments: Any) -> Any:
        """Run the tool, as ``SessionContext.call_elixir_tool`` does."""
        return self._call(self["name"], **arguments)


class ElixirBytes(bytes):
    """The bytes that a tool returned, with what it said about them."""

    metadata: Any
    """As the tool wrote it, e.g. ``{"content_type": "image/png"}``; ``None`` if it said nothing."""

    def __new__(cls, data: bytes, metadata: Any = None) -> Self:
        """Copy the data."""
        made = super().__new__(cls, data)
        made.metadata = metadata
        return made


def tool_from(spec: pb.ToolSpec, call: Callable[..., Any]) -> ElixirTool:
    """A tool that Elixir offers.

    Args:
        spec: As Elixir described it.
        call: Runs a tool, given its name and its arguments by name.
    """
    parameters = {each.name: _parameter(each) for each in spec.parameters}
    described = {"name": spec.name, "description": spec.description, "parameters": parameters}
    return ElixirTool(described, call)


def value_of(answer: pb.ExecuteElixirToolResponse, tool_name: str) -> Any:
    """What a tool returned.

    Raises:
        HostToolError: It is not JSON, because JSON cannot express what the tool returned.
    """
    description = answer.result if answer.HasField("result") else None
    if answer.binary_result:
        found = binary_from(answer.binary_result, description)
        if isinstance(found, BinaryResult):
            return ElixirBytes(found.data, found.metadata)
        return ElixirBytes(found)
    if description is None:
        return None
    return handle_or(value_from(description, f"The result of Elixir tool {tool_name!r}"))


def says_unknown(answer: pb.ExecuteElixirToolResponse, tool_name: str) -> bool:
    """Whether Elixir has no such tool, rather than one that failed."""
    said: str = answer.error_message
    return said.startswith((f"Tool {tool_name} not found", f"Tool {tool_name} is not an Elixir"))


def no_such_tool(tool_name: str, session_id: str, known: Collection[str]) -> ValueError:
    """The error for a tool that Elixir does not offer; names those it does."""
    names = sorted(known)
    listed = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    available = f"Available: {listed}." if names else _NONE_OFFERED
    hint = did_you_mean(tool_name, names, otherwise="")
    text = f"Elixir tool {tool_name!r} not found in session {session_id!r}."
    return ValueError(" ".join(filter(None, [text, hint, available])))


_NONE_OFFERED = (
    "Elixir offers none to this session; register them there with exposed_to_python: true."
)


def _parameter(spec: pb.ParameterSpec) -> dict[str, Any]:
    described = {"type": spec.type, "description": spec.description, "required": spec.required}
    if spec.HasField("default_value"):
        described |= _if_json("default", spec.default_value.value)
    if spec.validation_json not in {"", "{}"}:
        described |= _if_json("validation", spec.validation_json.encode())
    return described


def _if_json(name: str, text: bytes) -> dict[str, Any]:
    # One parameter that cannot be read must not hide the tools.
    try:
        return {name: read_json(text, special_floats=True)}
    except CannotReadError:
        return {}
