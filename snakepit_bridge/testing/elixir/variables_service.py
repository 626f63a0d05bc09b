"""The variables of sessions, as Elixir served them in Snakepit 0.4."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.clock import Clock
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.faults import RpcFailure
from snakepit_bridge.testing.elixir.json_rules import NotJsonError, decoded, encoded
from snakepit_bridge.testing.elixir.listener import Headers, Serve
from snakepit_bridge.testing.elixir.sessions import Sessions
from snakepit_bridge.testing.elixir.variable_rules import BadValueError, fitting

_FIRST_ID = 1234


class VariablesService:
    """Answers the calls for variables; watching them was never served.

    Args:
        sessions: Whose variables there may be.
        clock: Tells when one was changed.
    """

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._numbers = itertools.count(_FIRST_ID)
        self._by_session: dict[str, dict[str, pb.Variable]] = {}

    def served(self) -> Mapping[str, Serve]:
        """The RPCs by name."""
        return {
            "RegisterVariable": self._register,
            "GetVariable": self._get,
            "SetVariable": self._set,
            "GetVariables": self._get_many,
            "SetVariables": self._set_many,
            "ListVariables": self._list,
            "DeleteVariable": self._delete,
        }

    async def _register(
        self, request: pb.RegisterVariableRequest, _: Headers
    ) -> pb.RegisterVariableResponse:
        variables = self._of_session(request.session_id)
        if request.name in variables:
            raise RpcFailure(grpc.StatusCode.INTERNAL, "already_exists")
        variable = pb.Variable(
            id=f"var_{request.name}_{next(self._numbers)}",
            name=request.name,
            type=request.type,
            constraints_json=request.constraints_json,
            metadata={"source": "elixir", "created_by": "session_store", **request.metadata},
        )
        self._store(variable, _checked(variable, request.initial_value))
        variables[request.name] = variable
        return pb.RegisterVariableResponse(success=True, variable_id=variable.id)

    async def _get(self, request: pb.GetVariableRequest, _: Headers) -> pb.GetVariableResponse:
        variables = self._of_session(request.session_id)
        return pb.GetVariableResponse(variable=_found(variables, request.variable_identifier))

    async def _set(self, request: pb.SetVariableRequest, _: Headers) -> pb.SetVariableResponse:
        # The expected version was accepted and ignored.
        variables = self._of_session(request.session_id)
        variable = _found(variables, request.variable_identifier)
        self._change(variable, _checked(variable, request.value), request.metadata)
        return pb.SetVariableResponse(success=True, new_version=variable.version)

    async def _get_many(
        self, request: pb.BatchGetVariablesRequest, _: Headers
    ) -> pb.BatchGetVariablesResponse:
        variables = self._of_session(request.session_id)
        answer = pb.BatchGetVariablesResponse()
        for identifier in request.variable_identifiers:
            variable = _find(variables, identifier)
            if variable is None:
                answer.missing_variables.append(identifier)
            else:
                answer.variables[identifier].CopyFrom(variable)
        return answer

    async def _set_many(
        self, request: pb.BatchSetVariablesRequest, _: Headers
    ) -> pb.BatchSetVariablesResponse:
        variables = self._of_session(request.session_id)
        checked: dict[str, tuple[pb.Variable, Any]] = {}
        errors: dict[str, str] = {}
        for identifier, wire in request.updates.items():
            try:
                variable = _found(variables, identifier)
                checked[identifier] = variable, _checked(variable, wire)
            except RpcFailure as failure:
                errors[identifier] = failure.text
        if errors and request.atomic:
            return pb.BatchSetVariablesResponse(errors=errors)
        for variable, value in checked.values():
            self._change(variable, value, request.metadata)
        new_versions = {name: variable.version for name, (variable, _) in checked.items()}
        return pb.BatchSetVariablesResponse(
            success=not errors, errors=errors, new_versions=new_versions
        )

    async def _list(self, request: pb.ListVariablesRequest, _: Headers) -> pb.ListVariablesResponse:
        # Unanchored, with no other sign of the pattern escaped.
        pattern = re.compile(request.pattern.replace("*", ".*"))
        variables = self._of_session(request.session_id).values()
        return pb.ListVariablesResponse(
            variables=[each for each in variables if pattern.search(each.name)]
        )

    async def _delete(
        self, request: pb.DeleteVariableRequest, _: Headers
    ) -> pb.DeleteVariableResponse:
        variables = self._of_session(request.session_id)
        del variables[_found(variables, request.variable_identifier).name]
        return pb.DeleteVariableResponse(success=True)

    def _of_session(self, session_id: str) -> dict[str, pb.Variable]:
        if session_id not in self._sessions:
            raise RpcFailure(grpc.StatusCode.NOT_FOUND, f"Session not found: {session_id}")
        return self._by_session.setdefault(session_id, {})

    def _change(self, variable: pb.Variable, value: Any, metadata: Mapping[str, str]) -> None:
        variable.metadata.update({"source": "elixir", **metadata})
        variable.metadata["updated_at"] = self._clock.now().isoformat()
        variable.version += 1
        self._store(variable, value)

    def _store(self, variable: pb.Variable, value: Any) -> None:
        label = f"type.googleapis.com/snakepit.{variable.type}"
        variable.value.CopyFrom(WireValue(type_url=label, value=encoded(value)))
        variable.last_updated_at.FromDatetime(self._clock.now())


def _find(variables: Mapping[str, pb.Variable], identifier: str) -> pb.Variable | None:
    by_id = {variable.id: variable for variable in variables.values()}
    return variables.get(identifier) or by_id.get(identifier)


def _found(variables: Mapping[str, pb.Variable], identifier: str) -> pb.Variable:
    variable = _find(variables, identifier)
    if variable is None:
        raise RpcFailure(grpc.StatusCode.NOT_FOUND, f"Variable not found: {identifier}")
    return variable


def _checked(variable: pb.Variable, wire: WireValue) -> Any:
    try:
        constraints = decoded(variable.constraints_json.encode() or b"{}")
        return fitting(variable.type, decoded(wire.value), constraints)
    except (BadValueError, NotJsonError) as error:
        raise RpcFailure(grpc.StatusCode.INTERNAL, str(error)) from error
