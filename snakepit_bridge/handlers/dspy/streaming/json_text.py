"""The inside of a JSON string, decoded as far as it is there."""

from __future__ import annotations

import re

NO_CHARACTER = "\ufffd"
"""Stands for half a character, which no wire carries."""

_PLAIN = re.compile(r'[^"\\]+')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([^u]))", re.DOTALL)
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_LOW = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_HALF_LOW = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?")
_SHORT = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_HIGHS = range(0xD800, 0xDC00)
_HALVES = range(0xD800, 0xE000)


def read(text: str, position: int) -> tuple[str, int] | None:
    """Decode what stands here, up to the next escape or quote.

    Args:
        text: Part of a JSON string.
        position: Of anything but a bare quote.

    Returns:
        The characters it stands for, at least one, with the position after it; ``None`` when the
        text ends within an escape. What is no escape stands for itself.
    """
    plain = _PLAIN.match(text, position)
    if plain is not None:
        return plain[0], plain.end()
    escape = _ESCAPE.match(text, position)
    if escape is None:
        return None if _HALF_ESCAPE.fullmatch(text, position) else ("\\", position + 1)
    if escape[2]:
        return _SHORT.get(escape[2], escape[0]), escape.end()
    code = int(escape[1], 16)
    if code in _HIGHS:
        return _pair(code, text, escape.end())
    return NO_CHARACTER if code in _HALVES else chr(code), escape.end()


def _pair(high: int, text: str, position: int) -> tuple[str, int] | None:
    low = _LOW.match(text, position)
    if low is not None:
        rest = int(low[1], 16) - 0xDC00
        return chr(0x10000 + ((high - 0xD800) << 10) + rest), low.end()
    return None if _HALF_LOW.fullmatch(text, position) else (NO_CHARACTER, position)
