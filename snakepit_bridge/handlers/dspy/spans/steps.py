"""What DSPy is doing, step by step, for those who tell of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.spans.spans import OpenSpan

MOST_OPEN = 10_000
"""Steps of one command that are under way at once; those beyond are not told."""


class Kind(StrEnum):
    """What sort of step it is."""

    MODULE = "module"
    LM = "lm"
    TOOL = "tool"
    EVALUATE = "evaluate"
    COMPILE = "compile"
    INSIDE = "inside"
    """Not worth telling by itself; what happens in it belongs to the step around it."""


class Step:
    """One thing that DSPy has begun: a module, a request to a language model, a tool.

    Attributes:
        kind: What sort of step it is.
        call_id: DSPy's own id of it.
        parent: The step that led to this one, where that is known.
        instance: DSPy's object.
        inputs: What it was called with.
        span: Whatever ``Spans`` keeps between beginning and end.
    """

    __slots__ = ("_started", "call_id", "inputs", "instance", "kind", "parent", "span")

    def __init__(
        self,
        kind: Kind,
        call_id: str,
        instance: Any,
        inputs: Mapping[str, Any],
        parent: Step | None = None,
    ) -> None:
        self.kind = kind
        self.call_id = call_id
        self.parent = parent
        self.instance = instance
        self.inputs = inputs
        self.span: OpenSpan | None = None
        self._started = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self._started

    @property
    def name(self) -> str:
        """What people call it: a model, a tool, else the class."""
        attribute = _NAMED_BY.get(self.kind, "")
        name = getattr(self.instance, attribute, None) if attribute else None
        return name if isinstance(name, str) else type(self.instance).__name__


_NAMED_BY = {Kind.LM: "model", Kind.TOOL: "name"}


class Listener(Protocol):
    """Whoever tells of steps; must neither raise nor block."""

    def began(self, step: Step) -> None:
        """A step begins, in this thread and context."""

    def ended(self, step: Step, outputs: Any, exception: BaseException | None) -> None:
        """It has ended, well or not; where it began unless it was thrown away."""


class Steps:
    """The steps of one command that are under way. Safe from any thread.

    Args:
        listeners: Are told of each.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)
        self._open: dict[str, Step] = {}

    def begin(self, step: Step, *, parent_id: str | None) -> None:
        """A step begins inside the one with this id."""
        # Full only when thousands have begun and never ended; the rest then goes untold.
        if len(self._open) >= MOST_OPEN:
            return
        step.parent = self._open.get(parent_id) if parent_id is not None else None
        self._open[step.call_id] = step
        for each in self._listeners:
            each.began(step)

    def end(self, call_id: str, outputs: Any, exception: BaseException | None) -> None:
        """A step has ended."""
        step = self._open.pop(call_id, None)
        if step is None:
            return
        for each in self._listeners:
            each.ended(step, outputs, exception)
