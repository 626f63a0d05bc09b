"""What callers may reach by name: decided by where a thing is defined, not by how it is spelled."""

from __future__ import annotations

import importlib
import inspect
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.definitions import (
    OPERATORS,
    is_public,
    is_public_path,
    lies_under,
    refusal,
)
from snakepit_bridge.handlers.dspy import rules
from snakepit_bridge.handlers.dspy.call_shape import named_arguments
from snakepit_bridge.handlers.dspy.signature_text import SignatureText
from snakepit_bridge.nearest import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_MISSING = object()


class AllowList:
    """Resolves names for callers who are not trusted. Safe to use from any thread.

    A class or function must be *defined* in an allowed package, and so must everything on the way
    to it: ``dspy.clients.os.system`` leads out of ``dspy`` at ``os``. Of ``dspy`` itself only the
    parts in ``rules.OPEN`` are meant by ``"dspy"``; name another part to allow it.

    Args:
        packages: Dotted names; each covers what lies under it.
        code_execution: Whether classes may be used that run code somebody sends.
        importer: Imports a module by name.
    """

    def __init__(
        self,
        packages: Iterable[str] = ("dspy",),
        *,
        code_execution: bool = False,
        importer: Callable[[str], ModuleType] = importlib.import_module,
    ) -> None:
        self.packages = tuple(packages)
        self._code_execution = code_execution
        dspy = (*rules.OPEN, *(rules.RUNS_CODE if code_execution else ()))
        self._areas = self._expanded(dspy)
        self._functions = self._expanded(rules.OPEN_FUNCTIONS)
        self._importer = importer
        self._signatures = SignatureText(self.find)

    # --- names ----------------------------------------------------------------------------------

    def find(self, path: str) -> Any:
        """The class or function of a dotted name, such as ``"dspy.ChainOfThought"``.

        Raises:
            NotAllowedError: It, or a step on the way, is not allowed.
            InvalidArgumentError: There is no such thing; the hint is the nearest name.
        """
        first, *rest = path.split(".")
        if not all(is_public(name) for name in (first, *rest)):
            raise refusal(path, "is not the dotted name of something public")
        if not self._leads_somewhere(first):
            meant = "" if rest else self._meant(first)
            raise refusal(path, "is no dotted name", meant) if meant else self._outside(path, first)
        here: Any = self._import(first, path)
        for name in rest:
            here = self._step(here, name, path)
        if isinstance(here, ModuleType):
            raise InvalidArgumentError(
                f"{path!r} is a module.", {"name": path, "hint": "Name a class in it."}
            )
        return here

    def covers(self, module: str) -> bool:
        """Whether classes defined in this module are allowed."""
        return any(lies_under(module, area) for area in self._areas)

    def check(self, thing: type | FunctionType) -> None:
        """Refuse a class or function that is not allowed.

        Raises:
            NotAllowedError: The hint names the setting that would allow it, if there is one.
        """
        module = str(thing.__module__)
        name = f"{module}.{thing.__qualname__}"
        if isinstance(thing, type):
            self._check_code_execution(thing, name)
        areas = self._areas if isinstance(thing, type) else self._functions
        if not any(lies_under(module, area) for area in areas):
            raise self._outside(name, module)

    # --- calls ----------------------------------------------------------------------------------

    def method(self, instance: object, name: str) -> Callable[..., Any]:
        """A method of a live object, bound to it: a public one, or an operator such as ``__len__``.

        Of an instance that is a class itself, the class methods.

        Raises:
            NotAllowedError: The method, or the class of the object, is not allowed.
            InvalidArgumentError: There is no such method; the hint is the nearest name.
        """
        kind = instance if isinstance(instance, type) else type(instance)
        self.check(kind)
        if not is_public(name) and name not in OPERATORS:
            raise refusal(name, f"is not a public method of {kind.__qualname__}")
        owner = next((each for each in kind.__mro__ if name in vars(each)), None)
        member = _MISSING if owner is None else vars(owner)[name]
        function = getattr(member, "__func__", member)
        if owner is None or isinstance(function, type) or not callable(function):
            raise _no_method(kind, name)
        if kind is instance and not isinstance(member, (classmethod, staticmethod)):
            raise _no_method(kind, name)
        self._check_method(owner, function, name)
        # Bound by hand: what the object itself carries under this name is not the method.
        return _bound(member, None if kind is instance else instance, kind)

    def check_call(
        self, target: Callable[..., Any], positional: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        """Refuse arguments with which an allowed class or method would do something else.

        Raises:
            NotAllowedError: Names the argument.
        """
        defined_in = _defined_in(target)
        given = named_arguments(target, positional, keywords)
        for rule in rules.ARGUMENTS:
            for name in sorted(rule.names & given.keys()):
                if given[name] is not None and _any_under(defined_in, rule.area):
                    raise refusal(name, f"cannot be given to {_name_of(target)}", hint=rule.hint)
        threads = given.get(rules.THREADS)
        if isinstance(threads, int) and threads > rules.MOST_THREADS:
            raise InvalidArgumentError(
                f"{rules.THREADS!r} is {threads}; {rules.MOST_THREADS} are possible.",
                {"argument": rules.THREADS},
            )
        values = list(_values_in([*positional, keywords]))
        if any(_any_under(defined_in, area) for area in rules.TAKES_NO_MODULES):
            _refuse_modules(target, values)
        texts = [each for each in values if isinstance(each, str)]
        if _may_read_signatures(target, defined_in) or rules.SIGNATURE in texts:
            for text in texts:
                self._signatures.check(text)

    # --- how it is decided ----------------------------------------------------------------------

    def _expanded(self, dspy: tuple[str, ...]) -> tuple[str, ...]:
        """The allowed packages, with the parts that are meant in the place of ``dspy``."""
        return tuple(
            area for name in self.packages for area in (dspy if name == "dspy" else (name,))
        )

    def _leads_somewhere(self, module: str) -> bool:
        """Whether the module is allowed, or an allowed one lies under it."""
        areas = (*self._areas, *self._functions)
        return any(lies_under(module, area) or lies_under(area, module) for area in areas)

    def _import(self, name: str, path: str) -> ModuleType:
        try:
            return self._importer(name)
        except ModuleNotFoundError as error:
            raise InvalidArgumentError(
                f"{path!r} cannot be reached: {error}.",
                {"name": path, "hint": "Install it where the bridge runs, or correct the name."},
            ) from error

    def _step(self, here: Any, name: str, path: str) -> Any:
        member = _MISSING
        if isinstance(here, ModuleType):
            member = self._member_of_module(here, name, path)
        elif isinstance(here, type):
            member = inspect.getattr_static(here, name, _MISSING)
        if member is _MISSING:
            raise self._unknown(here, name, path)
        self._admit(member, here, path)
        return member

    def _admit(self, member: Any, here: Any, path: str) -> None:
        # Of a class only classes inside of it: its functions are reached through its instances.
        wanted = (type, FunctionType) if isinstance(here, ModuleType) else type
        if isinstance(member, ModuleType):
            if not self._leads_somewhere(member.__name__):
                raise self._outside(path, member.__name__)
        elif isinstance(member, wanted):
            self.check(member)
        else:
            kind = type(member).__qualname__
            why = f"leads to something of type {kind!r}, not to a class or function"
            raise refusal(path, why, _hint_for(str(getattr(member, "__module__", ""))))

    def _member_of_module(self, module: ModuleType, name: str, path: str) -> Any:
        """What the module has under this name, without running code of modules not allowed."""
        if name in vars(module):
            return vars(module)[name]
        inner = f"{module.__name__}.{name}"
        if "__path__" in vars(module) and find_spec(inner):
            if not self._leads_somewhere(inner):
                raise self._outside(path, inner)
            return self._import(inner, path)
        # A module may make its names when they are asked for; if so, it lists them.
        return getattr(module, name) if name in dir(module) else _MISSING

    def _check_code_execution(self, kind: type, name: str) -> None:
        modules = [str(base.__module__) for base in kind.__mro__]
        if any(lies_under(module, area) for module in modules for area in rules.GOING):
            raise refusal(
                name,
                "is deprecated in DSPy 3.4 and gone in 3.5",
                "Use dspy.RLM, which needs --allow-code-execution, or dspy.ReAct, which does not.",
            )
        if self._code_execution:
            return
        if any(lies_under(module, area) for module in modules for area in rules.RUNS_CODE):
            raise refusal(
                name,
                "runs code that others write",
                "The operator allows that with --allow-code-execution.",
            )

    def _check_method(self, owner: type, function: Any, name: str) -> None:
        module = str(getattr(function, "__module__", None) or owner.__module__)
        shown = f"{owner.__qualname__}.{name}"
        if name in OPERATORS and owner.__module__ == "builtins":
            return
        if not (self.covers(module) and self.covers(str(owner.__module__))):
            raise self._outside(shown, module)
        for rule in rules.METHODS:
            if name in rule.names and lies_under(module, rule.area):
                raise refusal(shown, "cannot be called through the bridge", rule.hint)

    def _outside(self, name: str, module: str) -> NotAllowedError:
        hint = _hint_for(module)
        if is_public_path(module):
            setting = f"The operator allows it with --allow {module}."
            hint = f"{hint} {setting}" if hint else setting
        return refusal(name, f"lies in {module!r}, outside of what is allowed", hint)

    def _meant(self, name: str) -> str:
        """What a bare name means that is one of DSPy's."""
        if "dspy" not in self.packages or name not in vars(self._import("dspy", "dspy")):
            return ""
        return f"Did you mean 'dspy.{name}'?"

    def _unknown(self, here: Any, name: str, path: str) -> InvalidArgumentError:
        where = str(here.__name__)
        near = nearest(name, filter(is_public, vars(here)))
        prefix = path[: path.rindex(name)] if name in path else ""
        hint = f"Did you mean {prefix + near!r}?" if near else ""
        return InvalidArgumentError(
            f"{path!r} does not exist: {where!r} has no {name!r}.", {"name": path, "hint": hint}
        )


def _bound(member: Any, instance: object | None, kind: type) -> Callable[..., Any]:
    bind = getattr(type(member), "__get__", None)
    bound: Callable[..., Any] = member if bind is None else bind(member, instance, kind)
    return bound


def _defined_in(target: Callable[..., Any]) -> tuple[str, ...]:
    if isinstance(target, type):
        return tuple(str(base.__module__) for base in target.__mro__)
    return (str(getattr(target, "__module__", "")),)


def _any_under(modules: Iterable[str], area: str) -> bool:
    return any(lies_under(module, area) for module in modules)


def _values_in(args: Iterable[Any]) -> Iterator[Any]:
    """Everything in containers at any depth, keys included."""
    pending = [*args]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            pending += value
        else:
            yield value


def _may_read_signatures(target: Callable[..., Any], defined_in: Sequence[str]) -> bool:
    """Whether any text it is given may become a signature, under whatever name."""
    if isinstance(target, type):
        return not any(_any_under(defined_in, area) for area in rules.DATA)
    return _any_under(defined_in, rules.READS_SIGNATURES)


def _refuse_modules(target: Callable[..., Any], values: Iterable[Any]) -> None:
    for value in values:
        if _any_under(_defined_in(type(value)), rules.MODULE):
            raise refusal(
                type(value).__qualname__,
                f"cannot be given to {_name_of(target)}, which would call it as a tool",
                "Call the module yourself, and offer tools that are functions.",
            )


def _name_of(target: Callable[..., Any]) -> str:
    return str(getattr(target, "__qualname__", target))


def _hint_for(module: str) -> str:
    fitting = [area for area in rules.HINTS if lies_under(module, area)]
    return rules.HINTS[max(fitting, key=len)] if fitting else ""


def _no_method(kind: type, name: str) -> InvalidArgumentError:
    hint = did_you_mean(name, filter(is_public, dir(kind)), otherwise="")
    return InvalidArgumentError(
        f"{kind.__qualname__} has no method {name!r}.",
        {"method": name, "hint": hint},
    )
