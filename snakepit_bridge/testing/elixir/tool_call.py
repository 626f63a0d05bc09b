"""One call of a worker's tool, as Elixir puts it on the wire."""

from __future__ import annotations

import hashlib
import platform
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.correlation import CORRELATION_HEADER
from snakepit_bridge.testing.elixir.answers import ElixirError
from snakepit_bridge.testing.elixir.json_rules import NotEncodableError, wire_value

UNARY_TIMEOUT_S = 298.8
"""Snakepit's 300 s without the margins of its queue and its worker."""

STREAM_TIMEOUT_S = 900.0

CORRELATION_PARAMETER = "correlation_id"
"""A parameter of this name is taken for the id of the call; it never reaches the tool."""

RUNTIME_IDENTITY: Mapping[str, str] = {
    "python_runtime_hash": hashlib.sha256(sys.executable.encode()).hexdigest(),
    "python_version": platform.python_version(),
    "python_platform": sys.platform,
}
"""What Elixir tells with each call of the interpreter it started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a caller in Elixir asks for."""

    tool: str
    args: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None
    """``None`` is Snakepit's own: 298.8 s, and 900 s for streams."""

    binary_parameters: Mapping[str, bytes] = field(default_factory=dict)
    thread_sensitive: bool = False
    correlation_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What else is told of the call, e.g. ``snakepit-encoding``. Snakepit's own calls tell
    nothing; a caller that speaks gRPC itself may."""

    concurrent: bool = False
    """Whether it goes out while another one runs, which Elixir's own calls never do."""

    def deadline_s(self, *, stream: bool) -> float:
        """How long the call may take."""
        if self.timeout_s is not None:
            return self.timeout_s
        return STREAM_TIMEOUT_S if stream else UNARY_TIMEOUT_S

    def request(
        self, session_id: str, *, stream: bool
    ) -> tuple[pb.ExecuteToolRequest, tuple[tuple[str, str], ...]]:
        """The message, and its headers.

        Raises:
            ElixirError: An argument cannot be written; the call never leaves Elixir.
        """
        given = self.args.get(CORRELATION_PARAMETER)
        correlation_id = self.correlation_id or (
            given if isinstance(given, str) and given else new_correlation_id()
        )
        metadata = {"correlation_id": correlation_id, **RUNTIME_IDENTITY, **self.metadata}
        if self.thread_sensitive:
            metadata["thread_sensitive"] = "true"
        request = pb.ExecuteToolRequest(
            session_id=session_id,
            tool_name=self.tool,
            metadata=metadata,
            stream=stream,
            binary_parameters=self.binary_parameters,
        )
        for name, value in self.args.items():
            if name != CORRELATION_PARAMETER:
                _put(request, name, value)
        return request, ((CORRELATION_HEADER, correlation_id),)


def new_correlation_id() -> str:
    """An id such as Elixir makes them."""
    return f"sp-{secrets.token_hex(12)}"


def _put(request: pb.ExecuteToolRequest, name: str, value: object) -> None:
    try:
        request.parameters[name].CopyFrom(wire_value(value))
    except NotEncodableError as error:
        text = f"json_encode_failed: {error}"
        raise ElixirError("invalid_parameter", text) from error
