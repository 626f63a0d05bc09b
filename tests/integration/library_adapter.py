"""An adapter that calls any library, as SnakeBridge's does; a copy stands where those of users do.

Objects without a JSON form stay in the worker, in a global of this module, and tags go to Elixir in
their place. What Elixir sends tagged becomes an object again, a callback a function.
"""

from __future__ import annotations

import base64
import importlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge import telemetry
from snakepit_bridge.serialization import TypeSerializer

PROTOCOL = 1

KEPT: dict[str, Any] = {}
"""By session and id."""

_NUMBERS = itertools.count(1)

_PLAIN = (type(None), bool, int, float, str)


class ProtocolError(Exception):
    pass


class LibraryAdapter:
    """Neither a ``BaseAdapter`` nor with tools of its own: one method answers to every name."""

    def __init__(self) -> None:
        self.context: Any = None

    def set_session_context(self, context: Any) -> None:
        self.context = context

    def execute_tool(self, tool_name: str, arguments: dict[str, Any], context: Any) -> Any:
        if arguments.get("protocol") != PROTOCOL:
            raise ProtocolError(f"mine is {PROTOCOL}, yours is {arguments.get('protocol')}")
        caller = Caller(arguments.get("session_id") or context.session_id, context)
        match tool_name:
            case "library.call":
                return caller.tagged(caller.called(arguments))
            case "library.stream":
                return caller.each_tagged(caller.called(arguments))
            case "library.stream_whole":
                return caller.tagged(caller.called(arguments))
            case "library.release":
                return len([KEPT.pop(key) for key in list(KEPT) if key.startswith(caller.prefix)])
        raise AttributeError(f"{tool_name!r} is not supported")


class Caller:
    """One call for one of Elixir's sessions, which is not the worker's own."""

    def __init__(self, session_id: str, context: Any) -> None:
        self.session_id = session_id
        self.prefix = f"{session_id}:"
        self.context = context

    def called(self, arguments: Mapping[str, Any]) -> Any:
        """What the function of a library returns, or the method of an object that was kept."""
        module, function = arguments["python_module"], arguments["function"]
        instance = arguments.get("instance")
        owner = importlib.import_module(module) if instance is None else self.untagged(instance)
        found = getattr(owner, function)
        said = {"library": module.partition(".")[0], "function": function, "call_type": "function"}
        with telemetry.span("python.call", said):
            if "args" not in arguments:
                return found
            return found(*map(self.untagged, arguments["args"]))

    def each_tagged(self, items: Any) -> Iterator[Any]:
        return map(self.tagged, items)

    # --- tags -----------------------------------------------------------------------------------

    def tagged(self, value: Any) -> Any:
        match value:
            case bytes():
                return {"__type__": "bytes", "data": base64.b64encode(value).decode()}
            case tuple():
                return {"__type__": "tuple", "elements": [self.tagged(each) for each in value]}
            case set():
                return {"__type__": "set", "elements": sorted(map(self.tagged, value))}
            case list():
                return [self.tagged(each) for each in value]
            case dict():
                return {key: self.tagged(each) for key, each in value.items()}
        return value if isinstance(value, _PLAIN) else self._kept(value)

    def _kept(self, value: Any) -> dict[str, Any]:
        number = str(next(_NUMBERS))
        KEPT[self.prefix + number] = value
        kind = "stream_ref" if isinstance(value, Iterator) else "ref"
        return {"__type__": kind, "id": number, "type_name": type(value).__name__}

    def untagged(self, value: Any) -> Any:
        match value:
            case list():
                return [self.untagged(each) for each in value]
            case {"__type__": tag}:
                return self._from_tag(tag, value)
            case dict():
                return {key: self.untagged(each) for key, each in value.items()}
        return value

    def _from_tag(self, tag: str, value: Mapping[str, Any]) -> Any:
        match tag:
            case "bytes":
                return base64.b64decode(value["data"])
            case "tuple":
                return tuple(map(self.untagged, value["elements"]))
            case "callback":
                return self._callback(value["id"])
        key = self.prefix + value["id"]
        if key not in KEPT:
            raise KeyError(f"Unknown reference: {value['id']}")
        return KEPT[key]

    def _callback(self, callback_id: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            # As adapters import it.
            from snakepit_bridge_pb2 import (
                ExecuteElixirToolRequest,
            )

            given = {"callback_id": callback_id, "args": [self.tagged(each) for each in args]}
            request = ExecuteElixirToolRequest(
                session_id=self.session_id,
                tool_name="library.callback",
                parameters={name: _as_elixir_writes(each) for name, each in given.items()},
            )
            answer = self.context.stub.ExecuteElixirTool(request)
            if not answer.success:
                raise RuntimeError(f"Callback failed: {answer.error_message}")
            result = TypeSerializer.decode_any(answer.result, answer.binary_result or None)
            return self.untagged(result)

        return call


def _as_elixir_writes(value: object) -> WireValue:
    return WireValue(
        type_url="type.googleapis.com/google.protobuf.StringValue", value=json.dumps(value).encode()
    )
