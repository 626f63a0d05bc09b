from __future__ import annotations

from snakepit_bridge import zero_copy
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef


def test_the_handle_is_where_snakepits_users_look_for_it() -> None:
    assert zero_copy.ZeroCopyRef is ZeroCopyRef
    assert zero_copy.__all__ == ["ZeroCopyRef"]
