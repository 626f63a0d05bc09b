"""What a language model reads of a tool's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import HostUnavailableError
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotWriteError

if TYPE_CHECKING:
    from snakepit_bridge.errors import BridgeError

MAX_RESULT = 100_000
"""Characters of one answer; every turn of an agent sends them all again."""

MAX_FAILURE = 2000
"""Characters of one failure."""

_write = JsonWriter(Fallback()).write


def result_text(value: Any) -> str:
    """A text as it is, and anything else as JSON, which language models read best.

    DSPy would write some values as Python does, and lists with quotation marks of its own.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _of_bytes(bytes(value))
    if isinstance(value, str):
        return _bounded(value, MAX_RESULT)
    try:
        return _bounded(_write(value).decode(), MAX_RESULT)
    except CannotWriteError as error:
        return f"(an answer that cannot be shown: {error})"


def failure_text(name: str, error: BridgeError, *, hides: bool) -> str:
    """A failure without anything of the programs in which it happened.

    Args:
        name: The tool, as the language model calls it.
        error: The failure.
        hides: Whether the language model may only know that there was one.
    """
    if hides:
        return f"The tool {name} failed."
    if isinstance(error, HostUnavailableError):
        return f"The tool {name} cannot be reached now."  # where it is, is no business of others
    said = error.details.get("host_message") or error.message
    return _bounded(f"The tool {name} failed: {said} {error.hint}".strip(), MAX_FAILURE)


def _of_bytes(data: bytes) -> str:
    try:
        return _bounded(data.decode(), MAX_RESULT)
    except UnicodeDecodeError:
        return f"({len(data)} bytes of binary data, which cannot be shown)"


def _bounded(text: str, limit: int) -> str:
    if len(text) > limit:
        text = f"{text[:limit]}\n(cut here; it has {len(text)} characters)"
    # A lone surrogate can be sent to no language model.
    return text.encode("utf-8", "replace").decode()
