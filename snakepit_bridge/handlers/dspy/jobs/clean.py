"""Values as JSON, whatever texts are in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

Order = Literal["deterministic", "sorted"] | None


def encoded(value: Any, *, otherwise: Callable[[Any], Any] = str, order: Order = None) -> bytes:
    """A value as JSON; half characters (lone surrogates), which it cannot say, as ``"?"``.

    Args:
        value: Plain data, for the most part.
        otherwise: Makes plain data of the rest.
        order: Of the keys, as msgspec has it.

    Raises:
        TypeError: It has keys that are no texts.
        ValueError: It contains itself, or a number that is too large.
    """
    try:
        return msgspec.json.encode(value, enc_hook=otherwise, order=order)
    except UnicodeEncodeError:
        return msgspec.json.encode(
            with_texts(value, whole),
            enc_hook=lambda rest: with_texts(otherwise(rest), whole),
            order=order,
        )


def whole(text: str) -> str:
    """The text without half characters."""
    return text.encode("utf-8", "replace").decode()


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of plain data with every text in it changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        changed = {}
        for name, each in value.items():
            changed[with_texts(name, change)] = with_texts(each, change)
        return changed
    if isinstance(value, (list, tuple)):
        parts = []
        for each in value:
            parts.append(with_texts(each, change))  # noqa: PERF401  (one frame per level)
        return parts
    return value
