"""Binary data that travel on Snakepit's service beside a description of them."""

from __future__ import annotations

from typing import Any

import msgspec

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.binary.forms import value_of
from snakepit_bridge.values.blob import BYTES, TENSOR, Blob, Data
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.refusals import CannotReadError

LABEL = "map"
"""Of a description, which is JSON in every encoding: Elixir reads it before anything else."""

_NO_DESCRIPTION = b"{}"
"""Of bytes that are bytes: it makes Elixir return them alone."""

_SHOWN = 100
"""Characters of what is said about a wrong description, which may repeat all of it."""


class _Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    kind: str = BYTES
    dtype: str = ""
    shape: tuple[int, ...] = ()
    handle: str = ""


_read = msgspec.json.Decoder(_Description).decode
_write = msgspec.json.Encoder().encode


class _NoRoom(Beside):
    def __init__(self, beside: Beside) -> None:
        self.keep = beside.keep  # type: ignore[method-assign]  # a call less
        self.give_up = beside.give_up  # type: ignore[method-assign]


def no_room_in(beside: Beside) -> Beside:
    """The same for what is nested: it keeps objects, and takes no blobs."""
    return beside if beside is NOTHING else _NoRoom(beside)


def whole_result(blob: Blob, beside: Beside) -> Encoded:
    """A result that is nothing but binary data.

    Returns:
        The data with their description; neither of them where ``beside`` took the blob, which is
        then the only one.
    """
    if beside.put(blob) is not None:
        return Encoded(label=LABEL)
    return Encoded(description_of(blob), label=LABEL, binary=bytes(blob.data))


def whole_value(encoded: Encoded) -> Any:
    """The client's side of ``whole_result``.

    Raises:
        CannotReadError: The data are not what their description says.
    """
    if encoded.blobs:
        return value_of(encoded.blobs[0])
    return value_of(described(encoded.value.decode(errors="replace"), encoded.binary or b""))


def description_of(blob: Blob) -> bytes:
    """What stands beside the data of a blob, as JSON: ``kind``, ``dtype``, ``shape``, ``handle``.

    What is empty is left out. Of bytes that are here it is ``{}``.
    """
    if blob.kind == BYTES and not blob.handle:
        return _NO_DESCRIPTION
    facts: dict[str, Any] = {"kind": blob.kind}
    if blob.dtype:
        facts["dtype"] = blob.dtype
    if blob.kind == TENSOR:
        facts["shape"] = blob.shape
    if blob.handle:
        facts["handle"] = blob.handle
    return _write(facts)


def described(description: str, data: Data | None) -> Blob:
    """The blob that data are with their description, or that a handle stands for.

    Args:
        description: JSON.
        data: The bytes; ``None`` where none came, which a handle does not need.

    Raises:
        CannotReadError: The description says no such thing.
    """
    try:
        facts = _read(description)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise CannotReadError(
            f"has a description that cannot be read ({str(error)[:_SHOWN]})",
            'Describe it as JSON, e.g. {"kind":"tensor","dtype":"float32","shape":[2,3]}.',
        ) from error
    if facts.handle and data:
        raise CannotReadError(
            "has a handle, and bytes as well", "Send the bytes, or the handle with no bytes."
        )
    if data is None and not facts.handle:
        raise CannotReadError(
            "has a description, but no bytes", "Send them as a binary parameter of this name."
        )
    return Blob(
        kind=facts.kind,
        dtype=facts.dtype,
        shape=facts.shape,
        data=data or b"",
        handle=facts.handle,
    )
