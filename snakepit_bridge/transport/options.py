"""What a caller may ask of the values of one call, beside their encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from snakepit_bridge.errors import InvalidArgumentError

if TYPE_CHECKING:
    from snakepit_bridge.transport.envelope import Envelope

REFS = "refs"
ARRAYS = "snakepit-arrays"
BLOBS = "snakepit-blobs"

_CHOICES: Mapping[str, tuple[str, ...]] = {
    REFS: ("on", "off"),
    ARRAYS: ("binary", "text"),
    BLOBS: ("shared", "in-band"),
}
"""Keys of a request's metadata, with what each may say."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with what a value consists of."""

    refs: bool = False
    """Whether an object without a form as a value is kept, so that a ref stands for it."""

    binary: bool = False
    """Whether arrays, tables and long bytes travel as blobs."""

    shared: bool = False
    """Whether the caller can read files of this machine, where large blobs may lie."""


_LOSSLESS = Options(refs=True, binary=True)
_PLAIN = Options()
_USUAL: Mapping[str, Options] = {"tagged": _LOSSLESS, "msgpack": _LOSSLESS}


def usual_options(encoding: str) -> Options:
    """What holds in an encoding, by its name, for a caller who asks for nothing."""
    return _USUAL.get(encoding, _PLAIN)


def options_of(envelope: Envelope) -> Options | None:
    """What the caller of an envelope wants; ``None`` where that is what is usual.

    Raises:
        InvalidArgumentError: A wish that does not exist; lists those there are.
    """
    told = envelope.metadata
    if not told or _CHOICES.keys().isdisjoint(told):
        return None
    wishes = {key: told[key] for key in _CHOICES if key in told}
    for key, wish in wishes.items():
        if wish not in _CHOICES[key]:
            raise InvalidArgumentError(
                f"The metadata {key!r} cannot be {wish!r}.",
                {"metadata": key, "hint": f"It is one of: {', '.join(_CHOICES[key])}."},
            )
    usual = usual_options(envelope.encoding)
    return Options(
        refs=wishes.get(REFS, "on" if usual.refs else "off") == "on",
        binary=wishes.get(ARRAYS, "binary" if usual.binary else "text") == "binary",
        shared=wishes.get(BLOBS) == "shared",
    )
