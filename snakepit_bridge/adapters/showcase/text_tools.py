"""What the showcase can tell about a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_OPERATIONS: dict[str, Callable[[str], str | int]] = {
    "upper": str.upper,
    "lower": str.lower,
    "reverse": lambda text: text[::-1],
    "length": len,
}

_PRAISE = frozenset(
    {"amazing", "best", "excellent", "good", "great", "happy", "like", "love", "nice", "wonderful"}
)
_BLAME = frozenset(
    {"awful", "bad", "broken", "hate", "horrible", "poor", "sad", "terrible", "ugly", "worst"}
)

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_END_OF_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")


def process_text(text: str, operation: str = "upper") -> dict[str, Any]:
    """Turn a text into another, or measure it in characters.

    Args:
        text: Any text.
        operation: ``"upper"``, ``"lower"``, ``"reverse"`` or ``"length"``.

    Returns:
        ``original``, ``operation``, ``result``, ``success``.

    Raises:
        ValueError: There is no such operation.
    """
    if operation not in _OPERATIONS:
        message = f"There is no operation {operation!r}: it is one of {', '.join(_OPERATIONS)}."
        raise ValueError(message)
    result = _OPERATIONS[operation](text)
    return {"original": text, "operation": operation, "result": result, "success": True}


def analyze_text(text: str) -> dict[str, Any]:
    """Count the words of a text, guess from them whether its author is pleased.

    Returns:
        ``text``, ``word_count``, ``unique_words``, ``sentence_count``, ``sentiment``
        (``"positive"``, ``"negative"`` or ``"neutral"``), ``confidence`` (0.5 to 1),
        ``success``.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    praise = sum(word in _PRAISE for word in words)
    blame = sum(word in _BLAME for word in words)
    sentences = len(_END_OF_SENTENCE.findall(text)) or bool(words)
    return {
        "text": text,
        "word_count": len(words),
        "unique_words": len(set(words)),
        "sentence_count": int(sentences),
        "sentiment": _sentiment(praise, blame),
        "confidence": max(praise, blame) / (praise + blame) if praise + blame else 0.5,
        "success": True,
    }


def _sentiment(praise: int, blame: int) -> str:
    if praise == blame:
        return "neutral"
    return "positive" if praise > blame else "negative"
