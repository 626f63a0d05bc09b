"""Decides whether callers may use a thing, by where it is defined."""

from __future__ import annotations

import functools
from enum import EnumMeta
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any
from weakref import WeakSet

from snakepit_bridge.handlers.definitions import OPERATORS, lies_under, refusal
from snakepit_bridge.handlers.python import library, rules
from snakepit_bridge.handlers.python.kinds import (
    CACHED,
    DESCRIPTORS,
    NEUTRAL,
    is_code,
    is_plain,
)
from snakepit_bridge.handlers.python.places import CODE_EXECUTION, DSPY, Places, home_of

METHODS_WITH_UNDERSCORES = OPERATORS | {
    f"__{name}__"
    for name in (
        *("iter", "next", "reversed", "hash", "round", "index", "divmod", "lshift", "rshift"),
        *("iadd", "isub", "imul", "itruediv", "ifloordiv", "iand", "ior", "ixor", "enter", "exit"),
    )
}
"""Those that stand for an operator, a call, a loop or a ``with`` block."""


MOST_CLASSES = 4096
"""Classes of which is remembered which attributes make them harmful."""


class Origins:
    """Tells where classes, functions, methods and the types of objects are defined.

    Args:
        places: Which modules are open.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._classes: WeakSet[type] = WeakSet()

    def check(self, thing: Any, name: str) -> None:
        """Refuse a thing that callers must not use, neither its methods nor as an argument.

        Data are judged by their type.

        Args:
            thing: Anything.
            name: What to call it in the refusal.

        Raises:
            NotAllowedError: It, or what it stands for, is defined where nothing is open.
        """
        if not is_code(thing):
            self._check_class(type(thing), name)
            self.check_state(thing, name)
        elif isinstance(thing, type):
            self._check_class(thing, name)
            self._refuse_maker(thing, name)
        elif isinstance(thing, ModuleType):
            self._places.require(thing.__name__, name)
        else:
            self._check_function(thing, name)

    def check_member(self, owner: type, member: Any, name: str) -> None:
        """Refuse what a class has under a name, and hands on to its instances.

        Args:
            owner: The class in whose body it stands.
            member: As it stands there, not bound.
            name: Its own name, without that of the class.

        Raises:
            NotAllowedError: The class, or what stands there, is defined where nothing is open.
        """
        qualified = f"{owner.__qualname__}.{name}"
        if not is_plain(owner) and owner.__module__ not in NEUTRAL:
            self._places.require(owner.__module__, qualified)
        self._refuse_by_name(owner.__module__, qualified)
        function = _function_in(member)
        if isinstance(function, FunctionType):
            # A class may hold somebody else's function under a name of its own.
            if function.__module__ not in NEUTRAL:
                self._check_defined(function.__module__, function.__qualname__, qualified)
        elif type(function) in DESCRIPTORS:
            if function.__objclass__ is not owner:
                self.check_member(function.__objclass__, None, function.__name__)
        elif is_code(function):
            self.check(function, qualified)

    def check_state(self, thing: Any, name: str) -> None:
        """Refuse an object that was told to unpickle, or the like, when it was made.

        Raises:
            NotAllowedError: Reading from it may run code.
        """
        if self._places.code_execution:
            return
        kind: Any = type(thing)
        states = [rule for rule in _switches_of(kind) if rule.is_state]
        own = getattr(thing, "__dict__", None) if states else None
        for rule in states:
            if isinstance(own, dict) and own.get(rule.name):
                raise refusal(name, f"{rule.why}, for {rule.name!r} is set", CODE_EXECUTION)

    def check_switch(self, thing: Any, attribute: str, name: str) -> None:
        """Refuse to set an attribute that would make the object such a one.

        Raises:
            NotAllowedError: It is an attribute of that kind.
        """
        kind: Any = type(thing)
        for rule in () if self._places.code_execution else _switches_of(kind):
            if rule.name == attribute:
                raise refusal(name, rule.why, CODE_EXECUTION)

    # --- by kind --------------------------------------------------------------------------------

    def _check_function(self, thing: Any, name: str) -> None:
        if isinstance(thing, MethodType):
            self._check_bound(thing, name)
        elif isinstance(thing, (BuiltinFunctionType, MethodWrapperType)):
            self._check_builtin(thing, name)
        elif type(thing) in DESCRIPTORS:
            self.check_member(thing.__objclass__, None, thing.__name__)
        elif isinstance(thing, functools.partial):
            self.check(thing.func, name)
        elif isinstance(thing, (classmethod, staticmethod, CACHED)):
            self.check(thing.__wrapped__, name)
        else:
            self._check_defined(_module_of(thing), thing.__qualname__, name)

    def _check_bound(self, method: MethodType, name: str) -> None:
        if getattr(method.__func__, "__module__", None) in NEUTRAL:
            self.check(method.__self__, name)
        else:
            self.check(method.__func__, name)

    def _check_builtin(self, function: Any, name: str) -> None:
        owner = function.__self__
        # A method of None has None for an owner, as functions of no module do.
        is_method = isinstance(function, MethodWrapperType)
        if is_method or not (owner is None or isinstance(owner, ModuleType)):
            kind = owner if isinstance(owner, type) else type(owner)
            self.check(owner, name)
            self.check_member(owner_of(kind, function.__name__) or kind, None, function.__name__)
            return
        module = function.__module__ or getattr(owner, "__name__", "")
        self._check_defined(str(module), function.__name__, name)

    def _check_class(self, kind: type, name: str) -> None:
        if is_plain(kind) or kind in self._classes:
            return
        self._check_defined(_module_of(kind), kind.__qualname__, name)
        for base in kind.__mro__:
            if lies_under(base.__module__, DSPY):
                raise self._places.refusal(base.__module__, name)
        for constructor in ("__new__", "__init__"):
            owner = owner_of(kind, constructor)
            if owner is not None and not is_plain(owner):
                self._check_constructor(owner, name)
        self._classes.add(kind)

    def _check_constructor(self, owner: type, name: str) -> None:
        if self._places.runs_code(owner.__module__) and owner.__module__ not in NEUTRAL:
            raise self._places.refusal(owner.__module__, name)
        self._refuse_by_name(owner.__module__, owner.__qualname__)

    def _check_defined(self, module: str, qualified: str, name: str) -> None:
        self._places.require(module, name)
        self._refuse_by_name(module, qualified)

    # --- what an allowed package has that nobody gets ---------------------------------------------

    def _refuse_by_name(self, module: str, qualified: str) -> None:
        if self._places.code_execution:
            return
        if module == "builtins" and "." not in qualified and qualified not in library.BUILTINS:
            raise refusal(f"builtins.{qualified}", "reaches further than data", CODE_EXECUTION)
        why = rules.NAMES.get(_area_of(module), {}).get(qualified)
        if why:
            raise refusal(f"{module}.{qualified}", why, CODE_EXECUTION)

    def _refuse_maker(self, kind: type, name: str) -> None:
        if self._places.code_execution:
            return
        # An enum without members makes a new one of the name and the attributes it is called with.
        if issubclass(kind, type) or (isinstance(kind, EnumMeta) and not kind.__members__):
            raise refusal(name, "makes new classes", CODE_EXECUTION)
        if kind.__qualname__ in rules.MAKERS.get(_area_of(_module_of(kind)), ()):
            raise refusal(name, "makes objects of raw memory", CODE_EXECUTION)


def owner_of(kind: type, name: str) -> type | None:
    """The class that gives a class and its instances what they have under this name."""
    return next((each for each in kind.__mro__ if name in vars(each)), None)


@functools.lru_cache(MOST_CLASSES)
def _switches_of(kind: Any) -> tuple[rules.ArgumentRule, ...]:
    areas = {_area_of(base.__module__) for base in kind.__mro__}
    return tuple(rule for rule in rules.ARGUMENTS if rule.area in areas)


def _area_of(module: str) -> str:
    """The name of the package that rules are about."""
    return home_of(module).lstrip("_").partition(".")[0]


def _module_of(thing: Any) -> str:
    return str(getattr(thing, "__module__", None) or "")


def _function_in(member: Any) -> Any:
    """The function that runs when the member is used, as far as there is one."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, functools.partialmethod):
        return member.func
    return getattr(member, "__func__", member) if is_code(member) else member
