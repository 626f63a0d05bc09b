"""The encoding ``msgpack``."""

from __future__ import annotations

from fuzz.encodings import TYPES, check_reading
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack.message_pack import MessagePack

_ENCODING = MessagePack(Fallback(), TYPES)


def check(data: bytes) -> None:
    """Read a message."""
    check_reading(_ENCODING, data, lambda _: True)
