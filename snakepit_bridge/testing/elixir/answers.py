"""What Elixir makes of the answers of a worker."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import grpc

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.json_rules import (
    ZERO_COPY_KEY,
    NotJsonError,
    ZeroCopy,
    decoded,
)

KNOWN_EXCEPTIONS = frozenset(
    {
        "ValueError", "KeyError", "IndexError", "TypeError", "AttributeError", "ImportError",
        "RuntimeError", "NotImplementedError", "FileNotFoundError", "PermissionError",
        "ZeroDivisionError",
    }
)  # fmt: skip
"""Python exceptions that have a struct of their own in Elixir."""

_ATOMS = {
    grpc.StatusCode.INVALID_ARGUMENT: "invalid_argument",
    grpc.StatusCode.DEADLINE_EXCEEDED: "timeout",
    grpc.StatusCode.NOT_FOUND: "not_found",
    grpc.StatusCode.INTERNAL: "internal",
    grpc.StatusCode.UNAVAILABLE: "unavailable",
}


class Binary(NamedTuple):
    """``{:binary, data}``, or ``{:binary, data, metadata}``."""

    data: bytes
    metadata: Any = None


class ElixirError(Exception):
    """What Elixir's caller gets as ``{:error, reason}``.

    Args:
        kind: ``"exception"`` for a Python exception; ``"text"`` for an error that is no JSON
            object; the atom of a status, e.g. ``"timeout"``; ``"rpc_error"`` for another status,
            and for every status that ends a stream; ``"invalid_parameter"``,
            ``"worker_not_found"``, ``"worker_exit"``, ``"zero_copy"``, ``"connection_lost"``.
        message: What Elixir shows; the statuses of unary calls have lost theirs.
        payload: The JSON object of a Python exception.
        status: The status a call ended with.
    """

    def __init__(
        self,
        kind: str,
        message: str = "",
        *,
        payload: Mapping[str, Any] | None = None,
        status: grpc.StatusCode | None = None,
    ) -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message
        self.payload = dict(payload or {})
        self.status = status

    @property
    def struct(self) -> str:
        """The name of the struct of a Python exception, e.g. ``"Snakepit.Error.KeyError"``."""
        if self.kind != "exception":
            return ""
        known = self.python_type if self.python_type in KNOWN_EXCEPTIONS else "PythonException"
        return f"Snakepit.Error.{known}"

    @property
    def python_type(self) -> str:
        """Name of the exception's class, without its module."""
        return str(self.payload.get("type", ""))

    @property
    def context(self) -> Mapping[str, Any]:
        """Which tool of which session it was, and more."""
        context = self.payload.get("context")
        return context if isinstance(context, dict) else {}

    @property
    def stacktrace(self) -> Sequence[str]:
        """Lines of the traceback."""
        stacktrace = self.payload.get("stacktrace")
        return stacktrace if isinstance(stacktrace, list) else []

    @property
    def python_traceback(self) -> str:
        """The traceback in one piece."""
        return str(self.payload.get("traceback") or "".join(map(str, self.stacktrace)))

    def __str__(self) -> str:
        return ": ".join(part for part in (self.struct or self.kind, self.message) if part)


def unary_result(answer: pb.ExecuteToolResponse) -> Any:
    """The value of an answer.

    Raises:
        ElixirError: The tool failed, or the value is a handle that Elixir cannot use.
    """
    if not answer.success:
        raise tool_error(answer.error_message)
    has_result = answer.HasField("result")
    value = _value_or_text(answer.result.value) if has_result else None
    if answer.binary_result:
        metadata = value if answer.result.value else None
        return Binary(answer.binary_result, metadata or None)
    return _handle(value) if _is_handle(value) else value


def tool_error(text: str) -> ElixirError:
    """What the text of a failed answer means."""
    try:
        payload = decoded(text.encode())
    except NotJsonError:
        return ElixirError("text", text)
    if isinstance(payload, dict):
        kind, message = payload.get("type"), payload.get("message")
        if isinstance(kind, str) and isinstance(message, str):
            return ElixirError("exception", message, payload=payload)
    return ElixirError("text", text)


def status_error(status: grpc.StatusCode, details: str, *, of_stream: bool) -> ElixirError:
    """What the status means that a call ended with; only streams keep its text."""
    if of_stream:
        return ElixirError("rpc_error", details, status=status)
    if status in _ATOMS:
        return ElixirError(_ATOMS[status], status=status)
    return ElixirError("rpc_error", details, status=status)


def chunk_map(chunk: pb.ToolChunk) -> dict[str, Any]:
    """The map that the callback of ``Snakepit.execute_stream`` gets."""
    content = _chunk_content(chunk.data)
    content["is_final"] = chunk.is_final
    if chunk.metadata:
        content["_metadata"] = dict(chunk.metadata)
    return content


def _chunk_content(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    try:
        value = decoded(data)
    except NotJsonError:
        return {"raw_data_base64": base64.b64encode(data).decode()}
    return value if isinstance(value, dict) else {"data": value}


def _value_or_text(data: bytes) -> Any:
    try:
        return decoded(data)
    except NotJsonError:
        # In Elixir text and bytes are one type.
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data


def _is_handle(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and value.get(ZERO_COPY_KEY) is True


_ERLANG_TERM = 131
"""The first byte of every Erlang term that was written."""


def _handle(value: dict[str, Any]) -> ZeroCopy:
    ref = value.get("ref")
    if ref is not None and not _is_term(ref):
        raise ElixirError("zero_copy", "Async gRPC request failed")
    return ZeroCopy({key: each for key, each in value.items() if key != ZERO_COPY_KEY})


def _is_term(ref: object) -> bool:
    try:
        data = base64.b64decode(str(ref), validate=True)
    except ValueError:
        return False
    return data[:1] == bytes([_ERLANG_TERM])
