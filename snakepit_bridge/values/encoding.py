"""What every encoding of a value can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob


class Encoded(msgspec.Struct, frozen=True):
    """A value as bytes: in one piece, or (old convention) spread over named parts."""

    value: bytes = b""
    parts: Mapping[str, bytes] = {}

    label: str = ""
    """What kind of value it is, where a wire says so beside it, e.g. ``"map"``."""

    binary: bytes | None = None
    """The value, where it is nothing but bytes; ``value`` then describes them."""

    is_final: bool = False
    """Whether this item of a stream says of itself that it is the last one."""

    metadata: Mapping[str, str] = {}
    """What the item of a stream says about itself."""

    blobs: Sequence[Blob] = ()
    """Binary data that ``value`` refers to by their places."""


class Encoding(Protocol):
    """Turns values into bytes and back; one object serves all threads.

    Whatever it cannot write or read it refuses, naming the place as a path such as
    ``$.rows[3].name``; nothing is changed silently.
    """

    name: str
    """What callers ask for, e.g. ``"json"``; empty for the old convention."""

    def decode_args(self, args: Mapping[str, bytes], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        """Read the arguments of a command.

        Args:
            args: Each in bytes, by its name.
            blobs: What came beside all of them; their data are here, not behind a handle.

        Raises:
            InvalidArgumentError: Some cannot be read; every one of them is named.
        """

    def encode_args(self, args: Mapping[str, object], beside: Beside = NOTHING) -> dict[str, bytes]:
        """Write the arguments of a command: the client's side of ``decode_args``.

        Args:
            args: The values.
            beside: Takes what has no place within the bytes.

        Raises:
            InvalidArgumentError: Some cannot be written; every one of them is named.
        """

    def encode(self, value: object, beside: Beside = NOTHING) -> Encoded:
        """Write what a handler returned or yielded; blobs stay with ``beside``.

        Raises:
            HandlerFailedError: The value cannot travel in this encoding.
            SessionError: An object in it should be kept, and cannot be.
        """

    def decode(self, encoded: Encoded) -> Any:
        """Read a result: the client's side of ``encode``.

        Raises:
            InvalidArgumentError: The bytes are not a value of this encoding.
        """
