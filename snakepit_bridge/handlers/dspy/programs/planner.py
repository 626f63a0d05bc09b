"""Programs checked, wired and planned before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any

import msgspec

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.programs.conditions import Condition
from snakepit_bridge.handlers.dspy.programs.interfaces import Interface, interface_of
from snakepit_bridge.handlers.dspy.programs.notation import condition_in, source_in
from snakepit_bridge.handlers.dspy.programs.plan import Plan, Step
from snakepit_bridge.handlers.dspy.programs.program import program_class
from snakepit_bridge.handlers.dspy.programs.sources import Output, Source
from snakepit_bridge.handlers.dspy.programs.wiring import KnownStep, Wiring
from snakepit_bridge.handlers.dspy.signatures.field_names import why_not
from snakepit_bridge.handlers.dspy.signatures.field_spec import FieldSpec
from snakepit_bridge.nearest import nearest

MOST_STEPS = 50
"""Steps of one program."""

LARGEST = 500
"""Steps of a program, those of programs within included."""

HIGHEST = 16
"""Programs within programs."""

MOST_AT_ONCE = 64
"""Items of one step under way at the same time."""

_WORDS = ("name", "ref", "inputs", "when", "over", "at_once")
_OWN = ("index", "item", "plan", "signature")
"""Names that mean something else in a source, or on a program."""


class Planned(msgspec.Struct, frozen=True):
    """A program before DSPy has it."""

    plan: Plan
    parts: Mapping[str, Any]
    inputs: Mapping[str, FieldSpec]
    outputs: Mapping[str, FieldSpec]


class Planner:
    """Plans one program.

    Args:
        dspy: The module.
        instance_of: The live module of a ref, if the caller may use it.
        problems: Told what is wrong.
    """

    def __init__(self, dspy: Any, instance_of: Callable[[Any], Any], problems: Problems) -> None:
        self._dspy = dspy
        self._instance_of = instance_of
        self._problems = problems
        self._wiring = Wiring(problems)
        self._parts: dict[str, Any] = {}
        self._steps: list[Step] = []

    def planned(self, steps: Sequence[Any], outputs: Mapping[str, Any] | None) -> Planned:
        """The program.

        Args:
            steps: As the caller sent them.
            outputs: A source for each; by default the fields of the last step.

        Raises:
            BridgeError: Says everything that is wrong.
        """
        if not 0 < len(steps) <= MOST_STEPS:
            self._problems.add("steps", f"has {len(steps)} steps; 1 to {MOST_STEPS} are possible")
            self._problems.raise_if_any()
        for index, each in enumerate(steps):
            self._add(each, index)
        given = self._outputs(outputs)
        specs = {name: self._wiring.spec_of(source) for name, source in given.items()}
        size, height = self._measures()
        self._problems.raise_if_any()
        plan = Plan(
            tuple(self._steps),
            given,
            tuple(name for name, each in self._wiring.inputs.items() if each.required),
            tuple(name for name, each in self._wiring.inputs.items() if not each.required),
            size,
            height,
        )
        inputs = {
            name: each.spec if each.required else each.spec.optional()
            for name, each in self._wiring.inputs.items()
        }
        return Planned(plan, self._parts, inputs, specs)

    # --- the steps ------------------------------------------------------------------------------

    def _add(self, data: Any, index: int) -> None:
        place = f"steps.{index}"
        if not isinstance(data, Mapping):
            self._problems.add(place, "is no object")
            return
        name = data.get("name")
        wrong = self._wrong_name(name)
        if wrong:
            self._problems.add(f"{place}.name", wrong)
        else:
            place = f"steps.{name}"
        for word in data:
            if word not in _WORDS:
                near = nearest(str(word), _WORDS)
                hint = f" (did you mean {near!r}?)" if near else f"; known are {', '.join(_WORDS)}"
                self._problems.add(f"{place}.{word}", f"is not understood{hint}")
        module = self._module(data, place)
        known = KnownStep(Interface({}, {}, takes_more=True))
        if module is not None:
            interface = interface_of(self._dspy, module)
            step = self._step(str(name), data, interface, place)
            known = KnownStep(interface, step.over is not None, step.when is not None)
            self._parts[str(name)] = module
            self._steps.append(step)
        if not wrong:
            self._wiring.add(str(name), known)

    def _step(self, name: str, data: Mapping[str, Any], interface: Interface, place: str) -> Step:
        over = when = None
        if data.get("over") is not None:
            over = source_in(data["over"], f"{place}.over", self._problems)
            self._wiring.use_list(over, f"{place}.over")
        if data.get("when") is not None:
            when = condition_in(data["when"], f"{place}.when", self._problems)
            self._wiring.use(when, f"{place}.when")
        inputs = self._inputs(data.get("inputs", {}), interface, over, place)
        at_once = data.get("at_once", 8)
        if type(at_once) is not int or not 0 < at_once <= MOST_AT_ONCE:
            self._problems.add(f"{place}.at_once", f"is no number from 1 to {MOST_AT_ONCE}")
        return Step(name, inputs, when, over, at_once, _needs([*inputs.values(), over, when]))

    def _inputs(
        self, given: Any, interface: Interface, over: Source | None, place: str
    ) -> dict[str, Source]:
        place = f"{place}.inputs"
        if not isinstance(given, Mapping):
            self._problems.add(place, "is no object with a source for each input")
            given = {}
        sources = self._named_inputs(given, interface, place)
        for name, parameter in interface.inputs.items():
            if name not in sources and not why_not(name, is_input=True):
                sources[name] = self._wiring.found(name, with_items=over is not None)
            elif name not in sources and parameter.required:
                self._problems.add(f"{place}.{name}", "cannot be given by a program")
        for name, source in sources.items():
            wanted = interface.inputs.get(name)
            self._wiring.use_as(source, wanted, f"{place}.{name}", over=over)
        return sources

    def _named_inputs(
        self, given: Mapping[str, Any], interface: Interface, place: str
    ) -> dict[str, Source]:
        sources: dict[str, Source] = {}
        for name, data in given.items():
            here = f"{place}.{name}"
            wrong = why_not(name, is_input=True)
            if not wrong and name not in interface.inputs and not interface.takes_more:
                near = nearest(name, interface.inputs)
                hint = f"did you mean {near!r}?" if near else f"has {', '.join(interface.inputs)}"
                wrong = f"is no input of the module ({hint})"
            if wrong:
                self._problems.add(here, wrong)
            sources[str(name)] = source_in(data, here, self._problems)
        return sources

    def _wrong_name(self, name: Any) -> str:
        if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
            return "is no name: letters, digits and '_', not first a digit, no keyword"
        # Some of what a module has only its instances have.
        owners = (program_class(self._dspy), self._dspy.Module())
        if name.startswith("_") or name in _OWN or any(hasattr(each, name) for each in owners):
            return f"is taken: {name!r} means something else on a program"
        if name in self._wiring.steps:
            return f"is the name of an earlier step, too: {name!r}"
        return ""

    def _module(self, data: Mapping[str, Any], place: str) -> Any:
        if "ref" not in data:
            self._problems.add(f"{place}.ref", "is missing")
            return None
        if not isinstance(data["ref"], str):
            self._problems.add(f"{place}.ref", "is no ref, which is a text")
            return None
        try:
            module = self._instance_of(data["ref"])
        except BridgeError as error:
            self._problems.add_error(f"{place}.ref", error)
            return None
        if not isinstance(module, self._dspy.Module):
            kind = type(module).__qualname__
            self._problems.add(f"{place}.ref", f"is of the type {kind!r}, which is no module")
            return None
        if not (hasattr(type(module), "forward") or hasattr(type(module), "aforward")):
            kind = type(module).__qualname__
            self._problems.add(f"{place}.ref", f"is of the type {kind!r}, which does nothing")
            return None
        return module

    # --- the whole ------------------------------------------------------------------------------

    def _outputs(self, outputs: Mapping[str, Any] | None) -> dict[str, Source]:
        if outputs is None and self._wiring.steps:
            last, known = next(reversed(self._wiring.steps.items()))
            if not known.interface.outputs:
                self._problems.add("outputs", f"is missing; what {last!r} gives is not known")
            return {name: Output(last, name) for name in known.interface.outputs}
        if outputs == {}:
            self._problems.add("outputs", "names no output")
        sources = {}
        for name, data in (outputs or {}).items():
            place = f"outputs.{name}"
            wrong = why_not(name, is_input=False)
            if wrong or name in self._wiring.inputs:
                self._problems.add(place, wrong or "has the name of an input of the program")
            sources[name] = source_in(data, place, self._problems)
            self._wiring.use_as(sources[name], None, place, over=None)
        return sources

    def _measures(self) -> tuple[int, int]:
        """How many steps there are in all, and how many programs within programs."""
        plans = [
            each.plan for each in self._parts.values() if isinstance(getattr(each, "plan", 0), Plan)
        ]
        size = len(self._steps) + sum(plan.size for plan in plans)
        height = 1 + max((plan.height for plan in plans), default=0)
        if size > LARGEST:
            self._problems.add("steps", f"are {size} with those within; {LARGEST} are possible")
        if height > HIGHEST:
            self._problems.add("steps", f"nest {height} programs; {HIGHEST} are possible")
        return size, height


def _needs(sources: Sequence[Source | Condition | None]) -> tuple[str, ...]:
    used = (leaf for each in sources if each is not None for leaf in each.leaves())
    return tuple(dict.fromkeys(leaf.step for leaf in used if isinstance(leaf, Output)))
