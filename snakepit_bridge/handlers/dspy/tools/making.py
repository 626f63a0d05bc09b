"""Tools for DSPy, made from what a caller says of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from msgspec import UNSET

from snakepit_bridge.errors import BridgeError, InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.definitions import lies_under
from snakepit_bridge.handlers.dspy import rules
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.runner import on_a_loop
from snakepit_bridge.handlers.dspy.runs import current_run
from snakepit_bridge.handlers.dspy.tools.call import HostToolCall
from snakepit_bridge.handlers.dspy.tools.parameters import Parameters, parameters_from
from snakepit_bridge.handlers.dspy.tools.spec import ToolSpec, name_problem, spec_from
from snakepit_bridge.nearest import nearest
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.host import HostTool

MOST_TOOLS = 128
"""Tools of one agent; providers take no more."""

MOST_LISTED = 10
"""Names of tools in a hint."""


class Tools:
    """Makes ``dspy.Tool`` objects of specs. Safe to use from any thread.

    A spec is the name of a tool of the host, a ``HostFunction``, an object
    ``{"tool", "name", "description", "parameters", "timeout_s", "on_error"}``, the dotted name of
    an allowed Python function, or something callable.

    Args:
        door: The way to DSPy.
        find_function: The class or function of a dotted name; raises where it is not allowed.
        host_tools: What the host offers to a session; may block.
    """

    def __init__(
        self,
        door: DSPyDoor,
        find_function: Callable[[str], Any],
        host_tools: Callable[[Session], list[HostTool]],
    ) -> None:
        self._door = door
        self._find_function = find_function
        self._host_tools = host_tools

    def made(self, specs: Sequence[Any], session: Session) -> list[Any]:
        """The ``dspy.Tool`` of each spec; from a thread.

        Raises:
            InvalidArgumentError: Names every spec that is wrong, by its place, and why.
            NotAllowedError: All that is wrong is something that may not be a tool.
            HostUnavailableError: The host cannot be asked which tools it has.
        """
        if len(specs) > MOST_TOOLS:
            text = f"Wrong 'tools': {len(specs)} are more than {MOST_TOOLS}."
            raise InvalidArgumentError(text, {"argument": "tools"})
        offer = _Offer(self._host_tools, session)
        plans: dict[int, _Plan] = {}
        problems: dict[int, BridgeError] = {}
        for place, spec in enumerate(specs):
            try:
                plans[place] = self._planned(spec, offer)
            except (InvalidArgumentError, NotAllowedError) as error:
                problems[place] = error
        problems = {**_names_wrong(plans), **problems}
        if problems:
            raise _all_wrong(problems)
        dspy = self._door.open()
        return [plan.made(dspy) for _, plan in sorted(plans.items())]

    def _planned(self, spec: Any, offer: _Offer) -> _Plan:
        if isinstance(spec, str) and "." in spec and spec not in offer.tools:
            function = self._python_function(spec, offer)
            if function is not None:
                return _Plan(name=_name_of(function), function=function)
        if callable(spec):
            self._check_callable(spec)
            is_tool = isinstance(spec, self._door.open().Tool)
            return _Plan(name=str(spec.name) if is_tool else _name_of(spec), function=spec)
        return self._host_plan(spec_from(spec), offer)

    def _python_function(self, path: str, offer: _Offer) -> Any:
        try:
            function = self._find_function(path)
        except (InvalidArgumentError, NotAllowedError) as error:
            # Somebody may have misspelt a tool of the host, and a host that does not tell what it
            # has may have this one.
            is_for_host = not offer.tools and isinstance(error, NotAllowedError)
            if is_for_host or nearest(path, offer.tools):
                return None
            raise
        if not callable(function):
            raise InvalidArgumentError(f"{path!r} is no function")
        self._check_callable(function)
        return function

    def _check_callable(self, function: Any) -> None:
        dspy = self._door.open()
        if isinstance(function, dspy.Tool):
            function = function.func
        if isinstance(function, type):
            raise InvalidArgumentError(
                f"{function.__qualname__!r} is a class, and a tool is a function"
            )
        # A language model writes the arguments of a tool, and what these read as a signature,
        # they evaluate.
        reads = lies_under(str(getattr(function, "__module__", "")), rules.READS_SIGNATURES)
        if reads or isinstance(function, dspy.Module):
            name = getattr(function, "__qualname__", type(function).__qualname__)
            raise NotAllowedError(
                f"{name!r} cannot be a tool",
                {"hint": "Call the module yourself, and offer tools that are functions."},
            )

    def _host_plan(self, spec: ToolSpec, offer: _Offer) -> _Plan:
        tool = spec.function.tool
        listed = offer.tools.get(tool)
        is_trusted = bool(spec.function.callback_id) or spec.parameters is not UNSET
        if listed is None and offer.tools and not is_trusted:
            near = nearest(tool, offer.tools)
            hint = f"Did you mean {near!r}?" if near else _listing(offer.tools)
            raise InvalidArgumentError(f"the host has no tool {tool!r}", {"hint": hint})
        parameters = self._parameters(spec, listed)
        description = spec.description if isinstance(spec.description, str) else ""
        if not description and listed is not None and not spec.function.callback_id:
            description = listed.description
        return _Plan(
            name=spec.name,
            function=HostToolCall(self._door, spec, parameters),
            description=description or f"Calls {spec.name}.",
            parameters=parameters,
        )

    def _parameters(self, spec: ToolSpec, listed: HostTool | None) -> Parameters:
        function = spec.function
        if isinstance(spec.parameters, Mapping):
            schema = spec.parameters
        else:
            schema = {} if listed is None or function.callback_id else listed.schema
        parameters = parameters_from(schema, self._door.import_module)
        if function.callback_id:
            return _positional(parameters, function.arity)
        return parameters


class _Offer:
    """The tools of the host, asked for when they are needed."""

    def __init__(self, host_tools: Callable[[Session], list[HostTool]], session: Session) -> None:
        self._host_tools = host_tools
        self._session = session

    @cached_property
    def tools(self) -> dict[str, HostTool]:
        return {tool.name: tool for tool in self._host_tools(self._session)}


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that is known to be right."""

    name: str
    function: Any
    description: str = ""
    parameters: Parameters | None = None

    def made(self, dspy: Any) -> Any:
        if isinstance(self.function, dspy.Tool):
            return self.function
        if self.parameters is None:
            return dspy.Tool(_off_the_loop(self.function, dspy))
        args = dict(self.parameters.args)
        return dspy.Tool(
            self.function,
            name=self.name,
            desc=self.description,
            args=args,
            arg_types=dict.fromkeys(args, Any),
        )


def _off_the_loop(function: Any, dspy: Any) -> Any:
    """The function, run on a thread where a loop would wait for it; ``async`` ones are as they are.

    Its name, docstring and annotations stay, from which DSPy makes the description of the tool.
    """
    if not inspect.isroutine(function) or inspect.iscoroutinefunction(function):
        return function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        run = current_run(dspy)
        call = functools.partial(function, *args, **kwargs)
        if run is None or run.runner is None or not on_a_loop():
            return call()
        return run.runner.tool_in_thread(call)

    return called


def _positional(parameters: Parameters, arity: int | None) -> Parameters:
    count = len(parameters.args)
    if arity is not None and arity != count:
        raise InvalidArgumentError(
            f"the function takes {arity} arguments, and 'parameters' describes {count}",
            {"hint": "Describe them in their order, as properties of a JSON schema."},
        )
    return msgspec.structs.replace(parameters, takes_more=False)


def _names_wrong(plans: Mapping[int, _Plan]) -> dict[int, BridgeError]:
    problems: dict[int, BridgeError] = {}
    seen: set[str] = set()
    for place, plan in plans.items():
        why = name_problem(plan.name)
        if plan.name in seen:
            why = f"a second tool has the name {plan.name!r}"
        if why:
            problems[place] = InvalidArgumentError(why, {"hint": "Give it another 'name'."})
        seen.add(plan.name)
    return problems


def _all_wrong(problems: Mapping[int, BridgeError]) -> BridgeError:
    told = "; ".join(
        f"[{place}] {problems[place].message.rstrip('.')}" for place in sorted(problems)
    )
    hints = dict.fromkeys(problems[place].hint for place in sorted(problems))
    details = {"argument": "tools", "hint": " ".join(hint for hint in hints if hint)}
    kinds = {type(error) for error in problems.values()}
    kind = kinds.pop() if len(kinds) == 1 else InvalidArgumentError
    return kind(f"Wrong 'tools': {told}.", details)


def _listing(names: Iterable[str]) -> str:
    known = sorted(names)
    more = ", ..." if len(known) > MOST_LISTED else ""
    return f"It has: {', '.join(known[:MOST_LISTED])}{more}."


def _name_of(function: Any) -> str:
    # As DSPy names it.
    return str(getattr(function, "__name__", type(function).__name__))
