"""Blobs of an answer that do not travel in its message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from snakepit_bridge.errors import BridgeError, InvalidArgumentError, QuotaExceededError

if TYPE_CHECKING:
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.transport.luggage import Luggage
    from snakepit_bridge.values import Blob, Encoded

PART_MARGIN = 32
"""Bytes that framing may add to a named part of a value, or to a piece of its metadata."""

BLOB_MARGIN = 1024
"""The same for a blob with its description: a shape may have 64 axes."""

SHARED_FROM = 1024 * 1024
"""Bytes from which a blob goes through a file where the caller can read one; smaller ones are
there sooner in the answer itself."""

IN_BAND_REASON = "snakepit-in-band"
"""Metadata of an answer whose blobs should have been files, and why they are not."""

PATH = "snakepit-path:"
"""Metadata of an answer whose blobs are files: this and a handle name the path of one."""


def present(blob: Blob, leases: Leases | None) -> Blob:
    """The blob with its data, which are mapped where they were behind a handle.

    Raises:
        InvalidArgumentError: Nothing is kept here.
        BlobNotFoundError: There is no such handle.
        WrongCallError: The data are not complete.
    """
    if not blob.handle:
        return blob
    if leases is None:
        raise InvalidArgumentError(
            f"The blob of handle {blob.handle!r} cannot be read: this bridge keeps none.",
            {"handle": blob.handle, "hint": "Send the data themselves."},
        )
    return blob.holding(leases.data(blob.handle))


def shared(encoded: Encoded, luggage: Luggage) -> Encoded:
    """The same value, its large blobs in files whose paths its metadata tell.

    Where one file cannot be had, all stay what they are, and the metadata say why.
    """
    told: dict[str, str] = {}
    blobs = list(encoded.blobs)
    try:
        for place, blob in enumerate(blobs):
            if blob.nbytes >= SHARED_FROM:
                blobs[place] = stored = luggage.store(blob)
                told[PATH + stored.handle] = luggage.path_of(stored)
    except BridgeError as error:
        luggage.give_up_stored()
        blobs, told = list(encoded.blobs), {IN_BAND_REASON: error.message}
    return msgspec.structs.replace(encoded, blobs=blobs, metadata={**encoded.metadata, **told})


def fitted(encoded: Encoded, limit: int, luggage: Luggage | None) -> Encoded:
    """The same value, so many of its blobs behind handles that the rest fits into a message.

    Raises:
        QuotaExceededError: It is too large all the same, or there is no room for them.
    """
    size = left = size_of(encoded)
    if size <= limit:
        return encoded
    moved: list[int] = []
    # The largest first: then the fewest have to be fetched.
    for place in sorted(range(len(encoded.blobs)), key=lambda place: -encoded.blobs[place].nbytes):
        if left <= limit:
            break
        left -= encoded.blobs[place].nbytes
        moved.append(place)
    if left > limit or luggage is None or not luggage.stores:
        raise _too_large(size, limit)
    blobs = list(encoded.blobs)
    for place in moved:
        blobs[place] = luggage.store(blobs[place])
    return msgspec.structs.replace(encoded, blobs=blobs)


def size_of(encoded: Encoded) -> int:
    """Bytes of a message that a value takes at most."""
    size = len(encoded.value)
    if encoded.binary is not None:
        size += len(encoded.binary) + PART_MARGIN
    for name, part in encoded.parts.items():
        size += len(name.encode()) + len(part) + PART_MARGIN
    for name, text in encoded.metadata.items():
        size += len(name.encode()) + len(text.encode()) + PART_MARGIN
    for blob in encoded.blobs:
        size += blob.nbytes + BLOB_MARGIN
    return size


def _too_large(size: int, limit: int) -> QuotaExceededError:
    error = QuotaExceededError(
        f"The answer has {size} bytes, more than the {limit} of one message.",
        {
            "bytes": size,
            "hint": "Stream it in parts, return it as an array under the encoding 'msgpack' or "
            "'tagged', or raise --max-message-bytes.",
        },
    )
    error.retryable = False
    return error
