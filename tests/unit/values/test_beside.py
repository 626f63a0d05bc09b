from __future__ import annotations

from snakepit_bridge.values.beside import NOTHING
from snakepit_bridge.values.blob import Blob


def test_beside_nothing_is_room_for_nothing() -> None:
    assert NOTHING.put(Blob(kind="bytes", data=b"1")) is None
    assert NOTHING.keep(object()) is None

    NOTHING.give_up()
