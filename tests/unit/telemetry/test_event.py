from __future__ import annotations

import time
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from math import inf

import numpy as np
import pytest

from snakepit_bridge.telemetry.event import MAX_TEXT, event_now


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, 1),
        (42, 42),
        (Level.HIGH, 3),
        (np.int32(7), 7),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, float(2**63)),
        (0.5, 0.5),
        (inf, inf),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (Fraction(1, 4), 0.25),
        (10**400, "1" + 400 * "0"),
        ("text", "text"),
        (None, "None"),
        (Decimal("0.1"), "0.1"),
    ],
)
def test_a_number_stays_a_number_where_the_wire_has_it(value: object, kept: object) -> None:
    event = event_now("a.b", {"it": value})

    assert event.measurements == {"it": kept}
    assert type(event.measurements["it"]) is type(kept)


def test_metadata_becomes_text() -> None:
    event = event_now("a.b", {}, {"library": "numpy", "size": 3, 4: None})  # type: ignore[dict-item]  # careless on purpose

    assert event.metadata == {"library": "numpy", "size": "3", "4": "None"}


def test_an_event_has_the_time_it_was_told_at() -> None:
    before = time.time_ns()

    event = event_now("a.b", {})

    assert before <= event.timestamp_ns <= time.time_ns()
    assert event.correlation_id == ""


def test_an_event_does_not_change_with_what_it_was_made_of() -> None:
    measurements, metadata = {"count": 1}, {"tool": "x"}

    event = event_now("a.b", measurements, metadata)
    measurements["count"], metadata["tool"] = 2, "y"

    assert (event.measurements, event.metadata) == ({"count": 1}, {"tool": "x"})


def test_half_a_character_travels_as_its_escape() -> None:
    event = event_now("a.\ud800", {"\udfff": "ü\ud800"}, {"ok": "日本"}, "\ud800")

    assert event.name == r"a.\ud800"
    assert event.measurements == {r"\udfff": r"ü\ud800"}
    assert event.metadata == {"ok": "日本"}
    assert event.correlation_id == r"\ud800"


def test_an_event_carries_no_payload() -> None:
    event = event_now("a.b", {"x": "m" * 10_000}, {"y": "n" * 1_000_000})

    assert len(str(event.measurements["x"])) == len(event.metadata["y"]) == MAX_TEXT
