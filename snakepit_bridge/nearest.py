"""What somebody who misspelt a name may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``; ``None`` when none is like it."""
    # Imported here: a server should not pay at start for the mistakes of its callers.
    from difflib import get_close_matches  # noqa: PLC0415

    near = get_close_matches(name, list(known), n=1)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """The hint for a misspelt name: the nearest known one, else what ``otherwise`` says."""
    near = nearest(name, known)
    return f"Did you mean {near!r}?" if near else otherwise
