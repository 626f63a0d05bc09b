"""From the name of an encoding to the encoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.old_convention import OldConvention
from snakepit_bridge.values.json.plain_json import PlainJson

_E = TypeVar("_E")


class LateEncoding:
    """An encoding that is made when it is first used.

    Importing one that loses nothing takes milliseconds, of which most processes need none.

    Args:
        name: Of the encoding.
        make: Makes it.
    """

    def __init__(self, name: str, make: Callable[[], Encoding]) -> None:
        self.name = name
        self._make = make

    @cached_property
    def _made(self) -> Encoding:
        return self._make()

    def decode_args(self, args: Mapping[str, bytes], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        """See ``Encoding``."""
        return self._made.decode_args(args, blobs)

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """See ``Encoding``."""
        return self._made.encode_args(args, beside)

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """See ``Encoding``."""
        return self._made.encode(value, beside)

    def decode(self, encoded: Encoded) -> Any:
        """See ``Encoding``."""
        return self._made.decode(encoded)


def tagged(fallback: Fallback) -> Encoding:
    """The encoding ``tagged``, made when it is first used."""

    def make() -> Encoding:
        # Here, because a process has to start soon.
        from snakepit_bridge.values.tagged.tagged import Tagged  # noqa: PLC0415

        return Tagged(fallback)

    return LateEncoding("tagged", make)


def message_pack(fallback: Fallback) -> Encoding:
    """The encoding ``msgpack``, made when it is first used."""

    def make() -> Encoding:
        # Here, because a process has to start soon.
        from snakepit_bridge.values.message_pack.message_pack import MessagePack  # noqa: PLC0415

        return MessagePack(fallback)

    return LateEncoding("msgpack", make)


def _by_name(*encodings: Encoding) -> Mapping[str, Encoding]:
    return MappingProxyType({encoding.name: encoding for encoding in encodings})


ENCODINGS = _by_name(
    OldConvention(Fallback()), PlainJson(Fallback()), tagged(Fallback()), message_pack(Fallback())
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
