"""A program as data: which steps it takes, from where to where values go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.programs.sources import MISSING, Result, Stock
from snakepit_bridge.nearest import nearest

MOST_ITEMS = 1000
"""Items that one step goes over."""


class Step(msgspec.Struct, frozen=True):
    """One call of a module, or one for each item of a list."""

    name: str
    inputs: Mapping[str, Any]
    """A source for each."""

    when: Any = None
    """The condition; ``None`` always takes it."""

    over: Any = None
    """The source of the list; ``None`` calls once."""

    at_once: int = 8
    """Items under way at the same time, where that is possible."""

    needs: tuple[str, ...] = ()
    """Steps whose results it uses."""

    def is_taken(self, stock: Stock) -> bool:
        """Whether its condition holds."""
        return self.when is None or bool(self.when.holds(stock))

    def arguments(self, stock: Stock) -> dict[str, Any]:
        """The arguments of its call."""
        values = {name: source.value(stock) for name, source in self.inputs.items()}
        return {name: value for name, value in values.items() if value is not MISSING}

    def stocks(self, stock: Stock) -> list[Stock]:
        """One stock for each item.

        Raises:
            InvalidArgumentError: What it goes over is no list, or too long.
        """
        items = self.over.value(stock)
        if items is None or items is MISSING:
            return []
        if not isinstance(items, (list, tuple)):
            raise self._wrong(f"something of the type {type(items).__name__!r}, no list")
        if len(items) > MOST_ITEMS:
            raise self._wrong(f"{len(items)} items; {MOST_ITEMS} are possible")
        return [
            msgspec.structs.replace(stock, item=item, index=index)
            for index, item in enumerate(items)
        ]

    def _wrong(self, why: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"The step {self.name!r} cannot go over {why}.", {"step": self.name}
        )


class Plan(msgspec.Struct, frozen=True):
    """All of a program but its modules."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, Any]
    """A source for each."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    size: int
    """Steps, those of programs within included."""

    height: int = 1
    """Programs within programs, itself included."""

    def stock(self, inputs: Mapping[str, Any]) -> Stock:
        """Where a run begins.

        Raises:
            InvalidArgumentError: Names every input that is missing or unknown.
        """
        known = (*self.required, *self.optional)
        wrong = {name: "is missing" for name in self.required if name not in inputs}
        for name in inputs:
            if name not in known:
                near = nearest(name, known)
                wrong[name] = f"is unknown{f' (did you mean {near!r}?)' if near else ''}"
        if wrong:
            listed = "; ".join(f"{name!r} {why}" for name, why in wrong.items())
            takes = ", ".join((*self.required, *(f"{name}?" for name in self.optional)))
            raise InvalidArgumentError(
                f"Wrong inputs for the program: {listed}.",
                {"arguments": wrong, "hint": f"It takes: {takes}."},
            )
        return Stock(inputs, {})

    def answer(self, stock: Stock) -> dict[str, Any]:
        """The outputs at the end of a run."""
        values = {name: source.value(stock) for name, source in self.outputs.items()}
        return {name: None if value is MISSING else value for name, value in values.items()}


def fields_of(given: Any) -> Mapping[str, Any]:
    """What a module gave, by field; what is no prediction is the field ``result``."""
    if isinstance(given, Mapping):
        return given
    items = getattr(type(given), "items", None)
    return dict(given.items()) if callable(items) else {"result": given}


def gathered(given: list[Mapping[str, Any]]) -> Result:
    """The results for all items as one: each field a list, ``None`` where one has it not."""
    names = dict.fromkeys(name for each in given for name in each)
    return Result({name: [each.get(name) for each in given] for name in names}, is_many=True)
