"""The encoding ``json``."""

from __future__ import annotations

from fuzz.encodings import check_reading
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.plain_json import PlainJson

_ENCODING = PlainJson(Fallback())


def check(data: bytes) -> None:
    """Read a JSON text."""
    check_reading(_ENCODING, data, _is_lossless)


def _is_lossless(data: bytes) -> bool:
    # Floats without digits become texts, and a blob may be what JSON has no form for.
    return not any(word in data for word in (b"NaN", b"Infinity", b"blob", b"\\u00"))
