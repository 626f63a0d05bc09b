"""The host's variables: read, list, delete them; ``host_updates`` sets them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import grpc

from snakepit_bridge.errors import (
    BridgeError,
    ErrorCode,
    HostToolError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, Operation, message, repeated
from snakepit_bridge.grpc.host_values import value_from
from snakepit_bridge.session.host import VariableInfo
from snakepit_bridge.values.special_floats import SPECIAL_FLOATS

UNSERVED_HINT = (
    "Snakepit keeps no variables since release 0.5: keep the value in Elixir, or on a server that "
    "was started without --host-address."
)

ERRORS: Mapping[grpc.StatusCode, type[BridgeError]] = {
    grpc.StatusCode.NOT_FOUND: VariableError,
    grpc.StatusCode.ABORTED: VersionConflictError,
}
"""What statuses mean when they are about a variable."""

_SAFE_PATTERN = re.compile(r"[A-Za-z0-9_*]*")
"""Patterns that mean the same, or more, where the host takes them for a regular expression."""


def get_variable(session_id: str, name: str) -> Operation[Any]:
    """The value of a variable."""
    variable = yield from find_variable(session_id, name)
    return value_of(variable)


def list_variables(session_id: str, pattern: str | None) -> Operation[list[VariableInfo]]:
    """The variables whose names match a shell pattern, by name."""
    # Hosts understand patterns in their own ways, so they may answer too much, never too little.
    asked = pattern if pattern and _SAFE_PATTERN.fullmatch(pattern) else ""
    answer = yield from repeated(
        HostCall(
            rpc="ListVariables",
            request=message(pb.ListVariablesRequest, session_id=session_id, pattern=asked),
            what="list its variables",
            unserved_hint=UNSERVED_HINT,
        )
    )
    found = [each for each in answer.variables if not pattern or fnmatchcase(each.name, pattern)]
    return sorted(map(_info, found), key=lambda info: info.name)


def delete_variable(session_id: str, name: str) -> Operation[bool]:
    """Forget a variable; false when there was none."""
    try:
        answer = yield HostCall(
            rpc="DeleteVariable",
            request=message(
                pb.DeleteVariableRequest, session_id=session_id, variable_identifier=name
            ),
            what=f"delete variable {name!r}",
            errors=ERRORS,
            unserved_hint=UNSERVED_HINT,
        )
    except VariableError as error:
        if is_missing(error):
            return False
        raise
    return bool(answer.success)


def find_variable(session_id: str, name: str) -> Operation[pb.Variable]:
    """A variable with all that the host knows of it."""
    answer = yield from repeated(
        HostCall(
            rpc="GetVariable",
            request=message(pb.GetVariableRequest, session_id=session_id, variable_identifier=name),
            what=f"get variable {name!r}",
            errors=ERRORS,
            unserved_hint=UNSERVED_HINT,
        )
    )
    variable: pb.Variable = answer.variable
    return variable


def version_of(wire_version: int) -> int:
    """Versions begin with 1; on the wire they begin with 0."""
    return wire_version + 1


def value_of(variable: pb.Variable) -> Any:
    """The value of a variable that the host has answered with.

    Raises:
        HostToolError: It came in a form that only Erlang reads, or as something else than JSON.
    """
    what = f"The value of variable {variable.name!r}"
    if variable.binary_value:
        # Snakepit's binary forms are pickle and Erlang terms. Nobody should read either.
        raise HostToolError(
            f"{what} came as {len(variable.binary_value)} bytes under {variable.value.type_url!r}.",
            {"name": variable.name, "hint": "Have the host keep it as JSON, e.g. in parts."},
        )
    value = value_from(variable.value, what)
    if variable.type == "float" and isinstance(value, str):
        return SPECIAL_FLOATS.get(value, value)
    return value


def _info(variable: pb.Variable) -> VariableInfo:
    return VariableInfo(
        name=variable.name,
        type=variable.type,
        version=version_of(variable.version),
        updated_at=_updated_at(variable),
    )


def _updated_at(variable: pb.Variable) -> datetime | None:
    if not variable.HasField("last_updated_at"):
        return None
    try:
        return variable.last_updated_at.ToDatetime(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None  # outside of the years that Python has


def is_missing(error: VariableError) -> bool:
    """Whether there is no such variable, rather than one at another version."""
    return error.code is ErrorCode.VARIABLE_NOT_FOUND
