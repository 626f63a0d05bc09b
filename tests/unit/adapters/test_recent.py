from __future__ import annotations

import pytest

from snakepit_bridge.adapters.recent import Recent


def test_a_value_is_found_under_its_name_until_it_is_forgotten() -> None:
    recent: Recent[int] = Recent(2)
    recent.keep("a", 1)

    assert recent.use("a") == 1
    recent.forget("a")
    recent.forget("a")

    assert recent.use("a") is None


def test_what_was_not_used_for_longest_makes_room() -> None:
    recent: Recent[int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    recent.use("a")
    recent.keep("c", 3)

    assert [recent.use(name) for name in "abc"] == [1, None, 3]
    assert len(recent) == 2


def test_keeping_a_name_again_replaces_its_value() -> None:
    recent: Recent[int] = Recent(1)
    recent.keep("a", 1)
    recent.keep("a", 2)

    assert recent.use("a") == 2
    assert len(recent) == 1


def test_there_is_room_for_one_at_least() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Recent(0)
