from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import numpy as np
import pytest

from snakepit_bridge.errors import HandlerFailedError
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.chunk import SnakepitChunks, is_chunk
from tests.ids import shown


class StreamChunk:
    """As Snakepit's showcase has it."""

    def __init__(self, data: Any, is_final: Any = False) -> None:  # noqa: FBT002  (its signature)
        self.data = data
        self.is_final = is_final


@dataclass(slots=True)
class Described:
    data: Any
    metadata: Mapping[Any, Any] = field(default_factory=dict)


class Lazy:
    is_final = True

    @property
    def data(self) -> str:
        return "now"


class Row(NamedTuple):
    data: int
    is_final: bool


class Table:
    """Makes up whatever it is asked for, as a data frame makes columns attributes."""

    def __getattr__(self, name: str) -> str:
        return name

    def to_dict(self) -> dict[str, int]:
        return {"data": 1, "is_final": 2}


@pytest.fixture
def chunks() -> SnakepitChunks:
    return SnakepitChunks(Fallback())


@pytest.fixture
def old() -> SnakepitChunks:
    return SnakepitChunks(Fallback(), upstream=True)


MARKED = '{"__ffi_unserializable__":true,"__type__":"builtins.complex"}'


@pytest.mark.defect("D12", "D14")
@pytest.mark.parametrize(
    ("item", "data"),
    [
        ("hello", '"hello"'),
        ("123", '"123"'),
        (None, "null"),
        (123, "123"),
        (1.0, "1.0"),
        (float("nan"), '"NaN"'),
        ({"i": 0}, '{"i":0}'),
        ({"data": 1, "is_final": True}, '{"data":1,"is_final":true}'),
        ([1, (2,)], "[1,[2]]"),
        (date(2026, 1, 11), '"2026-01-11"'),
        (np.arange(3), "[0,1,2]"),
        (np.float32(1.5), "1.5"),
        (1j, MARKED),
        ({"x": 1j}, f'{{"x":{MARKED}}}'),
        (b"\x00\xff".hex(), '"00ff"'),
    ],
    ids=shown,
)
def test_an_item_is_sent_as_json(chunks: SnakepitChunks, item: object, data: str) -> None:
    assert chunks.encode(item) == Encoded(data.encode())


@pytest.mark.parametrize(
    "item", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff"), StreamChunk(b"\x00\xff")]
)
def test_bytes_are_sent_as_they_are(chunks: SnakepitChunks, item: object) -> None:
    assert chunks.encode(item) == Encoded(b"\x00\xff")


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (StreamChunk({"i": 1}), Encoded(b'{"i":1}')),
        (StreamChunk("end", is_final=True), Encoded(b'"end"', is_final=True)),
        (StreamChunk(None, is_final=1), Encoded(b"null", is_final=True)),
        (StreamChunk([1], is_final=np.bool_(True)), Encoded(b"[1]", is_final=True)),  # noqa: FBT003  (its constructor)
        (Described(1, {"k": None, 2: 3.5}), Encoded(b"1", metadata={"k": "None", "2": "3.5"})),
        (Described(1, {"half": "\ud800"}), Encoded(b"1", metadata={"half": r"\ud800"})),
        (Described(1, ["no", "dict"]), Encoded(b"1")),  # type: ignore[arg-type]  # as users do
        (Lazy(), Encoded(b'"now"', is_final=True)),
        (SimpleNamespace(data=1, is_final=False), Encoded(b"1")),
        (Row(1, is_final=True), Encoded(b"1", is_final=True)),
    ],
    ids=shown,
)
def test_a_chunk_object_says_itself_what_it_is(
    chunks: SnakepitChunks, item: object, encoded: Encoded
) -> None:
    assert chunks.encode(item) == encoded


@pytest.mark.defect("D12")
@pytest.mark.parametrize(
    "item",
    [
        np.zeros(3),
        np.zeros(1, dtype=[("data", int), ("is_final", bool)]).view(np.recarray),
        np.float64(1.5),
        memoryview(b"hi"),
        UserDict({"is_final": True}),
        Table(),
        MagicMock(),
        StreamChunk,
        Lazy,
        SimpleNamespace(data=1),
        SimpleNamespace(is_final=True, metadata={}),
        {"data": 1, "is_final": True},
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_only_looks_like_a_chunk_object_is_an_item(item: object) -> None:
    assert not is_chunk(item)


@pytest.mark.defect("D12")
def test_a_table_is_sent_with_all_its_columns(chunks: SnakepitChunks) -> None:
    assert chunks.encode(Table()).value == b'{"data":1,"is_final":2}'


@pytest.mark.defect("D14")
def test_an_item_that_cannot_travel_is_refused_with_its_place(chunks: SnakepitChunks) -> None:
    circle: list[Any] = []
    circle.append(circle)

    for item in ({"rows": circle}, StreamChunk({"rows": circle})):
        with pytest.raises(HandlerFailedError, match=r"\$\.rows\[0\] contains itself"):
            chunks.encode(item)


@pytest.mark.parametrize(
    ("item", "data"),
    [
        ("hello", b"hello"),
        ("hé", "hé".encode()),
        (None, b""),
        (StreamChunk("123"), b"123"),
        (StreamChunk(None), b""),
        ({"i": None}, b'{"i":null}'),
        (b"\xff", b"\xff"),
        (1, b"1"),
    ],
    ids=shown,
)
def test_the_old_shapes_are_there_for_who_relies_on_them(
    old: SnakepitChunks, item: object, data: bytes
) -> None:
    assert old.encode(item).value == data


def test_bare_text_is_refused_where_it_cannot_be_written(old: SnakepitChunks) -> None:
    with pytest.raises(HandlerFailedError, match="lone surrogate"):
        old.encode("\ud800")


def test_arguments_are_read_as_those_of_any_command(chunks: SnakepitChunks) -> None:
    assert chunks.decode_args({"count": b"3"}) == {"count": 3}
