"""Reads the files of certificates, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_pem(path: Path, kind: str) -> bytes:
    """The content of a PEM file.

    Args:
        path: The file.
        kind: What has to be in it, e.g. ``"CERTIFICATE"``.

    Raises:
        ValueError: It cannot be read, or holds nothing of the kind; names it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        text = f"cannot read {str(path)!r}: {error.strerror}"
        raise ValueError(text) from error
    if b"-----BEGIN" not in content or kind.encode() not in content:
        text = f"{str(path)!r} holds no PEM {kind.lower()}"
        raise ValueError(text)
    return content
