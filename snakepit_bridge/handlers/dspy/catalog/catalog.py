"""What there is in DSPy for callers, told by DSPy itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, cached_property
from types import FunctionType
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.errors import BridgeError, InvalidArgumentError
from snakepit_bridge.handlers.definitions import is_public, lies_under
from snakepit_bridge.handlers.dspy.catalog import docs as catalog_docs
from snakepit_bridge.handlers.dspy.catalog.parameters import Entries
from snakepit_bridge.handlers.dspy.catalog.schemas import Schemas
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from snakepit_bridge.handlers.allow_list import AllowList
    from snakepit_bridge.handlers.dspy.door import DSPyDoor

_SETTING = re.compile(r"--[a-z-]+(?: [\w.]*\w)?")
"""The setting in a hint such as ``"The operator allows it with --allow dspy.x."``"""


class Kind(msgspec.Struct, frozen=True):
    """One sort of things, and where DSPy has them."""

    base: str
    """The class they derive from, looked up in ``dspy``; not listed itself."""

    places: tuple[str, ...]
    """Modules whose public names are looked through, the usual one first."""

    functions: bool = False
    """Whether functions are of this sort, too."""


KINDS = {
    "modules": Kind("Module", ("dspy",)),
    "optimizers": Kind("teleprompt.Teleprompter", ("dspy", "dspy.teleprompt")),
    "adapters": Kind("Adapter", ("dspy", "dspy.adapters")),
    "metrics": Kind("Module", ("dspy.evaluate",), functions=True),
    "types": Kind("Type", ("dspy", "dspy.adapters.types")),
}

_DATA_PLACE = "dspy.adapters.types"
"""Of its names, models that do not derive from ``dspy.Type`` are types, too, e.g. the history."""


class Catalog:
    """Describes DSPy's parts; computed when asked for, kept then. Safe to use from any thread.

    Args:
        door: The way to DSPy.
        allow: What a caller may use. What it refuses is listed with what it would need.
    """

    def __init__(self, door: DSPyDoor, allow: AllowList) -> None:
        self._door = door
        self._allow = allow
        self.schemas = Schemas(door)
        self.entries_of = cache(self._entries_of)

    @cached_property
    def entries(self) -> Entries:
        """Describes what calls take."""
        return Entries(self._door.open(), self._allow, self.schemas)

    def names(self) -> dict[str, list[str]]:
        """The names of everything, by kind."""
        return {kind: list(self._found(kind)) for kind in KINDS}

    def find(self, name: str, kind: str | None = None) -> dict[str, Any]:
        """The entry of a name, such as ``"ChainOfThought"`` or ``"dspy.ChainOfThought"``.

        Raises:
            InvalidArgumentError: There is none of this name; the hint is the nearest one.
        """
        kinds = KINDS if kind is None else (kind,)
        for each in kinds:
            for entry in self.entries_of(each):
                if name in (entry["name"], entry["class_path"]):
                    return entry
        known = [known for each in kinds for known in self._found(each)]
        where = "" if kind is None else f" among the {kind}"
        raise InvalidArgumentError(
            f"There is no {name!r:.200}{where}.",
            {
                "argument": "name",
                "hint": did_you_mean(
                    name[:200], known, otherwise="Leave 'name' out for a list of all."
                ),
            },
        )

    def usable(self, kind: str) -> list[str]:
        """The dotted names of a kind that need nothing."""
        found = (path for path, _ in self._found(kind).values())
        return [path for path in found if not self._needs(path)]

    def _entries_of(self, kind: str) -> tuple[dict[str, Any], ...]:
        """The entries of one kind, by name."""
        return tuple(
            self._entry(kind, name, path, thing)
            for name, (path, thing) in self._found(kind).items()
        )

    def _found(self, kind: str) -> dict[str, tuple[str, Any]]:
        """By name: the dotted name a caller would use, and the thing."""
        sort = KINDS[kind]
        found: dict[str, tuple[str, Any]] = {}
        for place in (*sort.places, *self._operators_places(kind)):
            module = self._door.import_module(place)
            for name in filter(is_public, dir(module)):
                thing = _member(module, name)
                if name not in found and self._is_one(sort, place, thing):
                    found[name] = (self._path(place, name, thing), thing)
        return dict(sorted(found.items()))

    def _path(self, place: str, name: str, thing: Any) -> str:
        """The shortest name by which callers reach it."""
        return f"dspy.{name}" if _member(self._door.open(), name) is thing else f"{place}.{name}"

    def _operators_places(self, kind: str) -> Iterator[str]:
        """Packages the operator has allowed besides DSPy: programs of somebody's own."""
        for package in self._allow.packages if kind == "modules" else ():
            if package.partition(".")[0] != "dspy" and self._is_there(package):
                yield package

    def _is_there(self, package: str) -> bool:
        try:
            self._door.import_module(package)
        except ImportError:
            return False
        return True

    def _is_one(self, sort: Kind, place: str, thing: Any) -> bool:
        if isinstance(thing, FunctionType):
            return sort.functions and lies_under(thing.__module__, place)
        if not isinstance(thing, type):
            return False
        if place == _DATA_PLACE and self.schemas.fits(thing):
            return thing is not self._base(sort)
        return thing is not self._base(sort) and issubclass(thing, self._base(sort))

    def _base(self, sort: Kind) -> Any:
        base = self._door.open()
        for name in sort.base.split("."):
            base = getattr(base, name)
        return base

    def _entry(self, kind: str, name: str, path: str, thing: Any) -> dict[str, Any]:
        doc = catalog_docs.doc_of(thing)
        needs = self._needs(path)
        entry: dict[str, Any] = {
            "name": name,
            "class_path": path,
            "summary": catalog_docs.summary_of(doc),
            "doc": catalog_docs.shown(doc),
            "parameters": self.entries.parameters(thing, doc),
        }
        if isinstance(thing, type) and kind in ("modules", "optimizers") and not needs:
            entry["methods"] = self.entries.methods_of(thing)
        if kind == "types":
            entry["schema"] = self.schemas.schema(thing)
        facts = {
            "needs": needs,
            "deprecated": catalog_docs.deprecation_in(doc),
            "experimental": catalog_docs.is_experimental(doc),
        }
        return {**entry, **{fact: value for fact, value in facts.items() if value}}

    def _needs(self, path: str) -> str:
        """What a caller lacks to use it; empty when nothing."""
        try:
            self._allow.find(path)
        except BridgeError as error:
            setting = _SETTING.search(error.hint)
            going = "deprecated" in error.message
            return setting[0] if setting and not going else error.hint or error.message
        return ""


def _member(module: Any, name: str) -> Any:
    try:
        return getattr(module, name, None)
    except ImportError:
        return None  # made when asked for, from a library that is not installed
