"""What a docstring in Google's style says of each parameter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping

_SECTIONS = {"Args:", "Arguments:", "Parameters:"}

# An entry may name the type of its parameter in parentheses.
_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")


def parameter_descriptions(docstring: str) -> Mapping[str, str]:
    """The descriptions by name, each in one line; of a docstring in another style, none."""
    described: dict[str, list[str]] = {}
    lines: list[str] = []
    indent: int | None = None
    for line in _section(inspect.cleandoc(docstring)):
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        entry = _ENTRY.fullmatch(line.strip()) if depth == indent else None
        if entry is not None:
            lines = described.setdefault(entry["name"], [])
            lines.append(entry["text"])
        else:
            lines.append(line.strip())
    return {name: " ".join(filter(None, lines)) for name, lines in described.items()}


def _section(docstring: str) -> Iterator[str]:
    """The lines below the heading of the parameters, down to the next heading."""
    lines = iter(docstring.splitlines())
    for line in lines:
        if line.strip() in _SECTIONS and line[0] != " ":
            break
    for line in lines:
        if line and line[0] != " ":
            return
        if line:
            yield line
