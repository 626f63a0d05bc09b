"""Tags of binary data."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.binary.blob_values import BlobValues
from snakepit_bridge.values.binary.forms import bytes_blob, value_of
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.tagged.plain_tags import base64_field, bytes_tag
from snakepit_bridge.values.tagged.tags import (
    Members,
    TagError,
    optional_text,
    shown,
    tag,
    text_field,
    whole_field,
)

INLINE_BYTES = 4096
"""From here on bytes travel beside the text, if they may: base64 takes a third more room, and
both sides time. Smaller ones are not worth a blob of their own."""

_MAX_AXES = 64
"""As many as numpy takes."""


def blob_tag(blob: Blob, beside: Beside) -> dict[str, Any]:
    """``blob`` with its place among the blobs beside the text, else with everything inside.

    Raises:
        CannotWriteError: The data are elsewhere, and there is nothing beside the text.
    """
    index = beside.put(blob)
    if index is not None:
        return tag("blob", index=index)
    if blob.handle:
        raise CannotWriteError(
            "are data kept elsewhere", "Return the data themselves, e.g. as bytes."
        )
    data = b64encode(blob.data).decode()
    return tag("blob", kind=blob.kind, dtype=blob.dtype, shape=list(blob.shape), data=data)


def binary_tag(data: bytes | bytearray | memoryview, beside: Beside) -> dict[str, Any]:
    """``bytes``, or a ``blob`` where they are many and may travel beside the text."""
    if memoryview(data).nbytes >= INLINE_BYTES:
        index = beside.put(bytes_blob(data))
        if index is not None:
            return tag("blob", index=index)
    return bytes_tag(data)


def read_blob(members: Members, blobs: BlobValues) -> Any:
    """Read what a ``blob`` stands for.

    Args:
        members: Of the tag.
        blobs: Of what came beside the text.

    Raises:
        TagError: The tag is malformed, or there is no such blob.
        CannotReadError: The data are not what the blob says of them.
    """
    if "index" not in members:
        if members.get("handle"):
            raise TagError('with a "handle", which only the blobs beside a value have')
        return value_of(
            Blob(
                kind=text_field(members, "kind"),
                dtype=optional_text(members, "dtype"),
                shape=_shape(members),
                data=base64_field(members, "data"),
            )
        )
    index = whole_field(members, "index")
    if 0 <= index < len(blobs):
        return blobs.at(index)
    raise TagError(f'whose "index" is {shown(index)}; {_count(blobs)} came with the value')


def _shape(members: Members) -> tuple[int, ...]:
    shape = members.get("shape", [])
    fits = type(shape) is list and len(shape) <= _MAX_AXES
    if fits and all(type(axis) is int and 0 <= axis < 2**63 for axis in shape):
        return tuple(shape)
    raise TagError('whose "shape" is not a list of sizes')


def _count(blobs: BlobValues) -> str:
    return "one blob" if len(blobs) == 1 else f"{len(blobs)} blobs"
