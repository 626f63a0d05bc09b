from __future__ import annotations

import array
import inspect
import json
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pytest

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.leaves import Leaves, Marker
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH, CannotWriteError
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.tagged.writer import TaggedWriter
from snakepit_bridge.values.value_types import ValueTypes
from tests.ids import shown

NAN, INF = float("nan"), float("inf")


class Name(StrEnum):
    A = "a"


class Number(Enum):
    ONE = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Spot:
    x: int


class Recorder(Beside):
    def __init__(self) -> None:
        self.blobs: list[Blob] = []
        self.kept: list[object] = []

    def put(self, blob: Blob) -> int:
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def keep(self, instance: object) -> Ref:
        self.kept.append(instance)
        return Ref("r", type_name="a.b.C", session_id="s")


def _write(value: object, beside: Beside = NOTHING) -> str:
    writer = TaggedWriter(Leaves(ValueTypes(), Fallback()))
    return writer.write(value, beside).decode()


def _members(value: object, beside: Beside = NOTHING) -> Any:
    return json.loads(_write(value, beside))


def _refusal(value: object) -> CannotWriteError:
    with pytest.raises(CannotWriteError) as caught:
        _write(value)
    return caught.value


def _tag(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"__type__": name, "__schema__": 1, **fields}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True, "größe"]}, '{"a":[1,2.5,null,true,"größe"]}'),
        (["__type__", '"__type__":'], '["__type__","\\"__type__\\":"]'),
        ((-0.0,), '{"__type__":"tuple","__schema__":1,"elements":[-0.0]}'),
        (Name.A, '"a"'),
        (Spot(1), '{"x":1}'),
    ],
)
def test_a_value_becomes_json_without_spaces(value: object, text: str) -> None:
    assert _write(value) == text


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (NAN, _tag("special_float", value="nan")),
        ([INF], [_tag("special_float", value="infinity")]),
        (-INF, _tag("special_float", value="neg_infinity")),
        ((1, ()), _tag("tuple", elements=[1, _tag("tuple", elements=[])])),
        ({7}, _tag("set", elements=[7])),
        (frozenset({"a"}), _tag("frozenset", elements=["a"])),
        ({1: "a"}, _tag("dict", pairs=[[1, "a"]])),
        ({"__type__": 1}, _tag("dict", pairs=[["__type__", 1]])),
        ({"__snakebridge_ref__": 1}, _tag("dict", pairs=[["__snakebridge_ref__", 1]])),
        (b"hi", _tag("bytes", data="aGk=")),
        (bytearray(b"hi"), _tag("bytes", data="aGk=")),
        (memoryview(b"h-i-")[::2], _tag("bytes", data="aGk=")),
        (1 - 0.5j, _tag("complex", real=1.0, imag=-0.5)),
        (complex(0, NAN), _tag("complex", real=0.0, imag=_tag("special_float", value="nan"))),
        (datetime(2026, 1, 2, tzinfo=UTC), _tag("datetime", value="2026-01-02T00:00:00+00:00")),
        (date(2026, 1, 2), _tag("date", value="2026-01-02")),
        (time(3, 4), _tag("time", value="03:04:00")),
        (timedelta(-1), _tag("timedelta", days=-1, seconds=0, microseconds=0)),
        (Decimal("1.50"), _tag("decimal", value="1.50")),
        (UUID(int=1), _tag("uuid", value="00000000-0000-0000-0000-000000000001")),
        (slice(1, None), _tag("slice", start=1, stop=None, step=None)),
        (..., _tag("ellipsis")),
        (HostFunction(tool="weather"), _tag("tool", name="weather")),
        ({Name.A: Number.ONE}, _tag("dict", pairs=[["a", 1]])),
        (Point(1, 2), _tag("tuple", elements=[1, 2])),
        (
            Marker({"__type__": "a.B", "x": (1,)}),
            {"__type__": "a.B", "x": _tag("tuple", elements=[1])},
        ),
        ([1.5] * 20 + [...], [1.5] * 20 + [_tag("ellipsis")]),
        (tuple([1.5] * 20), _tag("tuple", elements=[1.5] * 20)),
    ],
    ids=lambda given: shown(given)[:40],
)
def test_what_json_lacks_becomes_a_tag(value: object, members: object) -> None:
    assert _members(value) == members


@pytest.mark.parametrize("digits", [19, 20, 600, 700, 4_300, 4_301, 30_000])
def test_integers_of_any_size_are_written_in_full(digits: int) -> None:
    one = "1" + "0" * digits

    assert _write(10**digits) == one
    assert f"[-{one}]" in _write((-(10**digits),))


def test_arrays_go_beside_the_text_where_they_may() -> None:
    beside, numbers = Recorder(), array.array("d", [1.5])

    members = _members([numbers, numbers, memoryview(numbers)], beside)

    assert members == [_tag("blob", index=index) for index in (0, 0, 1)]
    assert [blob.shape for blob in beside.blobs] == [(1,), (1,)]
    assert _members(numbers) == _tag(
        "blob", kind="tensor", dtype="float64", shape=[1], data="AAAAAAAA+D8="
    )


def test_numbers_of_numpy_stay_in_the_text() -> None:
    beside = Recorder()

    members = _members([np.float64(1.5), np.array(1.5), {np.bool_(1)}], beside)

    number = _tag("blob", kind="tensor", dtype="float64", shape=[], data="AAAAAAAA+D8=")
    assert members[:2] == [number, number]
    assert members[2]["elements"] == [
        _tag("blob", kind="tensor", dtype="bool", shape=[], data="AQ==")
    ]
    assert beside.blobs == []


def test_bytes_go_beside_the_text_from_four_kibibytes_on() -> None:
    beside = Recorder()

    assert "data" in _members(bytes(4095), beside)
    assert _members([bytes(4096)], beside) == [_tag("blob", index=0)]
    assert beside.blobs == [Blob(kind="bytes", data=bytes(4096))]
    assert _members(bytes(4096))["__type__"] == "bytes"


def test_data_that_are_elsewhere_need_a_place_beside_the_text() -> None:
    blob, beside = Blob(kind="bytes", handle="h"), Recorder()

    assert _members(blob, beside) == _tag("blob", index=0)
    assert str(_refusal([blob])) == "$[0] are data kept elsewhere"


def test_an_object_is_kept_once_and_written_as_a_ref() -> None:
    beside, cart = Recorder(), object()

    members = _members({"a": cart, "b": (cart,)}, beside)

    ref = _tag(
        "ref",
        id="r",
        session_id="s",
        python_module="a.b",
        library="a",
        type_name="C",
        __type_name__="C",
    )
    assert members == {"a": ref, "b": _tag("tuple", elements=[ref])}
    assert beside.kept == [cart]


def test_an_object_that_is_not_kept_gets_a_marker() -> None:
    marker = {"__ffi_unserializable__": True, "__type__": "builtins.object"}

    assert _members({"a": object()}) == {"a": marker}


@pytest.mark.parametrize("value", [{Spot(1)}, {Spot(1): 2}, {object()}, frozenset({object()})])
def test_members_that_could_not_be_hashed_again_are_refused(value: object) -> None:
    error = _refusal({"a": value})

    assert error.path.startswith("$.a")
    assert "once it is read" in error.reason
    assert "value_type" in error.hint


def test_keys_that_become_the_same_are_refused() -> None:
    assert str(_refusal([{Number.ONE: "a", 1: "b"}])) == (
        "$[0] has several keys that are the same once they are read"
    )
    assert _members({Number.ONE: "a", 2: "b"}) == _tag("dict", pairs=[[1, "a"], [2, "b"]])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("\ud800", "$"),
        ({"a": [1, "\ud800"]}, "$.a[1]"),
        ({"\udc00": (1,)}, '$["\\udc00"]'),
        ({1: (0, "\ud800")}, "$[1][1]"),
        ({(1, 2): "\ud800"}, '$["<tuple>"]'),
        ({("\ud800",): 1}, '$["<tuple>"][0]'),
        (slice(None, "\ud800"), "$.stop"),
    ],
)
def test_half_a_character_is_refused_with_its_place(value: object, path: str) -> None:
    error = _refusal(value)

    assert (error.path, error.reason) == (path, "has a lone surrogate, which is half a character")


def test_half_a_character_in_a_name_is_refused() -> None:
    assert _refusal([HostFunction(tool="\ud800")]).reason.startswith("has a lone surrogate")


def test_data_that_contain_themselves_are_refused_where_the_circle_closes() -> None:
    row: list[Any] = [0]
    row.append({"back": (row,)})
    pairs: dict[Any, Any] = {}
    pairs[1] = pairs

    assert str(_refusal(row)) == "$[1].back[0] contains itself"
    assert str(_refusal({"a": pairs})) == "$.a[1] contains itself"


@pytest.mark.parametrize(
    "outside",
    [
        lambda value: [value],
        lambda value: (value,),
        lambda value: {"a": value},
        lambda value: {1: value},
        lambda value: frozenset({value}),
        slice,
    ],
    ids=["list", "tuple", "object", "pairs", "frozenset", "slice"],
)
def test_values_are_written_down_to_the_limit_of_nesting(outside: Any) -> None:
    value: Any = 1.5j
    for _ in range(MAX_DEPTH):
        value = outside(value)

    _write(value)
    assert _refusal(outside(value)).reason == "is nested deeper than 200 levels"


def test_objects_that_turn_into_ever_new_objects_end() -> None:
    class Endless(Fallback, frozen=True, kw_only=True):
        def marker(self, value: object) -> dict[str, Any]:
            return {"a": object()}

    writer = TaggedWriter(Leaves(ValueTypes(), Endless()))

    with pytest.raises(CannotWriteError, match="is nested deeper"):
        writer.write(object(), NOTHING)


def test_a_stack_that_ends_is_too_deep_as_well() -> None:
    value: Any = ()
    for _ in range(MAX_DEPTH - 1):
        value = (value,)

    def write_below(frames: int) -> str:
        return write_below(frames - 1) if frames else _write(value)

    with pytest.raises(CannotWriteError, match="is nested deeper"):
        write_below(sys.getrecursionlimit() - len(inspect.stack(0)) - MAX_DEPTH)
