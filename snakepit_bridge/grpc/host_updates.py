"""Sets a variable of the host: changes the one there is, or creates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import grpc

from snakepit_bridge.errors import (
    BridgeError,
    InvalidArgumentError,
    SessionError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, Operation, message
from snakepit_bridge.grpc.host_errors import bounded
from snakepit_bridge.grpc.host_values import wire_value
from snakepit_bridge.grpc.host_variables import (
    ERRORS,
    UNSERVED_HINT,
    find_variable,
    is_missing,
    version_of,
)
from snakepit_bridge.session.variable_types import type_of
from snakepit_bridge.session.variables import VariableUpdate
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.refusals import CannotReadError

if TYPE_CHECKING:
    from google.protobuf.any_pb2 import Any as WireValue

_WRITE_ERRORS: Mapping[grpc.StatusCode, type[BridgeError]] = {
    **ERRORS,
    # This is how Snakepit says that a value does not fit the type or the constraints.
    grpc.StatusCode.INTERNAL: InvalidArgumentError,
}
_CREATE_ERRORS: Mapping[grpc.StatusCode, type[BridgeError]] = {
    **_WRITE_ERRORS,
    grpc.StatusCode.ALREADY_EXISTS: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: SessionError,
}


def set_variable(session_id: str, update: VariableUpdate) -> Operation[int]:
    """Change a variable, or create it where there is none; returns its version.

    The contract knows changing and creating, each only possible where the other is not. Its hosts
    may ignore the expected version, so it is compared here as well; where such a host took somebody
    else's change in between, that is noticed afterwards.
    """
    if update.expected_version is not None and update.expected_version < 0:
        text = f"No variable is ever at version {update.expected_version}."
        raise InvalidArgumentError(text, {"hint": "0 stands for a variable that does not exist."})
    type_name = update.type or type_of(update.value)
    value = wire_value(update.value, f"The value of variable {update.name!r}", type_name)
    try:
        if _is_plain(update):
            return (yield from _change(session_id, update, value))
        before = yield from find_variable(session_id, update.name)
        _refuse_misfit(update, before)
        return (yield from _change(session_id, update, value))
    except VariableError as error:
        if not is_missing(error):
            raise
    if update.expected_version:
        raise _conflict(update, "does not exist")
    return (yield from _create(session_id, update, value))


def _is_plain(update: VariableUpdate) -> bool:
    """Whether the variable may be set without a look at it."""
    return update.type is None and update.constraints is None and update.expected_version is None


def _wire_version(update: VariableUpdate) -> int:
    # 0 is the first version and at the same time says that any will do; then our own look decides.
    return max(0, (update.expected_version or 0) - 1)


def _change(session_id: str, update: VariableUpdate, value: WireValue) -> Operation[int]:
    answer = yield HostCall(
        rpc="SetVariable",
        request=message(
            pb.SetVariableRequest,
            session_id=session_id,
            variable_identifier=update.name,
            value=value,
            expected_version=_wire_version(update),
        ),
        what=f"set variable {update.name!r}",
        errors=_WRITE_ERRORS,
        unserved_hint=UNSERVED_HINT,
    )
    if not answer.success:
        raise _refused(update, answer.error_message)
    version, expected = version_of(answer.new_version), update.expected_version
    if expected is not None and version > expected + 1:
        raise _conflict(update, f"was changed by somebody else meanwhile, now it is at {version}")
    return version


def _create(session_id: str, update: VariableUpdate, value: WireValue) -> Operation[int]:
    refusal = yield from _register(session_id, update, value)
    if refusal is None:
        created = yield from find_variable(session_id, update.name)
        return version_of(created.version)
    # Somebody else may have been quicker to create it; if not, the refusal stands.
    before = yield from _find_or_raise(refusal, session_id, update.name)
    _refuse_misfit(update, before)
    return (yield from _change(session_id, update, value))


def _register(
    session_id: str, update: VariableUpdate, value: WireValue
) -> Operation[InvalidArgumentError | None]:
    constraints = ""
    if update.constraints is not None:
        what = f"The constraints of variable {update.name!r}"
        constraints = wire_value(update.constraints, what).value.decode()
    call = HostCall(
        rpc="RegisterVariable",
        request=message(
            pb.RegisterVariableRequest,
            session_id=session_id,
            name=update.name,
            type=update.type or type_of(update.value),
            initial_value=value,
            constraints_json=constraints,
        ),
        what=f"create variable {update.name!r}",
        errors=_CREATE_ERRORS,
        unserved_hint=UNSERVED_HINT,
    )
    try:
        answer = yield call
    except InvalidArgumentError as error:
        return error
    return None if answer.success else _refused(update, answer.error_message)


def _find_or_raise(
    refusal: InvalidArgumentError, session_id: str, name: str
) -> Operation[pb.Variable]:
    try:
        return (yield from find_variable(session_id, name))
    except VariableError:
        raise refusal from refusal.__cause__


def _refuse_misfit(update: VariableUpdate, before: pb.Variable) -> None:
    """What the contract cannot change is as it is wanted already, or the update is refused."""
    version = version_of(before.version)
    if update.expected_version not in {None, version}:
        raise _conflict(update, f"is at version {version}")
    wrong = {}
    if update.type not in {None, before.type}:
        wrong["type"] = before.type
    if update.constraints is not None and update.constraints != _constraints(before):
        wrong["constraints"] = before.constraints_json
    if wrong:
        listed = " and ".join(f"{what} {value!r}" for what, value in wrong.items())
        raise InvalidArgumentError(
            f"Variable {update.name!r} exists with {listed}, which the host cannot change.",
            {"name": update.name, **wrong, "hint": "Delete it first, or leave this out."},
        )


def _constraints(variable: pb.Variable) -> Any:
    try:
        return read_json(variable.constraints_json.encode() or b"{}", special_floats=True)
    except CannotReadError:
        return variable.constraints_json


def _refused(update: VariableUpdate, said: str) -> InvalidArgumentError:
    text = bounded(said) or "it did not say why"
    return InvalidArgumentError(
        f"The host refused to set variable {update.name!r}: {text}.", {"name": update.name}
    )


def _conflict(update: VariableUpdate, how: str) -> VersionConflictError:
    return VersionConflictError(
        f"Variable {update.name!r} {how}; version {update.expected_version} was expected.",
        {
            "name": update.name,
            "expected_version": update.expected_version,
            "hint": "Read it again, and decide with its new value.",
        },
    )
