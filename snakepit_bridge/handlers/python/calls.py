"""Calls what callers may call, with arguments that keep it what it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from types import CoroutineType, MethodType
from typing import Any

from snakepit_bridge.handlers.definitions import refusal
from snakepit_bridge.handlers.python import rules
from snakepit_bridge.handlers.python.kinds import PLAIN, is_code
from snakepit_bridge.handlers.python.origins import owner_of
from snakepit_bridge.handlers.python.places import CODE_EXECUTION, home_of
from snakepit_bridge.session.tool_calls import ToolCalls

_WITH_RULES = {rule.area for rule in rules.ARGUMENTS} | rules.CALLS_BY_NAME.keys()

MOST_SIGNATURES = 4096
"""Functions whose parameters are remembered."""


class Calls:
    """Calls in the thread of whoever asks; what the code raises is raised.

    Args:
        code_execution: Whether arguments may make a call run code somebody sends.
    """

    def __init__(self, *, code_execution: bool) -> None:
        self._code_execution = code_execution
        self._tools = ToolCalls()
        # Looking at a signature takes longer than most calls.
        self._parameters = functools.lru_cache(maxsize=MOST_SIGNATURES)(_parameters)

    def call(
        self, target: Callable[..., Any], positional: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """Call it; an ``async`` function gets a loop of its own until it ends or the command does.

        Raises:
            NotAllowedError: An argument would make it something else.
            CommandDeadlineError: The deadline has passed before an ``async`` function had ended.
        """
        if not self._code_execution:
            self._check_arguments(target, positional, keywords)
        result = target(*positional, **keywords)
        return self.awaited(result) if isinstance(result, CoroutineType) else result

    def awaited(self, coroutine: CoroutineType[Any, Any, Any]) -> Any:
        """Run a coroutine on a loop of its own.

        Raises:
            CommandDeadlineError: The deadline has passed.
            CommandCancelledError: Nobody waits for the command any more.
        """
        # Closed also where it never began, else Python warns that nobody awaited it.
        with closing(coroutine):
            return self._tools.call(lambda: coroutine, is_async=True)

    def check_argument(self, thing: Any) -> None:
        """Refuse to hand on what is harmless only as long as nobody else gets it.

        Raises:
            NotAllowedError: Whoever is given it would call it with arguments that nobody looks at,
                or take it for an array and read from whatever address it names.
        """
        if self._code_execution:
            return
        _refuse_made_up_memory(thing)
        if not callable(thing):
            return
        module, name = _identity(thing)
        area = home_of(module).partition(".")[0]
        if area not in _WITH_RULES:
            return
        takes = self._parameters(_function_of(thing))
        by_name = name.rpartition(".")[2] in rules.CALLS_BY_NAME.get(area, ())
        if by_name or any(rule.area == area and rule.name in takes for rule in rules.ARGUMENTS):
            raise refusal(name, "cannot be an argument, only be called itself", CODE_EXECUTION)

    def _check_arguments(
        self, target: Callable[..., Any], positional: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        module, name = _identity(target)
        area = home_of(module).partition(".")[0]
        if area not in _WITH_RULES:
            return
        for rule in rules.ARGUMENTS:
            if rule.area == area and self._given(rule.name, target, positional, keywords):
                raise refusal(rule.name, f"given to {name!r}, {rule.why}", CODE_EXECUTION)
        if name.rpartition(".")[2] in rules.CALLS_BY_NAME.get(area, ()):
            for text in _texts_in((*positional, keywords)):
                if text in rules.NOT_BY_NAME or text.startswith("_"):
                    raise refusal(text, f"given to {name!r}, may call a method", CODE_EXECUTION)

    def _given(
        self,
        name: str,
        target: Callable[..., Any],
        positional: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:
        """The value of an argument, however it is given."""
        if name in keywords or not positional:
            return keywords.get(name)
        function = _function_of(target)
        names = self._parameters(function)[int(function is not target) :]
        return positional[names.index(name)] if name in names[: len(positional)] else None


def _refuse_made_up_memory(thing: Any) -> None:
    kind = type(thing)
    if kind in PLAIN or is_code(thing):
        return
    for name in rules.MEMORY:
        # A class that computes it is an array. Otherwise a caller has put it there, as the label of
        # a pandas Series for example, and numpy would believe it.
        owner = owner_of(kind, name)
        is_array = owner is not None and hasattr(type(vars(owner)[name]), "__get__")
        if not is_array and getattr(thing, name, None) is not None:
            raise refusal(kind.__qualname__, f"has {name!r}, and is no array", CODE_EXECUTION)


def _function_of(target: Any) -> Any:
    """What is remembered of a callable: of a bound one, the function without its object."""
    if isinstance(target, MethodType):
        return target.__func__
    return target if is_code(target) else type(target).__call__


def _parameters(target: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters in their order; of a class those of its making."""
    try:
        return tuple(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return ()  # written in C, which takes none of these


def _identity(target: Callable[..., Any]) -> tuple[str, str]:
    """Module and name of what a call runs."""
    if isinstance(target, functools.partial):
        return _identity(target.func)
    named: Any = target.__func__ if isinstance(target, MethodType) else target
    if not is_code(target):
        named = type(target)
    module = getattr(named, "__module__", None)
    return str(module or ""), str(getattr(named, "__qualname__", named))


def _texts_in(values: Sequence[Any]) -> Iterator[str]:
    """Every text in lists and objects at any depth, keys included."""
    pending = [*values]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            pending += value
