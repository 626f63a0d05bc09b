"""Where the values in a program come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from snakepit_bridge.errors import DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.programs.paths import part_of
from snakepit_bridge.nearest import did_you_mean


class Missing:
    """Stands for an optional input that was not given."""


MISSING = Missing
"""The class itself, which stays the same when a program is copied."""


class Result(msgspec.Struct, frozen=True):
    """What a step gave."""

    fields: Mapping[str, Any] | None
    """``None`` when it was skipped."""

    is_many: bool = False
    """Whether each field is a list, with one value for each item."""


class Stock(msgspec.Struct, frozen=True):
    """What the sources of one run draw from."""

    inputs: Mapping[str, Any]
    results: dict[str, Result]
    item: Any = None
    index: int = 0


class Source(Protocol):
    """Gives a value."""

    def value(self, stock: Stock) -> Any:
        """The value, or ``MISSING``."""

    def leaves(self) -> Iterator[Source]:
        """The sources it is made from that are made from no others; maybe itself."""


class Input(msgspec.Struct, frozen=True):
    """An input of the program: ``"$.question"``."""

    name: str
    path: tuple[str, ...] = ()

    def value(self, stock: Stock) -> Any:
        """The input; ``MISSING`` when it was not given."""
        if self.name not in stock.inputs:
            return MISSING
        return part_of(stock.inputs[self.name], self.path, ".".join(("$", self.name, *self.path)))

    def leaves(self) -> Iterator[Source]:
        """Itself."""
        yield self


class Output(msgspec.Struct, frozen=True):
    """A field of an earlier step: ``"$search.passages"``."""

    step: str
    field: str
    path: tuple[str, ...] = ()

    def value(self, stock: Stock) -> Any:
        """The field; ``None`` when the step was skipped.

        Raises:
            DSPyError: The step gave no such field.
        """
        result = stock.results[self.step]
        if result.fields is None:
            return None
        text = ".".join((f"${self.step}", self.field, *self.path))
        if self.field not in result.fields:
            if result.is_many and not result.fields:
                return []
            given = list(result.fields)
            raise DSPyError(
                f"The step {self.step!r} gave no {self.field!r}.",
                {
                    "source": text,
                    "hint": did_you_mean(
                        self.field, given, otherwise=f"It gave: {', '.join(given)}."
                    ),
                },
                code=ErrorCode.INVALID_ARGUMENT,
            )
        return part_of(result.fields[self.field], self.path, text)

    def leaves(self) -> Iterator[Source]:
        """Itself."""
        yield self


class Item(msgspec.Struct, frozen=True):
    """The item that a step is at: ``"$item"``."""

    path: tuple[str, ...] = ()

    def value(self, stock: Stock) -> Any:
        """The item, or a part of it."""
        return part_of(stock.item, self.path, ".".join(("$item", *self.path)))

    def leaves(self) -> Iterator[Source]:
        """Itself."""
        yield self


class Index(msgspec.Struct, frozen=True):
    """The number of the item that a step is at, from 0: ``"$index"``."""

    def value(self, stock: Stock) -> Any:
        """The number."""
        return stock.index

    def leaves(self) -> Iterator[Source]:
        """Itself."""
        yield self


class Value(msgspec.Struct, frozen=True):
    """Always the same: ``{"value": 3}``."""

    constant: Any

    def value(self, _: Stock) -> Any:
        """The constant."""
        return self.constant

    def leaves(self) -> Iterator[Source]:
        """Itself."""
        yield self


class First(msgspec.Struct, frozen=True):
    """The first of several that is there and not null: ``{"first": [...]}``."""

    sources: tuple[Any, ...]

    def value(self, stock: Stock) -> Any:
        """The value; ``None`` when there is none."""
        values = (each.value(stock) for each in self.sources)
        return next((each for each in values if each is not None and each is not MISSING), None)

    def leaves(self) -> Iterator[Source]:
        """Those of its sources."""
        for each in self.sources:
            yield from each.leaves()


class Listed(msgspec.Struct, frozen=True):
    """Several as a list: ``{"list": [...]}``; inputs that are not given are left out."""

    sources: tuple[Any, ...]

    def value(self, stock: Stock) -> Any:
        """The list."""
        values = (each.value(stock) for each in self.sources)
        return [each for each in values if each is not MISSING]

    def leaves(self) -> Iterator[Source]:
        """Those of its sources."""
        for each in self.sources:
            yield from each.leaves()
