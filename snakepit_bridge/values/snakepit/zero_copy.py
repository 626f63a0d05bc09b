"""Handles of data that stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

ZERO_COPY_KEY = "__snakepit_zero_copy__"
"""What marks an object on the wire as a handle; its value is true."""


class ZeroCopyRef:
    """Describes data of the other side: what they are, and where.

    A handle is valid for one request, and no data are behind it on this side. ``ref`` is
    Elixir's own and must go back unchanged; a handle made here leaves it out.

    Args:
        payload: The description as it stands on the wire; it is copied.
    """

    __slots__ = ("payload",)

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = dict(payload)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """The handle that a description stands for."""
        return cls(payload)

    def to_payload(self) -> dict[str, Any]:
        """The description; a shallow copy."""
        return dict(self.payload)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ZeroCopyRef) and self.payload == other.payload

    __hash__ = None  # type: ignore[assignment]  # a description is a dict, and may change

    def __repr__(self) -> str:
        known = {name: self.payload.get(name) for name in ("kind", "device", "dtype", "shape")}
        return f"ZeroCopyRef({', '.join(f'{name}={value!r}' for name, value in known.items())})"

    @property
    def kind(self) -> str | None:
        """``"dlpack"`` or ``"arrow"``."""
        return self.payload.get("kind")

    @property
    def device(self) -> str | None:
        """``"cpu"``, ``"cuda"`` or ``"mps"``."""
        return self.payload.get("device")

    @property
    def dtype(self) -> str | None:
        """Type of the elements, where it is known."""
        return self.payload.get("dtype")

    @property
    def shape(self) -> list[int] | None:
        """Elements along each axis, where that is known."""
        return self.payload.get("shape")

    @property
    def owner(self) -> str | None:
        """Whose data they are: ``"elixir"`` or ``"python"``."""
        return self.payload.get("owner")

    @property
    def ref(self) -> str | None:
        """Elixir's name for the data; opaque."""
        return self.payload.get("ref")

    @property
    def copy(self) -> bool | None:
        """Whether the data were copied after all."""
        return self.payload.get("copy")

    @property
    def bytes(self) -> int | None:
        """Size of the data in bytes."""
        return self.payload.get("bytes")

    @property
    def metadata(self) -> dict[str, Any]:
        """What else was said about them."""
        return self.payload.get("metadata") or {}
