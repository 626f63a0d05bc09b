"""Values in the places where Snakepit's ``BridgeService`` has them."""

from __future__ import annotations

from fuzz.encodings import BLOBS, TYPES
from fuzz.judging import REFUSED, ensure, read
from snakepit_bridge.values.encoding import Encoding
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.message_pack.message_pack import MessagePack
from snakepit_bridge.values.refusals import CannotReadError
from snakepit_bridge.values.snakepit.arguments import (
    Argument,
    Binary,
    Described,
    Misdescribed,
    Typed,
)
from snakepit_bridge.values.snakepit.binary import described
from snakepit_bridge.values.snakepit.encodings import SnakepitEncoding
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson
from snakepit_bridge.values.tagged.tagged import Tagged

_ENCODINGS: tuple[Encoding, ...] = (
    SnakepitJson(Fallback()),
    SnakepitEncoding(Tagged(Fallback(), TYPES)),
    SnakepitEncoding(MessagePack(Fallback(), TYPES)),
)

_LABELS = tuple(
    f"type.googleapis.com/{name}"
    for name in (
        *("snakepit.float", "snakepit.integer", "snakepit.string", "snakepit.boolean"),
        *("snakepit.map", "snakepit.list", "snakepit.tensor.binary", "google.protobuf.StringValue"),
    )
)


def check(data: bytes) -> None:
    """Read an argument.

    Args:
        data: Its kind in one byte; then what it says, or a description, a zero byte and bytes.
    """
    if not data:
        return
    kind, content = data[0] % 8, data[1:]
    for encoding in _ENCODINGS:
        if kind < 4:  # noqa: PLR2004
            read(encoding, _text(kind, content))
        else:
            _check_binary(encoding, content)


def _text(kind: int, content: bytes) -> Argument:
    if kind == 0:
        return content
    if kind == 1:
        return Binary(content)
    label, _, text = content.partition(b"\0")
    if kind == 2:  # noqa: PLR2004
        return Typed(label.decode(errors="surrogateescape"), text)
    return Typed(_LABELS[len(label) % len(_LABELS)], text)


def _check_binary(encoding: Encoding, content: bytes) -> None:
    description, found, data = content.partition(b"\0")
    try:
        blob = described(description.decode(errors="replace"), data if found else None)
    except CannotReadError as error:
        ensure(read(encoding, Misdescribed(error)) is REFUSED, "read without a description")
        return
    # Data behind a handle are fetched before anything is read.
    if not blob.handle:
        read(encoding, Described(len(BLOBS)), (*BLOBS, blob))
