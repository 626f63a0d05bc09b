"""The tables of ``docs/values.md`` tell the truth."""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pytest

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.fallback import UNSERIALIZABLE_KEY, Fallback
from snakepit_bridge.values.snakepit.chunk import SnakepitChunks
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson
from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "values.md"

NOW = SnakepitJson(Fallback())
BEFORE = SnakepitJson(Fallback(), upstream=True)

SAME = "the same"
STR = "its `str`"


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float

    def __repr__(self) -> str:
        return f"Point(x={self.x}, y={self.y})"


class Pair(NamedTuple):
    a: int
    b: int


class StreamChunk(NamedTuple):
    data: Any
    is_final: bool


class Described(NamedTuple):
    data: Any
    metadata: Mapping[str, Any]


KNOWN = {
    **{each.__name__: each for each in (Color, Point, Pair, StreamChunk, Described, ZeroCopyRef)},
    **{each.__name__: each for each in (date, datetime, time, timedelta, Decimal, UUID)},
    "np": np,
    "nan": nan,
    "inf": inf,
}


def _rows(heading: str) -> list[list[str]]:
    """The first table below a heading, its cells as they stand there."""
    below = PAGE.read_text().split(f"\n## {heading}\n")[1]
    table = re.search(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert table
    return [row.strip("| ").split(" | ") for row in table[1].splitlines()]


def _evaluated(cell: str) -> Any:
    code = re.match(r"`([^`]+)`", cell)
    assert code
    return eval(code[1], {}, KNOWN)  # noqa: S307  (our own page)


# --- as Elixir shows it ---------------------------------------------------------------------------


def _elixir(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{{:binary, <<{', '.join(map(str, value))}>>}}"
    if isinstance(value, dict):
        return _elixir_map(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_elixir, value))}]"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


def _elixir_map(members: Mapping[str, Any]) -> str:
    if members.get(ZERO_COPY_KEY):
        known = (f"{k}: {_elixir(v)}" for k, v in members.items() if k != ZERO_COPY_KEY)
        return f"%Snakepit.ZeroCopyRef{{{', '.join(known)}}}"
    return f"%{{{', '.join(f'{_elixir(k)} => {_elixir(v)}' for k, v in members.items())}}}"


def _received(value: Any, encoding: SnakepitJson) -> str:
    try:
        decoded = encoding.decode(encoding.encode(value))
    except BridgeError:
        return "refused"
    is_marker = isinstance(decoded, dict) and UNSERIALIZABLE_KEY in decoded
    return "marker" if is_marker else f"`{_elixir(decoded)}`"


def _received_inside(value: Any) -> str:
    try:
        (decoded,) = NOW.decode(NOW.encode([value]))
    except BridgeError:
        return "refused"
    is_marker = isinstance(decoded, dict) and UNSERIALIZABLE_KEY in decoded
    return "marker" if is_marker else f"`{_elixir(decoded)}`"


@pytest.mark.parametrize("row", _rows("What a tool receives"), ids=lambda row: row[0])
def test_arguments_arrive_as_the_table_says(row: list[str]) -> None:
    _, sent, received = row

    arrived = NOW.decode_args({"a": sent.strip("`").encode()})["a"]

    assert f"`{arrived!r}`" == received


@pytest.mark.parametrize("row", _rows("What Elixir receives"), ids=lambda row: row[0])
def test_results_arrive_as_the_table_says(row: list[str]) -> None:
    returned, alone, inside, before = row
    value = _evaluated(returned)

    assert _received(value, NOW) == alone
    assert _received_inside(value) == (alone if inside == SAME else inside)
    if before == STR:
        assert _received(value, BEFORE) == f"`{_elixir(str(value))}`"
    else:
        assert _received(value, BEFORE) == (alone if before == SAME else before)


def _delivered(encoded: Encoded) -> str:
    """What a callback gets for one chunk."""
    try:
        members = json.loads(encoded.value) if encoded.value else {}
        members = members if isinstance(members, dict) else {"data": members}
    except ValueError:
        members = {"raw_data_base64": base64.b64encode(encoded.value).decode()}
    members["is_final"] = encoded.is_final
    if encoded.metadata:
        members["_metadata"] = dict(encoded.metadata)
    return f"`{_elixir(members)}`"


@pytest.mark.parametrize("row", _rows("What a stream delivers"), ids=lambda row: row[0])
def test_chunks_arrive_as_the_table_says(row: list[str]) -> None:
    yielded, now, before = row
    item = _evaluated(yielded)

    assert _delivered(SnakepitChunks(Fallback()).encode(item)) == now
    old = _delivered(SnakepitChunks(Fallback(), upstream=True).encode(item))
    assert old == (now if before == SAME else before)
