"""How a caller writes the sources of a program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.programs.conditions import Condition, Equals, Holds, Not
from snakepit_bridge.handlers.dspy.programs.paths import LONGEST
from snakepit_bridge.handlers.dspy.programs.sources import (
    First,
    Index,
    Input,
    Item,
    Listed,
    Output,
    Source,
    Value,
)

DEEPEST = 8
"""Levels of sources within sources."""

MOST = 100
"""Sources within one."""

_FORMS = "write '$.input', '$step.field', {'value': …}, {'first': […]} or {'list': […]}"
_CONDITIONS = "write a source, {'source': …, 'equals': …}, {'source': …, 'in': […]} or {'not': …}"
_NAME = re.compile(r"\w+")


def source_in(data: Any, place: str, problems: Problems, depth: int = 0) -> Source:
    """The source that data describes; some other one when it describes none.

    Args:
        data: ``"$.question"``, ``"$search.passages.0"``, ``{"value": 3}`` …
        place: Where it stands.
        problems: Told what is wrong.
        depth: Levels it is within.
    """
    if isinstance(data, str):
        return _from_text(data, place, problems)
    if isinstance(data, Mapping) and len(data) == 1 and depth < DEEPEST:
        if "value" in data:
            return Value(data["value"])
        for word, kind in (("first", First), ("list", Listed)):
            several = data.get(word)
            if isinstance(several, list) and 0 < len(several) <= MOST:
                return kind(
                    tuple(
                        source_in(each, f"{place}.{word}.{index}", problems, depth + 1)
                        for index, each in enumerate(several)
                    )
                )
    problems.add(place, f"is no source; {_FORMS}")
    return Value(None)


def condition_in(data: Any, place: str, problems: Problems, depth: int = 0) -> Condition:
    """The condition that data describes; some other one when it describes none.

    Args:
        data: A source, or ``{"source": "$route.kind", "equals": "bill"}`` …
        place: Where it stands.
        problems: Told what is wrong.
        depth: Levels it is within.
    """
    if isinstance(data, Mapping) and depth < DEEPEST:
        if data.keys() == {"not"}:
            return Not(condition_in(data["not"], f"{place}.not", problems, depth + 1))
        if data.keys() == {"source", "equals"}:
            source = source_in(data["source"], f"{place}.source", problems)
            return Equals(source, (data["equals"],))
        if data.keys() == {"source", "in"} and isinstance(data["in"], list):
            source = source_in(data["source"], f"{place}.source", problems)
            return Equals(source, tuple(data["in"]))
        if data.keys() & {"source", "equals", "in", "not"}:
            problems.add(place, f"is no condition; {_CONDITIONS}")
            return Not(Holds(Value(None)))
    return Holds(source_in(data, place, problems))


def _from_text(text: str, place: str, problems: Problems) -> Source:
    first, *rest = text.split(".")
    path = tuple(rest)
    if len(path) > LONGEST or not all(map(_NAME.fullmatch, (*path, first[1:] or "_"))):
        problems.add(place, f"is no source: {text[:100]!r}; {_FORMS}")
    elif text == "$index":
        return Index()
    elif first == "$item":
        return Item(path)
    elif first == "$" and path:
        return Input(path[0], path[1:])
    elif first.startswith("$") and path:
        return Output(first[1:], path[0], path[1:])
    else:
        constant = "; a constant is {'value': …}" if not text.startswith("$") else ""
        problems.add(place, f"is no source: {text[:100]!r}; {_FORMS}{constant}")
    return Value(None)
