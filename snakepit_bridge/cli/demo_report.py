"""Spans as a tree, counters as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from snakepit_bridge.telemetry.export import CountRecord, SpanRecord


def tree(spans: Sequence[SpanRecord]) -> list[str]:
    """The spans, each below the one it is part of, with what they took.

    A span whose parent is not among them is a root.
    """
    known = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_id not in known]
    return [line for root in roots for line in _branch(root, spans, lead="", joint="")]


def totals(counts: Sequence[CountRecord]) -> list[str]:
    """How many commands there were, by name and by how they ended."""
    return [
        f"{names.COMMANDS_TOTAL}  {count.labels[names.COMMAND]:<20}  "
        f"{count.labels[names.STATUS]:<7}  {count.value:g}"
        for count in counts
        if count.name == names.COMMANDS_TOTAL
    ]


def _branch(
    span: SpanRecord, spans: Sequence[SpanRecord], *, lead: str, joint: str
) -> Iterator[str]:
    what = span.attributes.get(names.SPAN_COMMAND) or span.attributes.get("handler", "")
    label = f"{lead}{joint}{span.name} {what}"
    error = f"  {span.attributes.get(names.ERROR_TYPE, 'ERROR')}" if span.failed else ""
    yield f"{label:<48}{span.duration_ms:9.1f} ms{error}"
    below = {"": "", "├─ ": "│  ", "└─ ": "   "}[joint]
    children = [each for each in spans if each.parent_id == span.span_id]
    for child in children:
        last = child is children[-1]
        yield from _branch(child, spans, lead=lead + below, joint="└─ " if last else "├─ ")
