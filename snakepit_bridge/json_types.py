"""What may cross the wire as plain data, as a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    JsonValue: TypeAlias = (
        "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
    )
    """A value that JSON can carry; integers may have any size."""

    from collections.abc import Mapping, Sequence
else:
    # The recursion is for readers and the type checker. At run time the binder evaluates
    # annotations, and there the honest meaning is "whatever the codec produced".
    JsonValue = Any

__all__ = ["JsonValue"]
