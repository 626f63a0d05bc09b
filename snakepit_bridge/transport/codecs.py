"""The codecs of envelopes: an encoding within the limits of a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError
from snakepit_bridge.values.choice import find_among

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.handlers.command import Codec
    from snakepit_bridge.transport.envelope import Envelope
    from snakepit_bridge.values import Encoded

PART_MARGIN = 32
"""Bytes that framing may add to a named part of a value, or to a piece of its metadata."""


class BoundedCodec:
    """An encoding whose values fit into a message.

    Args:
        encoding: Reads and writes.
        max_value_bytes: The largest value that may leave, with everything that leaves beside it;
            ``None`` is no limit.
    """

    def __init__(self, encoding: Codec, max_value_bytes: int | None) -> None:
        self.decode_args = encoding.decode_args
        self._encode = encoding.encode
        self._max_value_bytes = max_value_bytes

    def encode(self, value: Any) -> Encoded:
        """The value in bytes.

        Raises:
            HandlerFailedError: It cannot travel in this encoding.
            QuotaExceededError: It is too large.
        """
        encoded: Encoded = self._encode(value)
        if self._max_value_bytes is not None:
            size = _size_of(encoded)
            if size > self._max_value_bytes:
                raise _too_large(size, self._max_value_bytes)
        return encoded


class RefusingCodec:
    """Refuses an envelope where any other would read it, so that its command fails like any other.

    Args:
        envelope: In an encoding that does not exist, or with blobs.
        codecs: Those that do exist, by their encoding.
    """

    def __init__(self, envelope: Envelope, codecs: Mapping[str, Codec]) -> None:
        self._envelope = envelope
        self._codecs = codecs

    def decode_args(self, args: Mapping[str, Any]) -> NoReturn:
        """Refuse.

        Raises:
            InvalidArgumentError: Lists the encodings there are, or says what to do without blobs.
        """
        del args
        find_among(self._codecs, self._envelope.encoding)
        raise InvalidArgumentError(
            f"{self._envelope.blobs} blobs came with the command; this bridge takes none.",
            {"hint": "Send the data in an argument: as bytes under the empty encoding."},
        )

    def encode(self, value: Any) -> NoReturn:
        """Never called: without arguments there is no value."""
        raise AssertionError(value)


def _size_of(encoded: Encoded) -> int:
    """Bytes of a message that a value takes at most."""
    size = len(encoded.value)
    if encoded.binary is not None:
        size += len(encoded.binary) + PART_MARGIN
    for name, part in encoded.parts.items():
        size += len(name.encode()) + len(part) + PART_MARGIN
    for name, text in encoded.metadata.items():
        size += len(name.encode()) + len(text.encode()) + PART_MARGIN
    return size


def _too_large(size: int, limit: int) -> QuotaExceededError:
    error = QuotaExceededError(
        f"The answer has {size} bytes, more than the {limit} of one message.",
        {"bytes": size, "hint": "Stream it in parts, or raise --max-message-bytes."},
    )
    error.retryable = False
    return error
