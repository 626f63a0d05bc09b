from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.snakepit.upstream_shapes import upstream_shape
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef
from tests.ids import shown


class Letter(enum.Enum):
    A = 1


class Size(enum.IntEnum):
    LARGE = 3


class Thing:
    def __str__(self) -> str:
        return "a thing"


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "None"),
        (True, True),
        (42, 42.0),
        (2**70, 1.1805916207174113e21),
        (1.5, 1.5),
        (Size.LARGE, 3.0),
        (np.float64(1.5), 1.5),
        (np.float32(1.5), "1.5"),
        (np.arange(3), "[0 1 2]"),
        ("text", "text"),
        ((1, 2), "(1, 2)"),
        (b"hi", "b'hi'"),
        (Letter.A, "Letter.A"),
        (datetime.fromisoformat("2026-01-11T10:30:00"), "2026-01-11 10:30:00"),
        (Thing(), "a thing"),
        ([1, None], [1, None]),
        ({"a": 1}, {"a": 1}),
    ],
    ids=shown,
)
def test_results_have_the_shapes_of_snakepits_own_python_side(value: Any, shape: Any) -> None:
    found = upstream_shape(value)

    assert found == shape
    assert isinstance(found, type(shape))


def test_a_handle_stays_one() -> None:
    handle = ZeroCopyRef({"kind": "arrow"})

    assert upstream_shape(handle) is handle


def test_an_integer_beyond_the_range_of_floats_is_refused() -> None:
    with pytest.raises(CannotWriteError, match="beyond the range"):
        upstream_shape(10**400)
