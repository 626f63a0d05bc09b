"""Tools in the form in which Elixir gets to know them."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, get_type_hints

from snakepit_bridge.adapters.docstrings import parameter_descriptions
from snakepit_bridge.adapters.tools import (
    ToolMetadata,
    members_of,
    overrides_execute_tool,
    tools_of,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

log = logging.getLogger(__name__)

LEGACY_TOOL = "execute_tool"
"""The entry of an adapter that looks at the names of tools by itself."""

# Snakepit 0.13 refuses all tools of an adapter when it refuses one: `ToolRegistry` takes these
# names, and metadata of at most this size in Erlang's external term format.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_METADATA_BYTES = 4096

# Erlang's external term format: version, tag, size of a map; tag and size of each binary.
_MAP_BYTES = 1 + 1 + 4
_BINARY_BYTES = 1 + 4

# Snakepit adds this entry to what it was told.
_ADDED = {"supports_streaming": "false"}

# The name of a type, without its module, without its parameters.
_NAMED = re.compile(r"(?:\w+\.)*(?P<name>\w+)(?:\[.*\])?")

# A default is shown to people; more of it than this helps nobody.
_DEFAULT_CHARACTERS = 200

_OPEN = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


def tool_registrations(adapter: type | object) -> list[pb.ToolRegistration]:
    """The tools of an adapter, alphabetically; what Elixir would refuse is left out, and logged.

    Args:
        adapter: Its class or an object of it.
    """
    cls = adapter if isinstance(adapter, type) else type(adapter)
    tools = tools_of(cls)
    found = [(name, _registration(cls, name, tools[name])) for name in tools]
    if overrides_execute_tool(cls) and LEGACY_TOOL not in tools:
        legacy = pb.ToolRegistration(name=LEGACY_TOOL, description="Legacy tool execution method")
        found.append((LEGACY_TOOL, legacy))
    return [told for _, told in sorted(found, key=lambda each: each[0]) if told is not None]


def registration_request(adapter: Any, session_id: str, stub: Any) -> pb.RegisterToolsRequest:
    """What Elixir is told of an adapter.

    Args:
        adapter: Has ``get_tools``.
        session_id: A session that Elixir knows.
        stub: May have the ``worker_id`` by which Elixir finds this worker.
    """
    named = getattr(stub, "worker_id", None)
    # Elixir finds a worker by the id that it gave; an id of an object finds nothing.
    worker_id = named if isinstance(named, str) and named else f"python-{id(adapter)}"
    return pb.RegisterToolsRequest(
        session_id=session_id, worker_id=worker_id, tools=adapter.get_tools()
    )


def registered_names(request: pb.RegisterToolsRequest, response: Any) -> list[str]:
    """The names that Elixir knows after it answered so.

    Args:
        request: What it was told.
        response: Its answer; a refusal is logged.
    """
    if response.success:
        return list(response.tool_ids)
    # Told twice is told: a session keeps its tools when another worker takes it over.
    if "duplicate_tool" in response.error_message:
        return [each.name for each in request.tools]
    log.warning(
        "Elixir refused %d tools of session %s: %s",
        len(request.tools),
        request.session_id,
        response.error_message,
    )
    return []


def _registration(cls: type, name: str, told: ToolMetadata) -> pb.ToolRegistration | None:
    if not _NAME.fullmatch(name):
        log.warning("tool %r of %s was left out: Elixir takes no such name", name, cls.__name__)
        return None
    member = members_of(cls)[name]
    try:
        docstring = inspect.unwrap(getattr(member, "__func__", member)).__doc__ or ""
        return pb.ToolRegistration(
            name=name,
            description=told.description or docstring,
            parameters=_parameters(member, docstring),
            metadata=_metadata(cls, name, told),
            supports_streaming=told.supports_streaming,
        )
    # Annotations and defaults are the adapter's code: whatever they raise costs one tool only.
    except Exception:
        log.exception("tool %r of %s was left out", name, cls.__name__)
        return None


def _metadata(cls: type, name: str, told: ToolMetadata) -> dict[str, str]:
    metadata = {"adapter_class": cls.__name__, "module": cls.__module__}
    if not told.required_variables:
        return metadata
    complete = metadata | {"required_variables": ",".join(told.required_variables)}
    if _size_in_erlang(complete | _ADDED) <= _METADATA_BYTES:
        return complete
    log.warning("tool %r of %s: too many required variables to tell", name, cls.__name__)
    return metadata


def _size_in_erlang(metadata: Mapping[str, str]) -> int:
    texts = [text for entry in metadata.items() for text in entry]
    return _MAP_BYTES + sum(_BINARY_BYTES + len(text.encode()) for text in texts)


def _parameters(member: Any, docstring: str) -> Iterator[pb.ParameterSpec]:
    function = getattr(member, "__func__", member)
    parameters = [*inspect.signature(function).parameters.values()]
    # The object or the class, which no caller gives.
    own = parameters if isinstance(member, staticmethod) else parameters[1:]
    descriptions = parameter_descriptions(docstring)
    for parameter in own:
        if parameter.kind not in _OPEN:
            optional = parameter.default is not inspect.Parameter.empty
            yield pb.ParameterSpec(
                name=parameter.name,
                type=_type_name(parameter, function),
                description=descriptions.get(parameter.name, ""),
                required=not optional,
                validation_json=_default(parameter.default) if optional else "",
            )


def _type_name(parameter: inspect.Parameter, function: Any) -> str:
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return "any"
    if isinstance(annotation, str):
        annotation = _evaluated(annotation, function)
    name = getattr(annotation, "__name__", None)
    return (name if isinstance(name, str) else str(annotation)).lower()


def _evaluated(annotation: str, function: Any) -> Any:
    """What the text of an annotation means where its function stands; else the name in it."""
    names = getattr(inspect.unwrap(function), "__globals__", {})
    # One at a time, for one that cannot be evaluated must not spoil the others.
    alone = SimpleNamespace(__annotations__={"it": annotation})
    try:
        evaluated = get_type_hints(alone, names, include_extras=True)["it"]
    # A name that only type checkers import, or what needs a newer Python.
    except (NameError, AttributeError, SyntaxError, TypeError):
        named = _NAMED.fullmatch(annotation)
        return annotation if named is None else named["name"]
    # Outside of texts None stands for itself.
    return None if evaluated is type(None) else evaluated


def _default(value: Any) -> str:
    """A default as JSON, as its text when it has no JSON; nothing when it has neither."""
    try:
        return json.dumps({"default": value}, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    # The place of an object in memory tells nobody anything.
    return "" if " at 0x" in text else json.dumps({"default": text[:_DEFAULT_CHARACTERS]})
