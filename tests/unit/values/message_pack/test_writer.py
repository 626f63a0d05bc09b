from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from snakepit_bridge.values.beside import NOTHING
from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.leaves import Leaves
from snakepit_bridge.values.message_pack import writer as message_pack_writer
from snakepit_bridge.values.message_pack.reader import MessagePackReader
from snakepit_bridge.values.message_pack.writer import MessagePackWriter
from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.strategies import same


@dataclasses.dataclass(frozen=True)
class Point:
    x: int


class Texts(list[str]):
    pass


@pytest.fixture
def writer() -> MessagePackWriter:
    return MessagePackWriter(Leaves(ValueTypes(), Fallback()))


def _there_and_back(writer: MessagePackWriter, value: object) -> Any:
    return MessagePackReader(ValueTypes()).read(writer.write(value, NOTHING), BlobValues())


def _circle() -> list[Any]:
    circle: list[Any] = [1]
    circle.append((circle,))
    return circle


@pytest.mark.parametrize(
    ("value", "refusal"),
    [
        ("\ud800", "$ has a lone surrogate"),
        (["a", {"b": "\ud800"}], "$[1].b has a lone surrogate"),
        ({"\ud800": 1}, '$["\\ud800"] has a lone surrogate'),
        (("a", "\ud800"), "$[1] has a lone surrogate"),
        ({(1,): "\ud800"}, '$["<tuple>"] has a lone surrogate'),
        (_circle(), "$[1][0] contains itself"),
        ({"a": slice(["\ud800"])}, "$.a[0] has a lone surrogate"),
        ({"a": {Point(1): 1}}, "$.a has a key of type 'Point', which travels as a dict"),
        ([{1, Point(1)}], "$[0] has a member of a set of type 'Point', which travels as a dict"),
        (frozenset({Point(2)}), "$ has a member of a set of type 'Point'"),
    ],
    ids=str.upper("abcdefghij"),
)
def test_what_cannot_be_written_is_refused_with_its_place(
    writer: MessagePackWriter, value: object, refusal: str
) -> None:
    with pytest.raises(CannotWriteError) as caught:
        writer.write(value, NOTHING)

    assert str(caught.value).startswith(refusal)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("value", "arrived"),
    [
        (Texts(["a"]), ["a"]),
        ([Point(1), (Point(2),)], [{"x": 1}, ({"x": 2},)]),
        ([2**64 - 1, 2**64, -(2**63), -(2**63) - 1], None),
        ({"a": [2**70], "b": (2**70, "é")}, None),
        ({2**64: 1, "a": 2}, None),
        ({1: "a", b"a": 1}, None),
    ],
)
def test_values_are_brought_to_what_can_be_written(
    writer: MessagePackWriter, value: object, arrived: object
) -> None:
    assert same(_there_and_back(writer, value), value if arrived is None else arrived)


def test_the_same_object_may_stand_in_two_places(writer: MessagePackWriter) -> None:
    shared = [(1,)]

    assert _there_and_back(writer, [shared, {"a": shared}]) == [shared, {"a": shared}]


@pytest.mark.parametrize("error", [ValueError, OverflowError])
def test_what_is_larger_than_the_format_allows_is_refused(
    writer: MessagePackWriter, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def full(*_: object) -> bytes:
        raise error("longer than 2**32 - 1")

    monkeypatch.setattr(message_pack_writer, "_encode", full)

    with pytest.raises(CannotWriteError, match="is too large: longer than"):
        writer.write(["a"], NOTHING)


def test_a_stack_that_is_nearly_full_is_no_crash(
    writer: MessagePackWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise RecursionError

    monkeypatch.setattr(message_pack_writer, "_encoded", full)

    with pytest.raises(CannotWriteError, match="nested deeper"):
        writer.write((1,), NOTHING)
