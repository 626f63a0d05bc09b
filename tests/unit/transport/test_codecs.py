from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import ErrorCode, InvalidArgumentError, QuotaExceededError
from snakepit_bridge.transport.codecs import PART_MARGIN, BoundedCodec, RefusingCodec
from snakepit_bridge.transport.envelope import Envelope
from snakepit_bridge.values import Encoded, find_encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit_json import SnakepitJson


class Ready:
    """A codec of values that are in bytes already."""

    def decode_args(self, args: Any) -> Any:
        return args

    def encode(self, value: Any) -> Any:
        return value


CODECS = {"json": Ready()}

ENCODED = [
    (Encoded(b"x" * 100), 100),
    (Encoded(b"{}", binary=b"x" * 98), 100 + PART_MARGIN),
    (Encoded(parts={"ä": b"x" * 98}), 100 + PART_MARGIN),
    (Encoded(b"x" * 96, metadata={"ä": "ä"}), 100 + PART_MARGIN),
]


@pytest.mark.parametrize(("encoded", "size"), ENCODED)
def test_a_value_that_just_fits_may_leave(encoded: Encoded, size: int) -> None:
    assert BoundedCodec(Ready(), size).encode(encoded) is encoded
    assert BoundedCodec(Ready(), None).encode(encoded) is encoded


@pytest.mark.parametrize(("encoded", "size"), ENCODED)
def test_everything_that_leaves_with_a_value_counts(encoded: Encoded, size: int) -> None:
    with pytest.raises(QuotaExceededError) as caught:
        BoundedCodec(Ready(), size - 1).encode(encoded)

    assert caught.value.code is ErrorCode.QUOTA_EXCEEDED
    assert caught.value.message == (
        f"The answer has {size} bytes, more than the {size - 1} of one message."
    )
    assert not caught.value.retryable


def test_the_encoding_reads_and_writes() -> None:
    codec = BoundedCodec(SnakepitJson(Fallback()), 100)

    assert codec.decode_args({"a": b"[1]"}) == {"a": [1]}
    assert codec.encode(b"\x00").binary == b"\x00"
    assert BoundedCodec(find_encoding("json"), 100).encode([1]) == Encoded(b"[1]")


def test_an_encoding_that_does_not_exist_is_refused_where_it_would_read() -> None:
    """One that another transport has was once taken for a question of blobs."""
    with pytest.raises(InvalidArgumentError, match="No encoding is called 'tagged'") as caught:
        RefusingCodec(Envelope(command="x", encoding="tagged"), CODECS).decode_args({})

    assert caught.value.hint == "The encodings are: json."


def test_blobs_are_refused_where_they_would_be_read() -> None:
    with pytest.raises(InvalidArgumentError, match="2 blobs came with the command"):
        RefusingCodec(Envelope(command="x", blobs=2), CODECS).decode_args({})


def test_what_was_never_read_is_never_answered() -> None:
    with pytest.raises(AssertionError):
        RefusingCodec(Envelope(command="x"), CODECS).encode(1)
