"""Finds things by name for callers who are not trusted."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from enum import EnumMeta
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.definitions import is_public, lies_under, refusal
from snakepit_bridge.handlers.python import rules
from snakepit_bridge.handlers.python.kinds import is_code, shown
from snakepit_bridge.handlers.python.origins import METHODS_WITH_UNDERSCORES, Origins, owner_of
from snakepit_bridge.handlers.python.places import Places
from snakepit_bridge.nearest import did_you_mean

PUBLIC = "Public names can be reached, and the methods that stand for operators."


class Reach:
    """Resolves dotted names and attributes. Safe to use from any thread.

    Everything on the way to a thing, and the thing itself, must be *defined* in an open place:
    ``numpy.linalg.linalg.sys`` leads out of ``numpy`` at ``sys``.

    Args:
        places: Which modules are open.
        origins: Where things are defined.
        importer: Imports a module by name.
    """

    def __init__(
        self,
        places: Places,
        origins: Origins,
        *,
        importer: Callable[[str], ModuleType] = importlib.import_module,
    ) -> None:
        self._places = places
        self._origins = origins
        self._importer = importer

    def find(self, path: str) -> Any:
        """The thing of a dotted name, such as ``"numpy.linalg.norm"``.

        Raises:
            NotAllowedError: It, or a step on the way, is not allowed.
            InvalidArgumentError: There is no such thing; the hint is the nearest name.
        """
        first, *rest = path.split(".")
        if not all(map(is_public, (first, *rest))):
            raise refusal(path, "is not the dotted name of something public", PUBLIC)
        if not self._places.leads_somewhere(first):
            raise self._places.refusal(first, path)
        here: Any = self._import(first, path)
        for name in rest:
            here = self.attribute(here, name, path)
        if isinstance(here, ModuleType):
            self._places.require(here.__name__, path)
        return here

    def attribute(self, thing: Any, name: str, path: str = "") -> Any:
        """What a thing has under a name.

        Args:
            thing: A module, a class, or anything else.
            name: Public, or a method that stands for an operator.
            path: What to call it in a refusal.

        Raises:
            NotAllowedError: The thing, or what it has, is not allowed.
            InvalidArgumentError: It has nothing of this name; the hint is the nearest one.
        """
        path = path or f"{shown(thing)}.{name}"
        if not (_is_readable(name) or name in METHODS_WITH_UNDERSCORES):
            raise refusal(path, "is not the name of something public", PUBLIC)
        if isinstance(thing, ModuleType):
            return self._of_module(thing, name, path)
        return self._of_object(thing, name, path)

    def check(self, thing: Any, name: str) -> None:
        """Refuse a thing that is not allowed.

        Raises:
            NotAllowedError: It, or its type, is not.
        """
        self._origins.check(thing, name)

    def check_member(self, thing: Any, name: str) -> None:
        """Refuse what ``attribute`` would, as far as that can be told without reading it.

        Raises:
            NotAllowedError: It is not allowed.
        """
        if isinstance(thing, ModuleType):
            self._of_module(thing, name, name)
            return
        owner = owner_of(thing if isinstance(thing, type) else type(thing), name)
        if owner is not None:
            self._origins.check_member(owner, vars(owner)[name], name)

    def callable(self, thing: Any, name: str) -> Callable[..., Any]:
        """The thing itself, if callers may call it.

        Raises:
            NotAllowedError: They may not.
            InvalidArgumentError: Nobody can call it.
        """
        if isinstance(thing, ModuleType):
            raise InvalidArgumentError(
                f"{name!r} is a module.", {"name": name, "hint": "Name a function or class in it."}
            )
        self._origins.check(thing, name)
        if not is_code(thing):
            owner = owner_of(type(thing), "__call__")
            if owner is None:
                kind = shown(thing)
                hint = "Read it with 'python.get_attribute'."
                raise InvalidArgumentError(
                    f"{name!r} cannot be called: it is of the type {kind!r}.",
                    {"name": name, "hint": hint},
                )
            self._origins.check_member(owner, vars(owner)["__call__"], "__call__")
        elif not callable(thing):
            raise InvalidArgumentError(f"{name!r} cannot be called.", {"name": name})
        found: Callable[..., Any] = thing
        return found

    def iterable(self, thing: Any, name: str) -> Any:
        """The thing itself, if callers may go through its items.

        Raises:
            NotAllowedError: They may not.
            InvalidArgumentError: Nobody can.
        """
        self._origins.check(thing, name)
        for method in ("__iter__", "__aiter__", "__getitem__"):
            owner = None if is_code(thing) else owner_of(type(thing), method)
            if owner is not None:
                self._origins.check_member(owner, vars(owner)[method], method)
                return thing
        raise InvalidArgumentError(
            f"{name!r} cannot be iterated: it is of the type {shown(type(thing))!r}.",
            {"name": name, "hint": "Name something that gives a list, a generator or the like."},
        )

    def check_argument(self, thing: Any) -> None:
        """Refuse to hand code to a call that callers could not call themselves.

        Raises:
            NotAllowedError: It is a module, class or function that is not allowed, or an object
                that was told to run code.
        """
        if is_code(thing):
            self._origins.check(thing, shown(thing))
        else:
            self._origins.check_state(thing, shown(thing))

    def check_assignment(self, thing: Any, name: str) -> None:
        """Refuse to set an attribute of what all sessions share, or one that is not public.

        Raises:
            NotAllowedError: The thing is code, or not allowed, or the name is not public or would
                make it run code.
        """
        path = f"{shown(thing)}.{name}"
        if not _is_readable(name):
            raise refusal(path, "is not the name of something public", PUBLIC)
        if is_code(thing):
            raise refusal(path, "belongs to every session", "Set attributes of instances only.")
        self._origins.check(thing, path)
        self._origins.check_switch(thing, name, path)
        owner = owner_of(type(thing), name)
        if owner is not None:
            self._origins.check_member(owner, vars(owner)[name], name)

    # --- the steps ------------------------------------------------------------------------------

    def _of_module(self, module: ModuleType, name: str, path: str) -> Any:
        """What the module has under this name, without running code of modules not allowed."""
        if not self._places.leads_somewhere(module.__name__):
            raise self._places.refusal(module.__name__, path)
        if name in vars(module):
            member = vars(module)[name]
        else:
            member = self._lazy_member(module, name, path)
        if isinstance(member, ModuleType):
            self._refuse_module(member.__name__, path)
        else:
            if not is_code(member):
                self._places.require(module.__name__, path)
            self._origins.check(member, path)
        return member

    def _lazy_member(self, module: ModuleType, name: str, path: str) -> Any:
        inner = f"{module.__name__}.{name}"
        if "__path__" in vars(module) and find_spec(inner):
            self._refuse_module(inner, path)
            return self._import(inner, path)
        # A module may make its names when they are asked for; if so, it lists them.
        if name in dir(module) and self._places.opens(module.__name__):
            return getattr(module, name)
        raise _unknown(module, name, path)

    def _of_object(self, thing: Any, name: str, path: str) -> Any:
        """What an object or a class has; of other code only its call."""
        self._origins.check(thing, path)
        if is_code(thing) and name == "__call__":
            return thing
        if is_code(thing) and not isinstance(thing, type):
            raise refusal(path, "lies within a function", "Functions can only be called.")
        owner = owner_of(thing if isinstance(thing, type) else type(thing), name)
        if owner is not None:
            self._origins.check_member(owner, vars(owner)[name], name)
        found = _read(thing, name, path, is_defined=owner is not None)
        if isinstance(found, ModuleType):
            self._refuse_module(found.__name__, path)
        elif is_code(found):
            self._origins.check(found, path)
        return found

    def _refuse_module(self, module: str, path: str) -> None:
        is_internal = any(lies_under(module, area) for area in rules.INTERNAL)
        if is_internal and not self._places.code_execution:
            raise refusal(
                path, f"leads through {module!r}, which is internal", "Use its public name."
            )
        if not self._places.leads_somewhere(module):
            raise self._places.refusal(module, path)

    def _import(self, name: str, path: str) -> ModuleType:
        try:
            return self._importer(name)
        except ModuleNotFoundError as error:
            raise InvalidArgumentError(
                f"{path!r} cannot be reached: {error}.",
                {"name": path, "hint": "Install it where the bridge runs, or correct the name."},
            ) from error


def _read(thing: Any, name: str, path: str, *, is_defined: bool) -> Any:
    if not is_defined and isinstance(thing, type):
        # Enums of Python 3.11 keep some members beside the body of the class. Anything else would
        # be the metaclass's.
        if isinstance(thing, EnumMeta) and name in thing.__members__:
            return thing.__members__[name]
        raise _unknown(thing, name, path)
    try:
        return getattr(thing, name)
    except AttributeError as error:
        if is_defined:
            raise
        raise _unknown(thing, name, path) from error


def names_of(thing: Any) -> list[str]:
    """The public names of a thing, sorted, told without running its code."""
    if isinstance(thing, ModuleType):
        spaces: list[Mapping[str, Any]] = [vars(thing)]
    else:
        kind = thing if isinstance(thing, type) else type(thing)
        spaces = [vars(each) for each in kind.__mro__]
        own = getattr(thing, "__dict__", None)
        spaces += [own] if isinstance(own, dict) else []
    names = {name for space in spaces for name in space}
    return sorted(name for name in names if _is_readable(name))


def _is_readable(name: str) -> bool:
    return is_public(name) and name not in rules.NEVER_READ


def _unknown(thing: Any, name: str, path: str) -> InvalidArgumentError:
    hint = did_you_mean(name, names_of(thing), otherwise="'python.describe' lists what there is.")
    return InvalidArgumentError(
        f"{path!r} does not exist: {shown(thing)!r} has no {name!r}.", {"name": path, "hint": hint}
    )
