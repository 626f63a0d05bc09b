"""The variable RPCs of ``BridgeService``, each from its request to its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import (
    BridgeError,
    InvalidArgumentError,
    VersionConflictError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_refusals import exists, on_the_wire
from snakepit_bridge.grpc.bridge_values import (
    constraints_from,
    value_from,
    wire_metadata,
    wire_text,
    wire_variable,
    wire_version,
)
from snakepit_bridge.session.variable_data import shown
from snakepit_bridge.session.variable_shelf import TAKES_TIME
from snakepit_bridge.session.variables import VariableUpdate

if TYPE_CHECKING:
    from snakepit_bridge.session.variable_records import Record
    from snakepit_bridge.session.variables import VariableStore

SOURCE = "elixir"
"""Who sets a variable over the wire, unless the metadata say otherwise: Snakepit's own word."""

_Given: TypeAlias = tuple[WireValue, bytes]

_REGISTERED = {"created_by": "session_store"}
"""What Snakepit notes of a new variable."""


# Each function runs on the loop, or on a thread where that may take its time. They know nothing of
# calls and statuses; what they raise does.


def register(
    store: VariableStore, request: pb.RegisterVariableRequest
) -> pb.RegisterVariableResponse:
    """Create a variable; without a type it has that of its value, whatever that is.

    Raises:
        VariableExistsError: There is one of this name.
    """
    value = value_from(
        request.initial_value, request.initial_binary_value, request.type, _value_of(request.name)
    )
    constraints = constraints_from(
        request.constraints_json, f"The constraints of variable {shown(request.name)}"
    )
    update = VariableUpdate(
        name=request.name,
        value=value,
        type=request.type or None,
        constraints=constraints or None,
        expected_version=0,
        metadata={**_REGISTERED, **request.metadata},
        source=request.metadata.get("source") or SOURCE,
    )
    try:
        record = store.update(request.session_id, update)
    except VersionConflictError as error:
        raise exists(error) from error
    return pb.RegisterVariableResponse(success=True, variable_id=record.id)


def get(store: VariableStore, request: pb.GetVariableRequest) -> pb.GetVariableResponse:
    """A variable with all that is known of it; nothing is ever cached."""
    record, claim = store.look(request.session_id, request.variable_identifier)
    return pb.GetVariableResponse(variable=wire_variable(record, claim))


def set_one(store: VariableStore, request: pb.SetVariableRequest) -> pb.SetVariableResponse:
    """Change a variable that exists, if it still is at the expected version."""
    update = _update_from(
        store,
        request,
        request.variable_identifier,
        (request.value, request.binary_value),
        expected_version=_expected_version(request.expected_version),
    )
    record = store.update(request.session_id, update)
    return pb.SetVariableResponse(success=True, new_version=wire_version(record.version))


def get_all(
    store: VariableStore, request: pb.BatchGetVariablesRequest
) -> pb.BatchGetVariablesResponse:
    """Several variables by the names or ids they were asked for with, as of one moment."""
    found = store.look_at(request.session_id, request.variable_identifiers)
    return pb.BatchGetVariablesResponse(
        variables={identifier: wire_variable(*each) for identifier, each in found.items()},
        missing_variables=[
            identifier
            for identifier in dict.fromkeys(request.variable_identifiers)
            if identifier not in found
        ],
    )


def set_all(
    store: VariableStore, request: pb.BatchSetVariablesRequest
) -> pb.BatchSetVariablesResponse:
    """Change several variables: all of them or none, or else as many as can be changed."""
    updates: list[VariableUpdate] = []
    errors: dict[str, BridgeError] = {}
    for identifier, value in _values_in(request):
        try:
            updates.append(_update_from(store, request, identifier, value))
        except BridgeError as error:
            errors[identifier] = error
    changed: dict[str, Record] = {}
    together = [updates] if request.atomic else [[each] for each in updates]
    for batch in together if not (request.atomic and errors) else []:
        records, refused = store.set_all(request.session_id, batch)
        changed.update(records)
        errors.update(refused)
    return pb.BatchSetVariablesResponse(
        success=not errors,
        errors={identifier: str(on_the_wire(error)) for identifier, error in errors.items()},
        new_versions={name: wire_version(record.version) for name, record in changed.items()},
    )


def list_all(store: VariableStore, request: pb.ListVariablesRequest) -> pb.ListVariablesResponse:
    """The variables whose names contain the pattern, by name; ``*`` in it stands for any text."""
    pieces = request.pattern.split("*")
    return pb.ListVariablesResponse(
        variables=[
            wire_variable(record, claim)
            for record, claim in store.look_at_all(request.session_id)
            if _contains(record.name, pieces)
        ]
    )


def delete(store: VariableStore, request: pb.DeleteVariableRequest) -> pb.DeleteVariableResponse:
    """Forget a variable with its past."""
    record, _ = store.look(request.session_id, request.variable_identifier)
    return pb.DeleteVariableResponse(success=store.delete(request.session_id, record.id))


def history(
    store: VariableStore, request: pb.GetVariableHistoryRequest
) -> pb.GetVariableHistoryResponse:
    """The versions that are kept, the current one first; at most ``limit`` of them, 0 is all."""
    if request.limit < 0:
        hint = "Send how many versions you want; 0 is all."
        raise InvalidArgumentError(f"The limit {request.limit} is below 0.", {"hint": hint})
    versions = store.history(request.session_id, request.variable_identifier)
    return pb.GetVariableHistoryResponse(
        entries=[_entry(each) for each in versions[: request.limit or None]]
    )


def roll_back(
    store: VariableStore, request: pb.RollbackVariableRequest
) -> pb.RollbackVariableResponse:
    """Make a variable once more what it was at a version, as a new version."""
    identifier = request.variable_identifier
    record = store.roll_back(request.session_id, identifier, request.target_version + 1)
    return pb.RollbackVariableResponse(success=True, variable=wire_variable(record))


def add_dependency(
    store: VariableStore, request: pb.AddDependencyRequest
) -> pb.AddDependencyResponse:
    """Let who watches ``from_variable`` hear of changes of ``to_variable``."""
    store.depend(
        request.session_id, request.from_variable, request.to_variable, request.dependency_type
    )
    return pb.AddDependencyResponse(success=True)


def start_optimization(
    store: VariableStore, request: pb.StartOptimizationRequest
) -> pb.StartOptimizationResponse:
    """Claim a variable for one optimiser, which may ask twice."""
    claim = store.claim(
        request.session_id,
        request.variable_identifier,
        request.optimizer_id,
        request.optimizer_config,
    )
    return pb.StartOptimizationResponse(success=True, optimization_id=claim.id)


def stop_optimization(
    store: VariableStore, request: pb.StopOptimizationRequest
) -> pb.StopOptimizationResponse:
    """Let go of a variable, and tell the value it has."""
    record = store.release(request.session_id, request.variable_identifier, force=request.force)
    return pb.StopOptimizationResponse(success=True, final_value=wire_text(record))


def has_pattern(request: Any) -> bool:
    """Whether a request brings a constraint whose check takes its time."""
    return TAKES_TIME in getattr(request, "constraints_json", "")


def _update_from(
    store: VariableStore,
    request: pb.SetVariableRequest | pb.BatchSetVariablesRequest,
    identifier: str,
    given: _Given,
    expected_version: int | None = None,
) -> VariableUpdate:
    record, _ = store.look(request.session_id, identifier)
    type_name = record.declaration.type if record.declaration else ""
    return VariableUpdate(
        name=identifier,
        value=value_from(*given, type_name, _value_of(identifier)),
        expected_version=expected_version,
        must_exist=True,
        metadata=request.metadata,
        source=request.metadata.get("source") or SOURCE,
    )


def _expected_version(version: int) -> int | None:
    if version < 0:
        hint = "Send the version you have read; 0 is any."
        raise InvalidArgumentError(f"No variable is ever at version {version}.", {"hint": hint})
    # The first version is 0, too, so nobody can ask for just that one.
    return version + 1 if version else None


def _values_in(request: pb.BatchSetVariablesRequest) -> Iterator[tuple[str, _Given]]:
    """What is to be set, by identifier; bytes without a description have none."""
    for identifier, value in request.updates.items():
        yield identifier, (value, request.binary_updates.get(identifier, b""))
    for identifier, data in request.binary_updates.items():
        if identifier not in request.updates:
            yield identifier, (WireValue(), data)


def _contains(name: str, pieces: Sequence[str]) -> bool:
    """Whether the pieces stand in the name one after the other."""
    end = 0
    for piece in pieces:
        start = name.find(piece, end)
        if start < 0:
            return False
        end = start + len(piece)
    return True


def _entry(record: Record) -> pb.VariableHistoryEntry:
    entry = pb.VariableHistoryEntry(
        version=wire_version(record.version),
        value=wire_text(record),
        changed_by=record.source,
        metadata=wire_metadata(record),
    )
    entry.timestamp.FromDatetime(record.updated_at)
    return entry


def _value_of(identifier: str) -> str:
    return f"The value of variable {shown(identifier)}"
