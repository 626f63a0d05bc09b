"""The table of ``docs/encodings.md`` tells the truth, byte for byte."""

from __future__ import annotations

import dataclasses
import enum
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.tagged.tagged import Tagged
from snakepit_bridge.values.value_types import ValueTypes
from tests.unit.values.strategies import same

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "encodings.md"

KEPT = Ref("object-0f1e2d3c4b5a6978", type_name="builtins.object", session_id="s")


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Pair(NamedTuple):
    a: int
    b: int


KNOWN = {
    **{each.__name__: each for each in (Color, Point, Pair, Ref, HostFunction)},
    **{each.__name__: each for each in (date, datetime, time, timedelta, Decimal, UUID, ZoneInfo)},
    "UTC": UTC,
    "inf": inf,
    "nan": nan,
    "np": np,
}

CHANGED = {"Color.RED": "red", "Pair(1, 2)": (1, 2), "object()": KEPT}
"""What does not come back as itself."""


class Room(Beside):
    def __init__(self) -> None:
        self.blobs: list[Blob] = []

    def put(self, blob: Blob) -> int:
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def keep(self, instance: object) -> Ref:
        return KEPT


def _rows() -> list[tuple[str, str, str]]:
    rows = re.findall(r"^\| `(.*?)` \| `(.*)` \| `([0-9a-f]+)` \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) > 30
    return rows


def _types() -> ValueTypes:
    types = ValueTypes()
    types.register(name="Point")(Point)
    return types


@pytest.mark.parametrize(("python", "tagged", "msgpack"), _rows(), ids=[row[0] for row in _rows()])
def test_every_value_travels_and_arrives_as_the_table_says(
    python: str, tagged: str, msgpack: str
) -> None:
    types = _types()
    encodings: dict[str, Encoding] = {
        tagged: Tagged(Fallback(), types),
        msgpack: MessagePack(Fallback(), types),
    }
    for shown, encoding in encodings.items():
        value: Any = eval(python, dict(KNOWN))  # noqa: S307  (our own page)
        room = Room()

        encoded = encoding.encode(value, room)
        arrived = encoding.decode(msgspec.structs.replace(encoded, blobs=room.blobs))

        text = encoded.value.decode() if encoding.name == "tagged" else encoded.value.hex()
        assert text == shown
        expected = CHANGED.get(python, value)
        if isinstance(expected, np.ndarray):
            assert np.array_equal(arrived, expected)
            assert arrived.dtype == expected.dtype
        else:
            assert same(arrived, expected) or repr(arrived) == repr(expected)
