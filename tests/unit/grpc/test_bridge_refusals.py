from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from snakepit_bridge.errors import (
    BridgeError,
    InvalidArgumentError,
    VersionConflictError,
)
from snakepit_bridge.grpc.bridge_refusals import exists, on_the_wire, refuse
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.session.variables import VariableStore, VariableUpdate


def _raised(call: Callable[[], object]) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        call()
    return caught.value


def _store(*values: Any) -> VariableStore:
    store = VariableStore()
    for value in values:
        store.set("s", VariableUpdate(name="x", value=value))
    return store


def _conflict(store: VariableStore, version: int) -> BridgeError:
    update = VariableUpdate(name="x", value=0, expected_version=version)
    return _raised(lambda: store.set("s", update))


def test_what_is_missing_is_so_in_snakepits_words() -> None:
    session = _raised(lambda: SessionManager(EmbeddedHost()).find("gone"))
    variable = _raised(lambda: _store().find("s", "x"))

    assert on_the_wire(session).message == "Session not found: gone."
    assert on_the_wire(variable).message == "Variable not found: x."
    for error in (session, variable):
        told = on_the_wire(error)
        assert (type(told), told.code, told.hint) == (type(error), error.code, error.hint)
        assert told.error_id == error.error_id


def test_versions_in_messages_are_those_of_the_wire() -> None:
    at_two = _store("a", "b")

    assert on_the_wire(_conflict(at_two, 1)).message == (
        "Variable 'x' is at version 1; version 0 was expected."
    )
    assert on_the_wire(_conflict(_store(), 3)).message == (
        "Variable 'x' does not exist; version 2 was expected."
    )


def test_a_version_that_is_not_kept_is_told_with_those_that_are() -> None:
    several, one = _store("a", "b"), _store("a")

    assert on_the_wire(_raised(lambda: several.roll_back("s", "x", 9))).message == (
        "Variable 'x' has no version 8; of it are kept 0 to 1."
    )
    assert on_the_wire(_raised(lambda: one.roll_back("s", "x", 9))).message == (
        "Variable 'x' has no version 8; of it are kept 0 alone."
    )


def test_other_errors_are_told_as_they_are() -> None:
    error = InvalidArgumentError("Wrong.")

    assert on_the_wire(error) is error


class _Ended(NamedTuple):
    code: grpc.StatusCode
    text: str
    trailers: tuple[tuple[str, bytes], ...]


class _AbortedError(Exception):
    """What gRPC raises once a call is ended."""


class _Call:
    """Takes down how it is ended."""

    def __init__(self) -> None:
        self.ended: _Ended | None = None

    async def abort(self, *ended: Any) -> None:
        self.ended = _Ended(*ended)
        raise _AbortedError

    @property
    def details(self) -> Status:
        assert self.ended is not None
        return Status.FromString(dict(self.ended.trailers)["grpc-status-details-bin"])


async def _refused(error: BridgeError) -> _Call:
    call: Any = _Call()
    with pytest.raises(_AbortedError):
        await refuse(call, error)
    assert isinstance(call, _Call)
    return call


async def test_an_error_ends_the_call_with_its_status() -> None:
    call = await _refused(_conflict(_store("a", "b"), 1))

    assert call.ended is not None
    assert call.ended.code is grpc.StatusCode.ABORTED
    assert call.ended.text.startswith("Variable 'x' is at version 1; version 0 was expected.")
    assert call.details.code == grpc.StatusCode.ABORTED.value[0]


async def test_a_variable_that_exists_already_has_a_status_of_its_own() -> None:
    conflict = _conflict(_store("a"), 0)
    assert isinstance(conflict, VersionConflictError)

    call = await _refused(exists(conflict))

    assert call.ended is not None
    assert call.ended.code is grpc.StatusCode.ALREADY_EXISTS
    assert call.ended.text == (
        "Variable 'x' exists already, at version 0. Set it, or delete it first."
    )
    assert call.details.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    info = ErrorInfo()
    assert call.details.details[0].Unpack(info)
    assert info.reason == "VERSION_CONFLICT"
