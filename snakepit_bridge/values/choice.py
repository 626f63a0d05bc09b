"""From the name of an encoding to the encoding."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.encoding import Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.old_convention import OldConvention
from snakepit_bridge.values.plain_json import PlainJson


def _by_name(*encodings: Encoding) -> Mapping[str, Encoding]:
    return MappingProxyType({encoding.name: encoding for encoding in encodings})


ENCODINGS = _by_name(OldConvention(Fallback()), PlainJson(Fallback()))
"""Every encoding by its name."""


def find_encoding(name: str) -> Encoding:
    """Find the encoding a caller asked for; the empty name is the old convention.

    Raises:
        InvalidArgumentError: There is none of this name.
    """
    encoding = ENCODINGS.get(name)
    if encoding is None:
        known = ", ".join(known or "empty" for known in ENCODINGS)
        raise InvalidArgumentError(
            f"No encoding is called {name!r}.",
            {"encoding": name, "hint": f"The encodings are: {known}."},
        )
    return encoding
