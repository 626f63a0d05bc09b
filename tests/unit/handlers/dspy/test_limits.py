from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.limits import DEEPEST, MOST_TEXT, check_size


def nested(levels: int) -> Any:
    data: Any = 1
    for _ in range(levels):
        data = [data]
    return data


def test_ordinary_data_passes() -> None:
    check_size({"a": ["x" * 1000, nested(DEEPEST - 2)]}, "signature")


@pytest.mark.parametrize(
    "data", ["x" * MOST_TEXT, {"x" * MOST_TEXT: 1}, [1] * MOST_TEXT, [b"x" * MOST_TEXT]]
)
def test_long_data_is_refused(data: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="The signature is longer"):
        check_size(data, "signature")


def test_deep_data_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="nested deeper"):
        check_size(nested(DEEPEST + 1), "program")


@pytest.mark.parametrize("data", ["a\ud800", ["ok", {"\udfff": 1}]])
def test_half_a_character_is_refused(data: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="half a character") as caught:
        check_size(data, "program")

    assert str(caught.value).isascii()
