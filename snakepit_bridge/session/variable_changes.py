"""What an update makes of a variable, or why it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from snakepit_bridge.errors import InvalidArgumentError, VariableError, VersionConflictError
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.session.variable_data import NoDataError, copied, shown, size_of
from snakepit_bridge.session.variable_records import Record, VariableUpdate
from snakepit_bridge.session.variable_types import Declaration, type_of
from snakepit_bridge.values.refusals import has_lone_surrogate

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_NAME = 256
"""Characters of a name, and of a pattern that looks for names."""

MAX_METADATA = 32
"""Entries of metadata; as many as Snakepit lets a tool have."""

MAX_METADATA_BYTES = 4096
"""Of these entries together, as UTF-8; the same."""

OLDEST = "oldest_version"
"""The detail that only the error for an unknown version has."""


class CheckedUpdate(NamedTuple):
    """An update that makes sense by itself."""

    update: VariableUpdate
    value: Any
    """A copy that nobody else holds."""
    size_bytes: int


class Clockwork(NamedTuple):
    """Where a new version gets from what it does not have from its update."""

    now: Callable[[], datetime]
    next_number: Callable[[], int]
    """Numbers of ids, each given once."""


def checked(update: VariableUpdate) -> CheckedUpdate:
    """Look at an update without a look at its variable.

    Raises:
        InvalidArgumentError: Its name, version or metadata is not possible, or its value no data.
    """
    _check_name(update.name)
    check_metadata(update.metadata)
    if update.expected_version is not None and update.expected_version < 0:
        raise InvalidArgumentError(
            f"No variable is ever at version {update.expected_version}.",
            {
                "expected_version": update.expected_version,
                "hint": "Send 0 for a variable that must not exist yet, else its version.",
            },
        )
    value, size_bytes = _as_data(update.name, update.value)
    return CheckedUpdate(update, value, size_bytes)


def next_record(before: Record | None, checked: CheckedUpdate, clockwork: Clockwork) -> Record:
    """The version that an update makes.

    Raises:
        InvalidArgumentError: The value does not fit the type or the constraints.
        VersionConflictError: The variable is not at the expected version.
    """
    update, value, size_bytes = checked
    version = before.version if before else 0
    if update.expected_version not in {None, version}:
        raise _conflict(update, version)
    declaration = _declaration(before.declaration if before else None, update)
    if declaration is not None:
        value = declaration.admit(update.name, value)
        size_bytes += _as_data(update.name, declaration.constraints)[1]
    metadata = {**(before.metadata if before else {}), **update.metadata}
    if metadata:
        check_metadata(metadata)
        size_bytes += size_of(metadata)
    name = before.name if before else update.name
    return Record(
        id=before.id if before else f"var_{name}_{clockwork.next_number()}",
        name=name,
        value=value,
        type=declaration.type if declaration else type_of(value),
        declaration=declaration,
        version=version + 1,
        updated_at=clockwork.now(),
        size_bytes=size_bytes + size_of(name),
        metadata=metadata,
        source=update.source,
    )


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse notes that nobody could read.

    Raises:
        InvalidArgumentError: There are too many, or they are too long.
    """
    if not metadata:
        return
    size_bytes = sum(
        len(f"{name}{text}".encode(errors="replace")) for name, text in metadata.items()
    )
    if len(metadata) <= MAX_METADATA and size_bytes <= MAX_METADATA_BYTES:
        return
    raise InvalidArgumentError(
        f"Metadata of {len(metadata)} entries with {size_bytes} bytes is too much.",
        {"hint": f"Send at most {MAX_METADATA} entries of {MAX_METADATA_BYTES} bytes together."},
    )


def unknown(session_id: str, name: str, names: Iterable[str]) -> VariableError:
    """The error for a variable that does not exist."""
    # Comparing costs the product of the lengths, and no name is longer than this.
    known = "'variable.list' names those there are."
    hint = did_you_mean(name[:MAX_NAME], names, otherwise=known)
    return VariableError(
        f"No variable {shown(name)} in session {session_id!r}.",
        {"name": name, "session_id": session_id, "hint": hint},
    )


def unknown_version(current: Record, version: int, oldest: int) -> InvalidArgumentError:
    """The error for a version that is not kept, or never was."""
    kept = f"{oldest} to {current.version}" if oldest < current.version else f"{oldest} alone"
    return InvalidArgumentError(
        f"Variable {shown(current.name)} has no version {version}; of it are kept {kept}.",
        {
            "name": current.name,
            "wanted": version,
            "version": current.version,
            OLDEST: oldest,
            "hint": "Read its history for the versions there are.",
        },
    )


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= MAX_NAME or has_lone_surrogate(name):
        raise InvalidArgumentError(
            f"The variable name {shown(name)} is not possible.",
            {"name": shown(name), "hint": f"Use 1 to {MAX_NAME} characters."},
        )


def _as_data(name: str, value: Any) -> tuple[Any, int]:
    """A copy of a value, or of constraints, and its size."""
    try:
        # Before it is copied: an object that is no data may not like to be.
        size_bytes = size_of(value)
        return copied(value), size_bytes
    except NoDataError as error:
        raise InvalidArgumentError(
            f"Variable {shown(name)} cannot keep {shown(value)}: {error}.",
            {
                "name": name,
                "hint": "Variables hold data; keep a live object as an instance, and its ref here.",
            },
        ) from error


def _declaration(before: Declaration | None, update: VariableUpdate) -> Declaration | None:
    """What holds from now on: declared now, or before, or by nobody."""
    if update.type is None and update.constraints is None:
        return before
    type_name = update.type or (before.type if before else None)
    if type_name is None:
        raise InvalidArgumentError(
            f"Variable {shown(update.name)} has constraints, but no type that could know them.",
            {"name": update.name, "hint": "Send the 'type' along with them, e.g. 'float'."},
        )
    constraints = update.constraints
    if constraints is None and before is not None and before.type == type_name:
        constraints = before.constraints
    return Declaration(type_name, constraints)


def _conflict(update: VariableUpdate, version: int) -> VersionConflictError:
    at = f"is at version {version}" if version else "does not exist"
    expected = f"at version {update.expected_version}" if update.expected_version else "none yet"
    return VersionConflictError(
        f"Variable {shown(update.name)} {at}; {expected} was expected.",
        {
            "name": update.name,
            "expected_version": update.expected_version,
            "version": version,
            "hint": "Read it again, and decide with its new value.",
        },
    )
