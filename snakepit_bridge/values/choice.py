"""From the name of an encoding to the encoding."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.encoding import Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack import MessagePack
from snakepit_bridge.values.old_convention import OldConvention
from snakepit_bridge.values.plain_json import PlainJson
from snakepit_bridge.values.tagged import Tagged

_E = TypeVar("_E")


def _by_name(*encodings: Encoding) -> Mapping[str, Encoding]:
    return MappingProxyType({encoding.name: encoding for encoding in encodings})


ENCODINGS = _by_name(
    OldConvention(Fallback()), PlainJson(Fallback()), Tagged(Fallback()), MessagePack(Fallback())
)
"""Every encoding by its name."""


def find_encoding(name: str) -> Encoding:
    """Find the encoding a caller asked for; the empty name is the old convention.

    Raises:
        InvalidArgumentError: There is none of this name.
    """
    return find_among(ENCODINGS, name)


def find_among(encodings: Mapping[str, _E], name: str) -> _E:
    """Find the encoding a caller asked for among those that can be had.

    Raises:
        InvalidArgumentError: There is none of this name.
    """
    encoding = encodings.get(name)
    if encoding is None:
        known = ", ".join(known or "empty" for known in encodings)
        raise InvalidArgumentError(
            f"No encoding is called {name!r}.",
            {"encoding": name, "hint": f"The encodings are: {known}."},
        )
    return encoding
