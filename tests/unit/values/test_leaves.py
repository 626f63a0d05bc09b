from __future__ import annotations

import array
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pandas
import pytest

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.leaves import Leaves, Marker
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.value_types import Registered, ValueTypes
from tests.unit.values.strategies import same


class Size(IntEnum):
    SMALL = 3


class Color(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Item(msgspec.Struct):
    name: str


@dataclass
class Order:
    number: int
    late: int = field(init=False)


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Real(float):
    pass


class Rows(list[int]):
    pass


class Bag(set[int]):
    pass


class Fixed(frozenset[int]):
    pass


class Raw(bytes):
    pass


class Moment(datetime):
    pass


class Day(date):
    pass


class Hour(time):
    pass


class Span(timedelta):
    pass


class FineMoment(datetime):
    nanosecond = 1


class Price(Decimal):
    pass


class Name(UUID):
    pass


class Number(complex):
    pass


BERLIN = ZoneInfo("Europe/Berlin")


class Keeper(Beside):
    def __init__(self) -> None:
        self.kept: list[object] = []

    def keep(self, instance: object) -> Ref:
        self.kept.append(instance)
        return Ref("r")


def _simpler(value: object, beside: Beside = NOTHING) -> Any:
    return Leaves(ValueTypes(), Fallback()).simpler_form(value, beside)


@pytest.mark.parametrize(
    ("value", "simpler"),
    [
        (Size.SMALL, 3),
        (Color.RED, "red"),
        (Text("a"), "a"),
        (Ref("r"), "r"),
        (Whole(2), 2),
        (Real(2.0), 2.0),
        (OrderedDict(a=1), {"a": 1}),
        (defaultdict(list, a=[]), {"a": []}),
        (Rows([1]), [1]),
        (Point(1, 2), (1, 2)),
        (Bag({1}), {1}),
        (Fixed({1}), frozenset({1})),
        (Raw(b"a"), b"a"),
        (Item("a"), {"name": "a"}),
        (Order(1), {"number": 1}),
        (Number(1, 2), 1 + 2j),
        (Price("1.10"), Decimal("1.10")),
        (Name(int=1), UUID(int=1)),
        (Day(2026, 1, 2), date(2026, 1, 2)),
        (Hour(1, 2, fold=1), time(1, 2, fold=1)),
        (Span(days=1, microseconds=2), timedelta(days=1, microseconds=2)),
        (
            Moment(2026, 10, 25, 2, 30, 1, 5, tzinfo=BERLIN, fold=1),
            datetime(2026, 10, 25, 2, 30, 1, 5, tzinfo=BERLIN, fold=1),
        ),
    ],
    ids=lambda given: type(given).__name__,
)
def test_values_come_nearer_to_the_plain_types(value: object, simpler: object) -> None:
    assert same(_simpler(value), simpler)


def test_a_moment_finer_than_the_plain_type_is_not_made_coarser() -> None:
    keeper = Keeper()
    moment = FineMoment(2026, 1, 2)

    assert isinstance(_simpler(moment, keeper), Ref)
    assert keeper.kept == [moment]


def test_what_is_no_moment_is_kept() -> None:
    keeper = Keeper()

    assert isinstance(_simpler(pandas.NaT, keeper), Ref)
    assert keeper.kept == [pandas.NaT]


def test_a_value_whose_own_code_fails_is_refused() -> None:
    class Broken(list[int]):
        def __iter__(self) -> Any:
            raise RuntimeError("broken")

    with pytest.raises(CannotWriteError, match="'Broken', whose own code raised RuntimeError"):
        _simpler(Broken())


def test_registered_types_come_first() -> None:
    types = ValueTypes()
    types.register(name="Size")(Size)

    form = Leaves(types, Fallback()).simpler_form(Size.SMALL, NOTHING)

    assert form == Registered("Size", 3)


def test_buffers_of_numbers_become_blobs() -> None:
    blob = _simpler(array.array("i", [1, 2]))

    assert isinstance(blob, Blob)
    assert (blob.kind, blob.dtype, blob.shape) == ("tensor", "int32", (2,))


def test_blobs_are_simple_enough() -> None:
    blob = Blob(kind="bytes", data=b"1")

    assert _simpler(blob) is blob


def test_everything_else_is_kept_where_it_can_be() -> None:
    keeper, thing = Keeper(), object()

    assert same(_simpler(thing, keeper), Ref("r"))
    assert keeper.kept == [thing]
    assert _simpler(Order, keeper) == "r"


def test_a_marker_stands_for_what_is_not_kept() -> None:
    assert _simpler(object()) == Marker(
        {"__ffi_unserializable__": True, "__type__": "builtins.object"}
    )
