"""Objects that JSON does not know, one of every kind that crosses the bridge in its own way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple


def serialization_samples(demo_type: str) -> dict[str, Any]:
    """Fresh samples of one kind, or of all.

    Args:
        demo_type: ``"all"``, ``"datetime"``, ``"custom"``, ``"convertible"``, ``"mixed_list"`` or
            ``"complex"``.

    Returns:
        ``demo_type``, a ``description``, one more entry per kind of sample, e.g.
        ``datetime_demo``.

    Raises:
        ValueError: There is no such kind.
    """
    if demo_type not in _DESCRIPTIONS:
        text = f"There is no demo_type {demo_type!r}: it is one of {', '.join(_DESCRIPTIONS)}."
        raise ValueError(text)
    wanted = _SAMPLES if demo_type == "all" else [demo_type]
    samples = {_KEYS[kind]: _SAMPLES[kind]() for kind in wanted}
    return {"demo_type": demo_type, "description": _DESCRIPTIONS[demo_type], **samples}


class OpenConnection:
    """What only exists in this process; it must arrive as a marker that shows nothing of it."""

    def __repr__(self) -> str:
        return "OpenConnection(password='never seen by the other side')"


class Order:
    """Says what it is made of as models of pydantic do."""

    def model_dump(self) -> dict[str, Any]:
        """Its fields."""
        return {"item": "tea", "price": Decimal("4.50")}


class Table:
    """Says what it is made of as data frames do."""

    def to_dict(self) -> dict[str, list[int]]:
        """Its columns."""
        return {"left": [1, 2], "right": [3, 4]}


class Place(NamedTuple):
    """Says what it is made of as named tuples do."""

    x: float
    y: float


class Vector:
    """Says what it is made of as arrays do."""

    def tolist(self) -> list[float]:
        """Its elements."""
        return [0.5, 1.5, 2.5]


class Week:
    """Says what it is made of as calendar dates do."""

    def isoformat(self) -> str:
        """Its name in ISO 8601."""
        return "2026-W02"


class Undecided:
    """Fails at the first way to say what it is made of, so that the next one counts."""

    def model_dump(self) -> dict[str, Any]:
        """Refuse.

        Raises:
            RuntimeError: Always.
        """
        text = "This object has no fields."
        raise RuntimeError(text)

    def to_dict(self) -> dict[str, str]:
        """What is asked next."""
        return {"decided": "after all"}


class HugeSparseMatrix:
    """As a list it would have more elements than may travel; it must arrive as a marker."""

    nnz = 3
    shape = (100_000, 100_000)

    def tolist(self) -> list[list[float]]:
        """Never called, because of what ``shape`` says.

        Raises:
            MemoryError: Always.
        """
        raise MemoryError


def _datetime_demo() -> dict[str, Any]:
    return {
        "naive": datetime(2026, 1, 11, 10, 30),  # noqa: DTZ001  (it shows what becomes of one)
        "utc": datetime(2026, 1, 11, 10, 30, tzinfo=UTC),
        "two_hours_east": datetime(2026, 1, 11, 12, 30, tzinfo=timezone(timedelta(hours=2))),
        "date": date(2026, 1, 11),
        "time": time(10, 30),
    }


def _custom_class_demo() -> dict[str, Any]:
    return {"connection": OpenConnection(), "beside_it": "arrives unharmed"}


def _convertible_demo() -> dict[str, Any]:
    return {
        "model_dump": Order(),
        "to_dict": Table(),
        "_asdict": Place(1.0, 2.0),
        "tolist": Vector(),
        "isoformat": Week(),
        "second_try": Undecided(),
        "too_large": HugeSparseMatrix(),
    }


def _mixed_list_demo() -> list[Any]:
    return [1, "two", 3.5, None, True, date(2026, 1, 11), OpenConnection(), {"four"}, Vector()]


def _complex_demo() -> dict[str, Any]:
    return {
        "users": [
            {"name": "Ada", "since": datetime(2026, 1, 11, tzinfo=UTC), "at": Place(1.0, 2.0)},
            {"name": "Eve", "since": None, "connections": [OpenConnection(), OpenConnection()]},
        ],
        "totals": {"paid": Decimal("4.50"), "orders": [Order()]},
        "raw": b"bytes",
        "tuple": (1, (2, (3,))),
    }


_SAMPLES: dict[str, Callable[[], Any]] = {
    "datetime": _datetime_demo,
    "custom": _custom_class_demo,
    "convertible": _convertible_demo,
    "mixed_list": _mixed_list_demo,
    "complex": _complex_demo,
}

_KEYS = {kind: sample.__name__.removeprefix("_") for kind, sample in _SAMPLES.items()}

_DESCRIPTIONS = {
    "all": "Every kind of object that JSON does not know.",
    "datetime": "Dates and times, which arrive as ISO 8601 text.",
    "custom": "An object without a plain form, which arrives as a marker.",
    "convertible": "Objects that know a plain form of themselves, which arrives.",
    "mixed_list": "A list of values of all kinds, each of which arrives in its own way.",
    "complex": "Such objects deep inside of maps and lists.",
}
