from __future__ import annotations

import enum
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.natural_forms import simpler_form
from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef
from tests.ids import shown


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Size(enum.IntEnum):
    SMALL = 3


class Mode(enum.StrEnum):
    FAST = "fast"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Text(str):
    __slots__ = ()


class Whole(int):
    def __int__(self) -> int:
        raise NotImplementedError


class Real(float):
    def __float__(self) -> float:
        raise NotImplementedError


class Row(list[int]):
    pass


class Point(NamedTuple):
    x: int
    y: int


class Pair(tuple[int, int]):
    __slots__ = ()


class Load(msgspec.Struct):
    queued: int


@dataclass
class Answer:
    text: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError


@dataclass(slots=True)
class Lazy:
    ready: int
    late: int = field(init=False)


def _simpler(value: object) -> Any:
    return simpler_form(value, Fallback())


@pytest.mark.parametrize(
    ("value", "simpler"),
    [
        (Colour.RED, "red"),
        (Colour.PAIR, (1, 2)),
        (Size.SMALL, 3),
        (Mode.FAST, "fast"),
        (Access.READ | Access.WRITE, 3),
        (Text("hi"), "hi"),
        (Whole(7), 7),
        (Real(1.5), 1.5),
        (Row([1, 2]), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(int, a=1), {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (Pair((1, 2)), [1, 2]),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Answer("yes", 0.5), {"text": "yes", "score": 0.5}),
        (Load(2), {"queued": 2}),
        (date(2026, 1, 11), "2026-01-11"),
        (time(1, 2, 3), "01:02:03"),
        (datetime.fromisoformat("2026-01-11T10:30:00"), "2026-01-11T10:30:00"),
        (datetime(2026, 1, 11, 10, 30, tzinfo=UTC), "2026-01-11T10:30:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ZeroCopyRef({"kind": "arrow"}), {ZERO_COPY_KEY: True, "kind": "arrow"}),
    ],
    ids=shown,
)
def test_a_value_comes_one_step_nearer_to_plain_data(value: object, simpler: object) -> None:
    found = _simpler(value)

    assert found == simpler
    assert type(found) is type(simpler)


def test_a_field_that_was_never_set_is_left_out() -> None:
    assert _simpler(Lazy(ready=1)) == {"ready": 1}


def test_fields_are_handed_on_as_they_are() -> None:
    """Deep copies, as ``dataclasses.asdict`` makes them, would cost time and fail for locks."""
    score = Real(0.5)

    assert _simpler(Answer("yes", score))["score"] is score


@pytest.mark.parametrize("kind", [Answer, Point, Colour, dict, int])
def test_a_class_is_no_value_of_its_kind(kind: type) -> None:
    assert _simpler(kind)["__ffi_unserializable__"] is True


def test_a_proxy_that_claims_another_class_is_not_believed() -> None:
    class Proxy:
        @property
        def __class__(self) -> type:
            return str

        @__class__.setter
        def __class__(self, kind: type) -> None:
            raise NotImplementedError

    assert isinstance(Proxy(), str)
    assert _simpler(Proxy())["__ffi_unserializable__"] is True


def test_everything_else_is_left_to_the_fallback() -> None:
    class Recording(Fallback, frozen=True, kw_only=True):
        def convert(self, value: object) -> Any:
            return ["asked about", value]

    assert simpler_form(1j, Recording()) == ["asked about", 1j]
