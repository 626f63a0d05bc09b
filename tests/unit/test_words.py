from __future__ import annotations

import pytest

from snakepit_bridge.words import says_yes


@pytest.mark.parametrize("text", ["1", "true", "T", " Yes ", "y", "ON"])
def test_a_yes_is_known_in_whatever_case(text: str) -> None:
    assert says_yes(text)


@pytest.mark.parametrize("text", ["", "0", "false", "no", "off", "yes please"])
def test_everything_else_is_none(text: str) -> None:
    assert not says_yes(text)
