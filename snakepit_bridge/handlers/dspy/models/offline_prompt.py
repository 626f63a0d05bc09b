"""Prompts of DSPy's adapters, read for what a language model is asked to fill in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from xml.sax.saxutils import escape

import msgspec

Layout = str
"""``"chat"``, ``"json"``, ``"xml"``, or ``"text"`` where no adapter asks for fields."""


class Asked(msgspec.Struct, frozen=True):
    """What one request wants back."""

    layout: Layout
    notes: Mapping[str, str]
    """By the name of each field, in order: what the prompt says about its type; empty for text."""


# The last line of each adapter's request, which names the fields in order. What the user sends
# stands before it, so the last match is the adapter's own.
_REQUESTS: Mapping[Layout, tuple[re.Pattern[str], re.Pattern[str]]] = MappingProxyType({
    "chat": (
        re.compile(
            r"Respond with the corresponding output fields, starting with the field "
            r"(.*), and then ending with the marker for `\[\[ ## completed ## \]\]`\.$",
            re.MULTILINE,
        ),
        re.compile(r"(?:^|, then )`\[\[ ## (\w+) ## \]\]`"),
    ),
    "json": (
        re.compile(
            r"Respond with a JSON object in the following order of fields: (.*)\.$", re.MULTILINE
        ),
        re.compile(r"(?:^|, then )`(\w+)`"),
    ),
    "xml": (
        re.compile(r"Respond with the corresponding output fields wrapped in XML tags (.*)\."),
        re.compile(r"(?:^|, then )`<(\w+)>`"),
    ),
})  # fmt: skip

_NOTE = r"# note: the value you produce (.*)"
_JSON_BLOCK = "Outputs will be a JSON object with the following fields.\n\n"


def read(request: Any) -> Asked:
    """What a request asks for.

    Args:
        request: A ``dspy.lm15.Request``.
    """
    system = _text(request.system)
    last = _text(request.messages[-1].parts)
    found = [
        (match.start(), layout, names.findall(match[1]))
        for layout, (line, names) in _REQUESTS.items()
        for match in line.finditer(last)
    ]
    if not found:
        return Asked("text", {})
    _, layout, fields = max(found)
    return Asked(layout, _notes(layout, fields, system))


def write(asked: Asked, values: Mapping[str, Any]) -> str:
    """An answer with these values, as the adapter that asks will read it."""
    return _WRITERS[asked.layout](values)


def words_in(request: Any) -> int:
    """How long a request is; the offline model counts words as tokens."""
    texts = [_text(request.system), *(_text(message.parts) for message in request.messages)]
    return sum(len(text.split()) for text in texts)


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text for part in content if part.type == "text")


def _notes(layout: Layout, fields: Sequence[str], system: str) -> dict[str, str]:
    described = _json_block(system) if layout == "json" else {}
    notes = {}
    for field in fields:
        place = described.get(field, system) if layout == "json" else system
        match = re.search(rf"\{{{field}\}} +{_NOTE}$", str(place), re.MULTILINE)
        notes[field] = match[1] if match else ""
    return notes


def _json_block(system: str) -> Mapping[str, Any]:
    _, found, rest = system.partition(_JSON_BLOCK)
    if not found:
        return {}
    try:
        block, _ = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return {}
    return block if isinstance(block, dict) else {}


def _in_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)


def _as_chat(values: Mapping[str, Any]) -> str:
    parts = [f"[[ ## {name} ## ]]\n{_in_text(value)}" for name, value in values.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def _as_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _as_xml(values: Mapping[str, Any]) -> str:
    parts = [f"<{name}>\n{escape(_in_text(value))}\n</{name}>" for name, value in values.items()]
    return "\n\n".join(parts)


def _as_text(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {_in_text(value)}" for name, value in values.items())


_WRITERS: Mapping[Layout, Callable[[Mapping[str, Any]], str]] = MappingProxyType({
    "chat": _as_chat,
    "json": _as_json,
    "xml": _as_xml,
    "text": _as_text,
})  # fmt: skip
