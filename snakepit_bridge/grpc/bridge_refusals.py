"""Errors about variables as callers of ``BridgeService`` see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import grpc
from google.rpc.status_pb2 import Status

from snakepit_bridge.errors import BridgeError, ErrorCode, VersionConflictError
from snakepit_bridge.grpc.status import DETAILS_KEY, abort, status_details, status_text
from snakepit_bridge.session.variable_changes import OLDEST
from snakepit_bridge.session.variable_data import shown
from snakepit_bridge.transport.failures import failure_of

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

_Details: TypeAlias = Mapping[str, Any]


def on_the_wire(error: BridgeError) -> BridgeError:
    """The same error as callers over the wire have to see it.

    Missing sessions and variables are called so in Snakepit's own words. Versions begin with 1 in
    the store, on the wire with 0.
    """
    if OLDEST in error.details:
        return _told(error, _version_not_kept(error.details))
    say = _SAY.get(error.code)
    return error if say is None else _told(error, say(error.details))


class VariableExistsError(VersionConflictError):
    """There is a variable where one is to be created."""


def exists(conflict: VersionConflictError) -> VariableExistsError:
    """What the conflict of a new variable with the one there is means to its caller."""
    name, version = conflict.details["name"], conflict.details["version"] - 1
    return VariableExistsError(
        f"Variable {shown(name)} exists already, at version {version}.",
        {"name": name, "hint": "Set it, or delete it first."},
    )


async def refuse(context: ServicerContext[Any, Any], error: BridgeError) -> NoReturn:
    """End a call with the status of an error."""
    if not isinstance(error, VariableExistsError):
        await abort(context, failure_of(on_the_wire(error)))
    # The code of this error is that of a conflict, but who registers knows it by this status.
    failure, code = failure_of(error), grpc.StatusCode.ALREADY_EXISTS
    text = status_text(failure)
    status = Status.FromString(status_details(failure, text))
    status.code = code.value[0]
    await context.abort(code, text, ((DETAILS_KEY, status.SerializeToString()),))


def _told(error: BridgeError, message: str) -> BridgeError:
    told = type(error)(message, error.details, code=error.code)
    told.keep_id(error.error_id)
    return told


def _session_not_found(details: _Details) -> str:
    return f"Session not found: {details['session_id']}."


def _variable_not_found(details: _Details) -> str:
    return f"Variable not found: {details['name']}."


def _conflict(details: _Details) -> str:
    name = shown(details["name"])
    expected = details["expected_version"] - 1
    if not details["version"]:
        return f"Variable {name} does not exist; version {expected} was expected."
    at = details["version"] - 1
    return f"Variable {name} is at version {at}; version {expected} was expected."


def _version_not_kept(details: _Details) -> str:
    name, first, last = shown(details["name"]), details[OLDEST] - 1, details["version"] - 1
    kept = f"{first} to {last}" if first < last else f"{last} alone"
    return f"Variable {name} has no version {details['wanted'] - 1}; of it are kept {kept}."


_SAY: Mapping[ErrorCode, Callable[[_Details], str]] = {
    ErrorCode.SESSION_NOT_FOUND: _session_not_found,
    ErrorCode.VARIABLE_NOT_FOUND: _variable_not_found,
    ErrorCode.VERSION_CONFLICT: _conflict,
}
