"""The tools Elixir knows of, its own beside those of workers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.json_rules import encoded, wire_value

MAX_NAME_BYTES = 64
MAX_METADATA_ENTRIES = 32
MAX_METADATA_BYTES = 4096

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-.]*")

ElixirFunction = Callable[[dict[str, Any]], Any]
"""Takes the arguments in one dict, as an Elixir tool takes them in one map; may be ``async``."""


class ToolFault(Exception):  # noqa: N818  (Elixir's reason, not a failure of ours)
    """Why Elixir does not do what was asked of its tools; its text goes onto the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTool:
    """A tool that runs in Elixir."""

    name: str
    function: ElixirFunction
    exposed: bool = True
    """Whether Python is told of it; it may be called in any case."""

    description: str = ""
    parameters: Sequence[Mapping[str, Any]] = ()
    """Each with ``name`` and perhaps ``type``, ``description``, ``required``, ``default``,
    ``validation``."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    session_id: str | None = None
    """The only session that has it; ``None`` is all of them."""

    def spec(self) -> pb.ToolSpec:
        """What Python is told."""
        return pb.ToolSpec(
            name=self.name,
            description=self.description,
            parameters=[_parameter_spec(each) for each in self.parameters],
            metadata={"exposed_to_python": "true", **self.metadata},
            supports_streaming=self.metadata.get("supports_streaming") in {"true", "1"},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTool:
    """A tool that runs in a worker."""

    name: str
    worker_id: str
    registration: pb.ToolRegistration

    @property
    def streams(self) -> bool:
        """Whether Elixir lets others stream from it."""
        flag = self.registration.metadata.get("supports_streaming", "")
        return self.registration.supports_streaming or flag in {"true", "1"}


class ToolRegistry:
    """Tools by session and name; they outlive their sessions. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._local: dict[tuple[str | None, str], LocalTool] = {}
        self._remote: dict[tuple[str, str], RemoteTool] = {}

    def offer(self, tool: LocalTool) -> None:
        """Offer a tool that runs in Elixir; one of the same name is replaced."""
        with self._lock:
            self._local[tool.session_id, tool.name] = tool

    def register(self, request: pb.RegisterToolsRequest) -> dict[str, str]:
        """Take over the tools of a worker, all or none.

        Returns:
            Their ids by their names.

        Raises:
            ToolFault: A name or its metadata is refused, or a name is taken in this session.
        """
        session_id = request.session_id
        batch: dict[str, RemoteTool] = {}
        for registration in request.tools:
            name = _checked_name(registration.name)
            _check_metadata(registration.metadata)
            if name in batch or self.find(session_id, name) is not None:
                raise ToolFault(f'{{:duplicate_tool, "{name}"}}')
            batch[name] = RemoteTool(
                name=name, worker_id=request.worker_id, registration=registration
            )
        with self._lock:
            self._remote.update({(session_id, name): tool for name, tool in batch.items()})
        return {name: f"{session_id}:{name}" for name in batch}

    def find(self, session_id: str, name: str) -> LocalTool | RemoteTool | None:
        """The tool of a session, or ``None``; callers answer "missing" in different ways."""
        with self._lock:
            return (
                self._remote.get((session_id, name))
                or self._local.get((session_id, name))
                or self._local.get((None, name))
            )

    def exposed(self, session_id: str) -> list[LocalTool]:
        """The tools in Elixir that Python is told of, by name."""
        with self._lock:
            tools = [
                tool
                for (owner, _), tool in self._local.items()
                if owner in {None, session_id} and tool.exposed
            ]
        return sorted(tools, key=lambda tool: tool.name)

    def registered(self, session_id: str | None = None) -> list[RemoteTool]:
        """The tools of workers, of one session or of all."""
        with self._lock:
            return [
                tool for (owner, _), tool in self._remote.items() if session_id in {None, owner}
            ]


def _checked_name(raw: str) -> str:
    name = raw.strip()
    if not name:
        raise ToolFault("{:invalid_tool_name, :empty}")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ToolFault("{:invalid_tool_name, :too_long}")
    if not _NAME.fullmatch(name):
        raise ToolFault("{:invalid_tool_name, :invalid_format}")
    return name


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > MAX_METADATA_ENTRIES:
        raise ToolFault("{:invalid_metadata, :too_many_entries}")
    size_bytes = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
    if size_bytes > MAX_METADATA_BYTES:
        raise ToolFault("{:invalid_metadata, :too_large}")


def _parameter_spec(parameter: Mapping[str, Any]) -> pb.ParameterSpec:
    spec = pb.ParameterSpec(
        name=parameter["name"],
        type=parameter.get("type", "any"),
        description=parameter.get("description", ""),
        required=parameter.get("required", False),
        validation_json=encoded(parameter.get("validation", {})).decode(),
    )
    if "default" in parameter:
        spec.default_value.CopyFrom(wire_value(parameter["default"]))
    return spec
