"""What every encoding of a value can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


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


class Encoding(Protocol):
    """Turns values into bytes and back; one object serves all threads.

    Whatever it cannot write or read it refuses, naming the place as a path such as
    ``$.rows[3].name``; nothing is changed silently.
    """

    name: str
    """What callers ask for, e.g. ``"json"``; empty for the old convention."""

    def decode_args(self, args: Mapping[str, bytes]) -> dict[str, Any]:
        """Read the arguments of a command.

        Raises:
            InvalidArgumentError: Some cannot be read; every one of them is named.
        """

    def encode_args(self, args: Mapping[str, object]) -> dict[str, bytes]:
        """Write the arguments of a command: the client's side of ``decode_args``.

        Raises:
            InvalidArgumentError: Some cannot be written; every one of them is named.
        """

    def encode(self, value: object) -> Encoded:
        """Write what a handler returned or yielded.

        Raises:
            HandlerFailedError: The value cannot travel in this encoding.
        """

    def decode(self, encoded: Encoded) -> Any:
        """Read a result: the client's side of ``encode``.

        Raises:
            InvalidArgumentError: The bytes are not a value of this encoding.
        """
