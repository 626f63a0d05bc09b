"""What the sources of a program may draw from."""

from __future__ import annotations

from types import GenericAlias
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.programs.conditions import Condition
from snakepit_bridge.handlers.dspy.programs.interfaces import Interface, Parameter
from snakepit_bridge.handlers.dspy.programs.kinds import item_of, misfit
from snakepit_bridge.handlers.dspy.programs.sources import (
    Index,
    Input,
    Item,
    Output,
    Source,
    Value,
)
from snakepit_bridge.handlers.dspy.signatures.field_names import why_not
from snakepit_bridge.handlers.dspy.signatures.field_spec import FieldSpec
from snakepit_bridge.nearest import nearest

ITEM = "item"
"""The input that an item goes to by itself."""


class KnownStep(msgspec.Struct, frozen=True):
    """A step that later ones may use."""

    interface: Interface
    is_many: bool = False
    may_be_skipped: bool = False


class Wiring:
    """Knows the steps so far, and gathers the inputs of the program.

    Args:
        problems: Told what is wrong.
    """

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self.steps: dict[str, KnownStep] = {}
        self.inputs: dict[str, Parameter] = {}

    def add(self, name: str, step: KnownStep) -> None:
        """Let later steps use this one."""
        self.steps[name] = step

    def found(self, name: str, *, with_items: bool) -> Source:
        """The source of an input that nobody named one for.

        That is the item, if it has this name; the latest step that gives such a field; else an
        input of the program.
        """
        if with_items and name == ITEM:
            return Item()
        for step, known in reversed(self.steps.items()):
            if name in known.interface.outputs:
                return Output(step, name)
        return Input(name)

    def use_as(
        self, source: Source, parameter: Parameter | None, place: str, *, over: Source | None
    ) -> None:
        """Check a source that feeds an input of a module, or an output of the program.

        Args:
            source: The source.
            parameter: The input, if it is known.
            place: Where the source stands.
            over: What the step goes over, if it does.
        """
        wanted = Parameter(FieldSpec(Any), required=False) if parameter is None else parameter
        for leaf in source.leaves():
            if isinstance(leaf, Input):
                direct = leaf is source and not leaf.path
                spec = wanted.spec if direct else FieldSpec(Any)
                required = direct and (wanted.required or parameter is None)
                self._want(leaf.name, Parameter(spec, required), place)
            elif isinstance(leaf, (Item, Index)) and over is None:
                self._problems.add(place, "uses an item, but the step goes over nothing ('over')")
            elif isinstance(leaf, Output):
                self._check_output(leaf, place)
        why = misfit(self._type_of(source, over), wanted.spec.type)
        if why:
            self._problems.add(place, why)

    def use(self, condition: Condition, place: str) -> None:
        """Check a condition, which is looked at before there is any item."""
        for leaf in condition.leaves():
            self.use_as(leaf, None if not isinstance(leaf, Input) else _ASKED, place, over=None)

    def use_list(self, source: Source, place: str) -> None:
        """Check the source of a list."""
        self.use_as(source, Parameter(FieldSpec(list[Any])), place, over=None)

    def spec_of(self, source: Source) -> FieldSpec:
        """The field that an output of the program is."""
        spec = FieldSpec(self._type_of(source, None))
        if not isinstance(source, Output) or source.step not in self.steps or source.path:
            return spec
        known = self.steps[source.step]
        given = known.interface.outputs.get(source.field, spec)
        spec = FieldSpec(spec.type, given.description)
        return spec.optional() if known.may_be_skipped else spec

    def _want(self, name: str, wanted: Parameter, place: str) -> None:
        wrong = why_not(name, is_input=True)
        if wrong:
            self._problems.add(place, f"needs the input {name!r} of the program, which {wrong}")
        before = self.inputs.get(name)
        if before is not None:
            spec, why = _common(before.spec, wanted.spec)
            if why:
                self._problems.add(place, f"wants the input {name!r} of the program, which {why}")
            wanted = Parameter(spec, before.required or wanted.required)
        self.inputs[name] = wanted

    def _check_output(self, leaf: Output, place: str) -> None:
        known = self.steps.get(leaf.step)
        if known is None:
            near = nearest(leaf.step, self.steps)
            hint = f" (did you mean {near!r}?)" if near else ""
            self._problems.add(place, f"uses {leaf.step!r}, which is no earlier step{hint}")
            return
        outputs = known.interface.outputs
        if outputs and leaf.field not in outputs and not known.interface.gives_more:
            near = nearest(leaf.field, outputs)
            hint = f"did you mean {near!r}?" if near else f"it gives {', '.join(outputs)}"
            self._problems.add(
                place, f"uses {leaf.field!r} of {leaf.step!r}, which is not there ({hint})"
            )

    def _type_of(self, source: Source, over: Source | None) -> Any:
        if isinstance(source, Output) and source.step in self.steps and not source.path:
            known = self.steps[source.step]
            spec = known.interface.outputs.get(source.field)
            made = Any if spec is None else spec.type
            return GenericAlias(list, (made,)) if known.is_many else made
        if isinstance(source, Item) and over is not None and not source.path:
            return item_of(self._type_of(over, None))
        if isinstance(source, Value):
            return type(source.constant)
        return Any


def _common(one: FieldSpec, other: FieldSpec) -> tuple[FieldSpec, str]:
    """The field that serves for two uses of an input, and why there is none."""
    why = misfit(one.type, other.type)
    if why and not misfit(other.type, one.type):
        return other, ""  # the first is text, as which everything can be used
    return (other if one.type is Any else one), why


_ASKED = Parameter(FieldSpec(Any), required=False)
"""A condition may look at an input that is not given."""
