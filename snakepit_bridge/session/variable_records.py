"""What is known of a variable: an update, the version it makes, a claim on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from snakepit_bridge.session.variable_types import Declaration

PYTHON = "python"
"""The source of what this process's own code sets; callers over a wire name their own."""

NOTHING: Mapping[str, str] = MappingProxyType({})


class VariableUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks of a variable: a value, and perhaps more."""

    name: str
    """Its name; the id of a variable that exists will do, too."""

    value: Any
    type: str | None = None
    """Declares the type; this and all later values are checked against it."""

    constraints: Mapping[str, Any] | None = None
    """Replaces the constraints; needs a declared type, from now or before."""

    expected_version: int | None = None
    """The version the variable must have; 0 means that there must be none yet."""

    must_exist: bool = False
    """Whether an unknown variable is a mistake, rather than one to create."""

    metadata: Mapping[str, str] = NOTHING
    """Notes for people; they are laid over those the variable has."""

    source: str = PYTHON
    """Who asks."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Says that an optimiser works on a variable; it keeps nobody from setting it."""

    id: str
    optimizer_id: str
    started_at: datetime
    config: Mapping[str, str] = NOTHING


class Record(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One version of a variable. Its value is the store's own: look at it, do not change it."""

    id: str
    """``var_NAME_NUMBER``; a variable that is deleted and created again has another one."""

    name: str
    value: Any
    type: str
    declaration: Declaration | None
    version: int
    """1 after the first ``set``, one more after each change."""

    updated_at: datetime
    size_bytes: int
    metadata: Mapping[str, str] = NOTHING
    source: str = PYTHON

    @property
    def constraints(self) -> Mapping[str, Any]:
        """What its values have to keep beside the type."""
        return self.declaration.constraints if self.declaration else {}


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable with all that is known of it, as a copy of the caller's own."""

    name: str
    value: Any
    type: str
    constraints: Mapping[str, Any]
    version: int
    updated_at: datetime
    id: str = ""
    metadata: Mapping[str, str] = NOTHING
    source: str = PYTHON
    claim: Claim | None = None
    """The optimiser that works on it, if one does."""
