"""A host as Snakepit serves it, over real gRPC, that does what a test tells it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb

LABEL = "type.googleapis.com/google.protobuf.StringValue"

Call = grpc.ServicerContext
Serve = Callable[[Any, Call], Any]
Tool = Callable[[dict[str, Any], Call], Any]


class Received(NamedTuple):
    """What has arrived."""

    rpc: str
    request: Any
    metadata: Mapping[str, str | bytes]
    remaining_s: float | None


class Raw(NamedTuple):
    """A tool's result as it is to stand on the wire."""

    result: bytes = b""
    binary: bytes = b""


class RefusedError(Exception):
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class HostDouble:
    """``BridgeService`` with sessions, tools and variables.

    Tools are functions of their arguments, which the double reads as Snakepit does: JSON, whatever
    the label. What they raise comes back in the answer. Variables follow Snakepit 0.4: they are
    created and changed by different calls, their versions begin with 0, the expected version is
    ignored.

    Args:
        keeps_variables: Otherwise those calls are unknown to the host, as since Snakepit 0.5.
        knows_sessions: Whether calls need a session that has begun, as they do in Snakepit.
        credentials: For TLS and the like.
        max_message_bytes: Of one request, and of one answer.
    """

    def __init__(
        self,
        *,
        keeps_variables: bool = True,
        knows_sessions: bool = False,
        credentials: grpc.ServerCredentials | None = None,
        max_message_bytes: int = 100 * 1024 * 1024,
    ) -> None:
        self.sessions: dict[str, Mapping[str, str]] = {}
        """Metadata by session."""
        self.registered: dict[str, pb.RegisterToolsRequest] = {}
        """The tools that workers have registered, by session."""
        self.tools: dict[str, Tool] = {}
        self.offered: list[pb.ToolSpec] = []
        self.variables: dict[tuple[str, str], pb.Variable] = {}
        self.received: list[Received] = []
        self.failures: defaultdict[str, deque[grpc.StatusCode]] = defaultdict(deque)
        """By RPC: statuses that end the next calls."""
        self.before: dict[str, Callable[[], None]] = {}
        """By RPC: something to happen first."""
        self._keeps_variables = keeps_variables
        self._knows_sessions = knows_sessions
        self._credentials = credentials
        self._max_message_bytes = max_message_bytes
        self._port = 0
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def offer(self, name: str, function: Callable[..., Any]) -> None:
        """Offer a function of keywords as a tool, described by its docstring."""
        self.tools[name] = lambda args, _: function(**args)
        self.offered.append(pb.ToolSpec(name=name, description=function.__doc__ or ""))

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each RPC has arrived."""
        return Counter(each.rpc for each in self.received)

    def start(self) -> None:
        """Listen, again on the same port if there was one."""
        server = grpc.server(
            ThreadPoolExecutor(64),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_send_message_length", self._max_message_bytes),
                ("grpc.max_receive_message_length", self._max_message_bytes),
            ],
        )
        handlers = {rpc: self._handler(rpc) for rpc in self._served()}
        service = grpc.method_handlers_generic_handler("snakepit.bridge.BridgeService", handlers)
        server.add_generic_rpc_handlers((service,))
        target = f"127.0.0.1:{self._port}"
        if self._credentials is None:
            self._port = server.add_insecure_port(target)
        else:
            self._port = server.add_secure_port(target, self._credentials)
        server.start()
        self._server = server

    def stop(self) -> None:
        """Be gone; calls under way are cut off."""
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _served(self) -> Mapping[str, Serve]:
        tools: dict[str, Serve] = {
            "Ping": self._ping,
            "InitializeSession": self._begin,
            "CleanupSession": self._end,
            "GetSession": self._describe,
            "Heartbeat": self._beat,
            "RegisterTools": self._register_tools,
            "GetExposedElixirTools": self._list_tools,
            "ExecuteElixirTool": self._execute_tool,
        }
        variables: dict[str, Serve] = {
            "RegisterVariable": self._register,
            "GetVariable": self._get,
            "SetVariable": self._set,
            "GetVariables": self._get_several,
            "SetVariables": self._set_several,
            "ListVariables": self._list,
            "DeleteVariable": self._delete,
        }
        return {**tools, **variables} if self._keeps_variables else tools

    def _handler(self, rpc: str) -> grpc.RpcMethodHandler[Any, Any]:
        serve = self._served()[rpc]
        service = pb.DESCRIPTOR.services_by_name["BridgeService"]
        request_type = getattr(pb, service.methods_by_name[rpc].input_type.name)

        def answer(request: Any, context: Call) -> Any:
            metadata = dict(context.invocation_metadata())
            self.received.append(Received(rpc, request, metadata, context.time_remaining()))
            try:
                if rpc in self.before:
                    self.before[rpc]()
                if self.failures[rpc]:
                    raise RefusedError(self.failures[rpc].popleft(), f"{rpc} was told to fail.")
                return serve(request, context)
            except RefusedError as error:
                context.abort(error.code, error.text)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=request_type.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    def _ping(self, request: pb.PingRequest, context: Call) -> pb.PingResponse:
        return pb.PingResponse(message=request.message)

    # --- sessions -------------------------------------------------------------------------------

    def _begin(
        self, request: pb.InitializeSessionRequest, context: Call
    ) -> pb.InitializeSessionResponse:
        self.sessions.setdefault(request.session_id, dict(request.metadata))
        return pb.InitializeSessionResponse(success=True)

    def _end(self, request: pb.CleanupSessionRequest, context: Call) -> pb.CleanupSessionResponse:
        self.sessions.pop(request.session_id, None)
        return pb.CleanupSessionResponse(success=True, resources_cleaned=1)

    def _describe(self, request: pb.GetSessionRequest, context: Call) -> pb.GetSessionResponse:
        self._refuse_unknown(request)
        metadata = self.sessions[request.session_id]
        return pb.GetSessionResponse(session_id=request.session_id, metadata=metadata)

    def _beat(self, request: pb.HeartbeatRequest, context: Call) -> pb.HeartbeatResponse:
        return pb.HeartbeatResponse(session_valid=request.session_id in self.sessions)

    def _is_unknown(self, request: Any) -> bool:
        return self._knows_sessions and request.session_id not in self.sessions

    def _refuse_unknown(self, request: Any) -> None:
        if self._is_unknown(request):
            text = f"Session not found: {request.session_id}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, text)

    # --- tools ----------------------------------------------------------------------------------

    def _register_tools(
        self, request: pb.RegisterToolsRequest, context: Call
    ) -> pb.RegisterToolsResponse:
        if self._is_unknown(request):
            return pb.RegisterToolsResponse(error_message="not_found")
        self.registered[request.session_id] = request
        ids = {tool.name: f"{request.session_id}:{tool.name}" for tool in request.tools}
        return pb.RegisterToolsResponse(success=True, tool_ids=ids)

    def _list_tools(self, request: Any, context: Call) -> pb.GetExposedElixirToolsResponse:
        return pb.GetExposedElixirToolsResponse(tools=self.offered)

    def _execute_tool(
        self, request: pb.ExecuteElixirToolRequest, context: Call
    ) -> pb.ExecuteElixirToolResponse:
        if self._is_unknown(request):
            return pb.ExecuteElixirToolResponse(error_message="not_found")
        tool = self.tools.get(request.tool_name)
        if tool is None:
            text = f"Tool {request.tool_name} not found for session {request.session_id}"
            return pb.ExecuteElixirToolResponse(error_message=text)
        try:
            args = {name: json.loads(wire.value) for name, wire in request.parameters.items()}
            result = tool(args, context)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            return pb.ExecuteElixirToolResponse(error_message=f"Tool execution failed: {error}")
        raw = result if isinstance(result, Raw) else Raw(json.dumps(result).encode())
        return pb.ExecuteElixirToolResponse(
            success=True,
            result=WireValue(type_url=LABEL, value=raw.result),
            binary_result=raw.binary,
        )

    # --- variables ------------------------------------------------------------------------------

    def _register(
        self, request: pb.RegisterVariableRequest, context: Call
    ) -> pb.RegisterVariableResponse:
        self._refuse_unknown(request)
        key = (request.session_id, request.name)
        if key in self.variables:
            raise RefusedError(grpc.StatusCode.INTERNAL, "already_exists")
        variable = pb.Variable(
            id=f"var_{request.name}_1",
            name=request.name,
            type=request.type,
            constraints_json=request.constraints_json,
        )
        _store(variable, request.initial_value)
        self.variables[key] = variable
        return pb.RegisterVariableResponse(success=True, variable_id=variable.id)

    def _get(self, request: pb.GetVariableRequest, context: Call) -> pb.GetVariableResponse:
        return pb.GetVariableResponse(variable=self._find(request))

    def _set(self, request: pb.SetVariableRequest, context: Call) -> pb.SetVariableResponse:
        variable = self._find(request)
        _store(variable, request.value)
        variable.version += 1
        return pb.SetVariableResponse(success=True, new_version=variable.version)

    def _get_several(
        self, request: pb.BatchGetVariablesRequest, context: Call
    ) -> pb.BatchGetVariablesResponse:
        found = {
            name: self.variables[request.session_id, name]
            for name in request.variable_identifiers
            if (request.session_id, name) in self.variables
        }
        missing = [name for name in request.variable_identifiers if name not in found]
        return pb.BatchGetVariablesResponse(variables=found, missing_variables=missing)

    def _set_several(
        self, request: pb.BatchSetVariablesRequest, context: Call
    ) -> pb.BatchSetVariablesResponse:
        errors = {}
        for name, value in request.updates.items():
            try:
                _store(self.variables[request.session_id, name], value)
            except KeyError:
                errors[name] = "not_found"
            except RefusedError as error:
                errors[name] = error.text
        return pb.BatchSetVariablesResponse(success=not errors, errors=errors)

    def _list(self, request: pb.ListVariablesRequest, context: Call) -> pb.ListVariablesResponse:
        of_session = [
            variable
            for (session_id, _), variable in self.variables.items()
            if session_id == request.session_id
        ]
        return pb.ListVariablesResponse(variables=of_session)

    def _delete(
        self, request: pb.DeleteVariableRequest, context: Call
    ) -> pb.DeleteVariableResponse:
        del self.variables[request.session_id, self._find(request).name]
        return pb.DeleteVariableResponse(success=True)

    def _find(self, request: Any) -> pb.Variable:
        self._refuse_unknown(request)
        name = request.variable_identifier
        variable = self.variables.get((request.session_id, name))
        if variable is None:
            raise RefusedError(grpc.StatusCode.NOT_FOUND, f"Variable not found: {name}")
        return variable


def _store(variable: pb.Variable, value: WireValue) -> None:
    plain = json.loads(value.value)
    if variable.type == "integer" and type(plain) is not int:
        raise RefusedError(grpc.StatusCode.INTERNAL, f"Invalid integer: {plain!r}")
    if variable.type == "float" and plain not in {"NaN", "Infinity", "-Infinity"}:
        if type(plain) not in {int, float}:
            raise RefusedError(grpc.StatusCode.INTERNAL, f"Invalid float: {plain!r}")
        plain = float(plain)
    constraints = json.loads(variable.constraints_json or "{}")
    if "max" in constraints and plain > constraints["max"]:
        raise RefusedError(grpc.StatusCode.INTERNAL, f"above maximum {constraints['max']}")
    variable.value.CopyFrom(WireValue(type_url=LABEL, value=json.dumps(plain).encode()))
    variable.last_updated_at.GetCurrentTime()


@contextmanager
def host_double(
    *,
    keeps_variables: bool = True,
    knows_sessions: bool = False,
    credentials: grpc.ServerCredentials | None = None,
    max_message_bytes: int = 100 * 1024 * 1024,
) -> Iterator[HostDouble]:
    """A host that listens as long as the block, but for what the test does to it."""
    host = HostDouble(
        keeps_variables=keeps_variables,
        knows_sessions=knows_sessions,
        credentials=credentials,
        max_message_bytes=max_message_bytes,
    )
    host.start()
    try:
        yield host
    finally:
        host.stop()
