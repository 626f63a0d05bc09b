"""Docstrings in Google's style, taken apart."""

from __future__ import annotations

import inspect
import re

MAX_DOC = 8000
"""Characters of a docstring that are shown."""

_SECTION = re.compile(r"^(?:Args|Arguments|Parameters):\s*$", re.MULTILINE)
_NEXT_SECTION = re.compile(r"^\S", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}\w+)\s*(?:\([^\n]*?\))?\s*:\s*(.*)$", re.DOTALL)
_DEPRECATED = re.compile(
    r"^\.\. deprecated::[^\n]*\n(?:[ \t]*\n)?((?:[ \t]+[^\n]*\n?)+)", re.MULTILINE
)

_EXPERIMENTAL = re.compile(r"Experimental:[^\n]*\s*")


def doc_of(thing: object) -> str:
    """What was written about a class or function, its indentation taken away.

    Of a class that says nothing, what its constructor says.
    """
    own = getattr(thing, "__doc__", None)
    if own is None and isinstance(thing, type):
        own = vars(thing).get("__init__", thing).__doc__
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def shown(doc: str) -> str:
    """A docstring, cut where it is very long."""
    return doc if len(doc) <= MAX_DOC else doc[: MAX_DOC - 3] + "..."


def summary_of(doc: str) -> str:
    """The first paragraph in one line; notes on deprecation, or on being experimental, are none."""
    rest = _EXPERIMENTAL.sub("", _DEPRECATED.sub("", doc).strip())
    return shown(" ".join(rest.partition("\n\n")[0].split()))


def deprecation_in(doc: str) -> str:
    """What a docstring says about its subject going away; empty when it stays."""
    found = _DEPRECATED.search(doc)
    return " ".join(found[1].split()) if found else ""


def is_experimental(doc: str) -> bool:
    """Whether a docstring begins with DSPy's note that its subject may change."""
    return _EXPERIMENTAL.match(doc) is not None


def parameters_in(doc: str) -> dict[str, str]:
    """The descriptions of parameters, by name, without stars."""
    section = _SECTION.search(doc)
    if section is None:
        return {}
    text = doc[section.end() :].lstrip("\n")
    end = _NEXT_SECTION.search(text)
    lines = text[: end.start() if end else None].splitlines()
    return dict(_described(item) for item in _items(lines) if _ITEM.match(item))


def _items(lines: list[str]) -> list[str]:
    """The items of a section: each begins at the least indentation of all."""
    filled = [line for line in lines if line.strip()]
    least = min((_indentation(line) for line in filled), default=0)
    items: list[str] = []
    for line in filled:
        if _indentation(line) == least or not items:
            items.append(line.strip())
        else:
            items[-1] += " " + line.strip()
    return items


def _described(item: str) -> tuple[str, str]:
    found = _ITEM.match(item)
    assert found is not None
    return found[1].lstrip("*"), shown(" ".join(found[2].split()))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
