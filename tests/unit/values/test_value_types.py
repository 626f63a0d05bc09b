from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import msgspec
import pytest

from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.value_types import VALUE_TYPES, Registered, ValueTypes, value_type


class Size(IntEnum):
    SMALL = 3


class Place(Enum):
    HOME = (1, 2)


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass
class Order:
    number: int
    lines: list[str] = field(default_factory=list)
    total: float = field(init=False, default=0.0)


@dataclass(frozen=True, slots=True)
class Spot:
    x: int
    seen: bool = field(init=False)


class Item(msgspec.Struct, frozen=True):
    name: str
    price: float = 1.0


@pytest.fixture
def types() -> ValueTypes:
    types = ValueTypes()
    for kind in (Size, Place, Point, Order, Spot, Item):
        types.register(name=kind.__name__)(kind)
    return types


def _order() -> Order:
    order = Order(7, ["a"])
    order.total = 2.5
    return order


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Size.SMALL, Registered("Size", 3)),
        (Place.HOME, Registered("Place", (1, 2))),
        (Point(1, 2), Registered("Point", [1, 2])),
        (_order(), Registered("Order", {"number": 7, "lines": ["a"], "total": 2.5})),
        (Spot(1), Registered("Spot", {"x": 1})),
        (Item("a"), Registered("Item", {"name": "a", "price": 1.0})),
    ],
    ids=lambda given: type(given).__name__,
)
def test_values_become_plain_data_and_themselves_again(
    types: ValueTypes, value: object, plain: Registered
) -> None:
    assert types.plain(value) == plain
    built = types.build(plain)
    if not isinstance(value, Spot):
        assert built == value
    assert type(built) is type(value)


def test_a_field_the_constructor_does_not_take_is_set_after_it(types: ValueTypes) -> None:
    spot = types.build(Registered("Spot", {"x": 1, "seen": True}))

    assert (spot.x, spot.seen) == (1, True)


def test_fields_with_defaults_may_be_missing(types: ValueTypes) -> None:
    assert types.build(Registered("Item", {"name": "a"})) == Item("a")
    assert types.build(Registered("Order", {"number": 7})) == Order(7)


def test_only_the_type_itself_is_registered(types: ValueTypes) -> None:
    class Better(Order):
        pass

    for value in (Better(1), 3, "Size", Order, None):
        assert types.plain(value) is None


@pytest.mark.parametrize(
    ("name", "plain", "reason"),
    [
        ("Sizes", 3, "is of the type 'Sizes', which is not registered here"),
        ("Size", 4, "does not fit the type 'Size': 4 is not a valid Size"),
        ("Place", [1], "does not fit the type 'Place': [1] is not a valid Place"),
        ("Point", 1, "does not fit the type 'Point': a list of its 2 fields was expected"),
        ("Point", "ab", "does not fit the type 'Point': a list of its 2 fields was expected"),
        ("Point", [1, 2, 3], "does not fit the type 'Point': Expected 2 arguments, got 3"),
        ("Order", {"number": 1, "x": 2}, "does not fit the type 'Order': it has no field 'x'"),
        ("Order", {}, "does not fit the type 'Order': "),
        ("Order", [7], "does not fit the type 'Order': its fields by name were expected"),
        ("Item", {"x": 1}, "does not fit the type 'Item': "),
        ("Item", None, "does not fit the type 'Item': its fields by name were expected"),
    ],
)
def test_what_does_not_fit_is_refused(
    types: ValueTypes, name: str, plain: object, reason: str
) -> None:
    with pytest.raises(CannotReadError) as caught:
        types.build(Registered(name, plain))

    assert caught.value.reason.startswith(reason)
    assert caught.value.hint


def test_the_nearest_name_is_offered(types: ValueTypes) -> None:
    with pytest.raises(CannotReadError) as caught:
        types.build(Registered("Sizes", 3))

    assert "'Size'" in caught.value.hint


def test_a_type_is_called_by_its_module_unless_told_otherwise() -> None:
    types = ValueTypes()

    assert types.register(Item) is Item
    plain = types.plain(Item("a"))

    assert plain is not None
    assert plain.name == f"{__name__}.Item"


def test_other_classes_cannot_be_registered() -> None:
    class Cart:
        pass

    for kind in (Cart, tuple, dict):
        with pytest.raises(TypeError, match="is no Enum, dataclass, named tuple or"):
            ValueTypes().register(kind)


def test_two_types_cannot_have_one_name(types: ValueTypes) -> None:
    types.register(name="Item")(Item)

    with pytest.raises(ValueError, match="two types want the name 'Item'"):
        types.register(name="Item")(Point)


def test_the_decorator_registers_for_the_process() -> None:
    @value_type(name=f"{__name__}.Once")
    @dataclass
    class Once:
        x: Any

    assert VALUE_TYPES.plain(Once(1)) == Registered(f"{__name__}.Once", {"x": 1})
