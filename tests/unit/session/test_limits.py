from __future__ import annotations

import pytest

from snakepit_bridge.session.limits import SessionLimits


def test_a_session_lives_for_ever_by_default_as_long_as_it_is_used() -> None:
    limits = SessionLimits()

    assert limits.ttl_s is None
    assert limits.idle_s == 3600


@pytest.mark.parametrize("name", ["sessions", "idle_s", "ttl_s", "instances", "variable_bytes"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_that_allows_nothing_is_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}={value} must be above 0"):
        SessionLimits(**{name: value})
