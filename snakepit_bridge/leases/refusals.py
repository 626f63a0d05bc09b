"""What the store of binary data says when it cannot do something."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from snakepit_bridge.errors import (
    BlobNotFoundError,
    BridgeError,
    QuotaExceededError,
    WrongCallError,
)
from snakepit_bridge.leases.disk import NO_ROOM

_SHOWN = 8
"""Characters of a handle that tell which one it was; whoever knows all of them may use it."""


def unknown(handle: str) -> BlobNotFoundError:
    """There is no such handle."""
    return BlobNotFoundError(
        f"No binary data have the handle {handle[:_SHOWN] + '...'!r}.",
        {
            "hint": "They were released, have not been used for too long (--blob-idle-s), or "
            "belong to another bridge; send them again.",
        },
    )


def file_gone() -> BlobNotFoundError:
    """Somebody has removed the file."""
    return BlobNotFoundError(
        "The file of this handle is gone.",
        {"hint": "Somebody has removed it; release the handle and send the data again."},
    )


def not_ours(what: str) -> WrongCallError:
    """Something is wrong with the file, for which it is not touched any more."""
    return WrongCallError(
        f"The file of this handle {what}, so it is not used.",
        {
            "hint": "Write into the file that 'blob.create' names; do not replace or link it, "
            "and leave its mode alone.",
        },
    )


def broken(error: OSError) -> WrongCallError:
    """The system does not let the file be used."""
    return WrongCallError(
        f"The file of this handle cannot be used: {error.strerror}.",
        {"hint": "Try again; if that does not help, release the handle and send the data again."},
    )


def incomplete(received: int, size: int) -> WrongCallError:
    """Bytes are missing, or there are too many."""
    if received > size:
        text, hint = f"The file has {received} bytes, not {size}.", "Create one of the right size."
    else:
        text = f"{size - received} of {size} bytes are missing."
        hint = "Send the rest, or write the whole file, before using the handle."
    return WrongCallError(text, {"received": received, "bytes": size, "hint": hint})


def too_large(size: int, limit: int) -> QuotaExceededError:
    """It would not fit, however much was released."""
    error = QuotaExceededError(
        f"{size} bytes are more than may be kept, which is {limit}.",
        {"bytes": size, "limit": limit, "hint": "Send less at once, or raise --max-blob-bytes."},
    )
    error.retryable = False
    return error


def full(size: int, taken: int, limit: int) -> QuotaExceededError:
    """It does not fit as long as the others are there."""
    return QuotaExceededError(
        f"{size} bytes do not fit beside the {taken} that are kept, of {limit}.",
        {
            "bytes": size,
            "taken": taken,
            "limit": limit,
            "hint": "Release some with 'blob.release', or raise --max-blob-bytes.",
        },
    )


def too_many(limit: int) -> QuotaExceededError:
    """There are as many as there may be."""
    return QuotaExceededError(
        f"There are {limit} handles, as many as there may be.",
        {"limit": limit, "hint": "Release some with 'blob.release'."},
    )


def no_room(size: int, tried: Mapping[Path, OSError]) -> BridgeError:
    """No folder takes the data."""
    reasons = "; ".join(f"{folder}: {error.strerror}" for folder, error in tried.items())
    details = {
        "bytes": size,
        "hint": "Release some with 'blob.release', or give the bridge a folder with room "
        "(--blob-dir).",
    }
    if any(error.errno in NO_ROOM for error in tried.values()):
        return QuotaExceededError(f"There is no room for {size} bytes ({reasons}).", details)
    details["hint"] = "Give the bridge a folder that it may write to (--blob-dir)."
    return WrongCallError(f"{size} bytes cannot be kept ({reasons}).", details)


def closed() -> WrongCallError:
    """The store has ended."""
    return WrongCallError("The bridge that kept these data has ended.")


def forked(owner: int) -> WrongCallError:
    """The store was opened by another process."""
    return WrongCallError(
        f"These data belong to process {owner}, not to this one, which was forked from it.",
        {"hint": "Read them before forking, or hand on the path of the file."},
    )
