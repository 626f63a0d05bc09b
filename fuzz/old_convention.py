"""The encoding without a name, which guesses."""

from __future__ import annotations

from fuzz.encodings import BLOBS
from fuzz.judging import read
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.old_convention import OldConvention

_ENCODING = OldConvention(Fallback())


def check(data: bytes) -> None:
    """Read an argument that may be anything."""
    read(_ENCODING, data)
    read(_ENCODING, data, BLOBS)
