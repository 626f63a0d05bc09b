"""A stub of a host that keeps variables as Snakepit 0.4 did."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import grpc

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from tests.unit.grpc.fake_rpcs import FakeRpc


def status(code: grpc.StatusCode, text: str) -> FakeRpc:
    """What a stub raises when the host ends a call so."""
    call = FakeRpc()
    call.fail(code, text)
    return call


class VariableHost:
    """Answers the calls about variables; the methods have the names of the RPCs."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.variables: dict[str, pb.Variable] = {}

    @property
    def rpcs(self) -> list[str]:
        return [rpc for rpc, _ in self.asked]

    def RegisterVariable(self, request: pb.RegisterVariableRequest) -> Any:  # noqa: N802
        self.asked.append(("RegisterVariable", request))
        if request.name in self.variables:
            return pb.RegisterVariableResponse(error_message="already_exists")
        variable = pb.Variable(
            id=f"var_{request.name}_1",
            name=request.name,
            type=request.type,
            value=request.initial_value,
            constraints_json=request.constraints_json,
            metadata=request.metadata,
        )
        self.variables[request.name] = variable
        return pb.RegisterVariableResponse(success=True, variable_id=variable.id)

    def GetVariable(self, request: pb.GetVariableRequest) -> Any:  # noqa: N802
        self.asked.append(("GetVariable", request))
        return pb.GetVariableResponse(variable=self._find(request.variable_identifier))

    def SetVariable(self, request: pb.SetVariableRequest) -> Any:  # noqa: N802
        self.asked.append(("SetVariable", request))
        variable = self._find(request.variable_identifier)
        if not self._takes(variable, request.value.value):
            return pb.SetVariableResponse(error_message="above maximum")
        self._change(variable, request.value)
        return pb.SetVariableResponse(success=True, new_version=variable.version)

    def DeleteVariable(self, request: pb.DeleteVariableRequest) -> Any:  # noqa: N802
        self.asked.append(("DeleteVariable", request))
        variable = self._find(request.variable_identifier)
        if variable.metadata.get("kept"):
            return pb.DeleteVariableResponse(error_message="it is kept")
        del self.variables[variable.name]
        return pb.DeleteVariableResponse(success=True)

    def ListVariables(self, request: pb.ListVariablesRequest) -> Any:  # noqa: N802
        self.asked.append(("ListVariables", request))
        pattern = request.pattern or "*"
        found = [each for each in self.variables.values() if fnmatchcase(each.name, pattern)]
        return pb.ListVariablesResponse(variables=found)

    def GetVariables(self, request: pb.BatchGetVariablesRequest) -> Any:  # noqa: N802
        self.asked.append(("GetVariables", request))
        answer = pb.BatchGetVariablesResponse()
        for identifier in request.variable_identifiers:
            found = [each for each in self.variables.values() if identifier in {each.id, each.name}]
            if found:
                answer.variables[identifier].CopyFrom(found[0])
            else:
                answer.missing_variables.append(identifier)
        return answer

    def SetVariables(self, request: pb.BatchSetVariablesRequest) -> Any:  # noqa: N802
        self.asked.append(("SetVariables", request))
        known = self.variables
        errors = {name: "not found" for name in request.updates if name not in known}
        for name in known.keys() & request.updates.keys():
            if not self._takes(known[name], request.updates[name].value):
                errors[name] = "above maximum"
        if errors and request.atomic:
            return pb.BatchSetVariablesResponse(errors=errors)
        for name in request.updates.keys() - errors.keys():
            self._change(known[name], request.updates[name])
        return pb.BatchSetVariablesResponse(success=not errors, errors=errors)

    def _find(self, identifier: str) -> pb.Variable:
        for variable in self.variables.values():
            if identifier in {variable.id, variable.name}:
                return variable
        raise status(grpc.StatusCode.NOT_FOUND, f"Variable not found: {identifier}")

    @staticmethod
    def _takes(variable: pb.Variable, text: bytes) -> bool:
        most = json.loads(variable.constraints_json or "{}").get("max")
        return most is None or json.loads(text) <= most

    @staticmethod
    def _change(variable: pb.Variable, value: Any) -> None:
        variable.value.CopyFrom(value)
        variable.version += 1
