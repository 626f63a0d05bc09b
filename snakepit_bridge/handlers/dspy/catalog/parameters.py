"""What a class, a function, a method takes, as entries of the catalog."""

from __future__ import annotations

import inspect
import typing
from collections import ChainMap
from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.definitions import is_public
from snakepit_bridge.handlers.dspy.call_shape import shape_of
from snakepit_bridge.handlers.dspy.catalog import docs as catalog_docs
from snakepit_bridge.handlers.dspy.states.data import JsonForm

if TYPE_CHECKING:
    from snakepit_bridge.handlers.allow_list import AllowList
    from snakepit_bridge.handlers.dspy.catalog.schemas import Schemas

_STARS: Mapping[Any, str] = MappingProxyType({
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
})  # fmt: skip


class Entries:
    """Describes what a call takes; safe to use from any thread.

    Args:
        dspy: The module.
        allow: Which methods a caller may call.
        schemas: Describes types.
    """

    def __init__(self, dspy: Any, allow: AllowList, schemas: Schemas) -> None:
        self._dspy = dspy
        self._allow = allow
        self._schemas = schemas
        self._known: dict[Any, dict[str, Any]] = {}

    def parameters(self, target: Callable[..., Any], doc: str = "") -> list[dict[str, Any]]:
        """The parameters of a class or function.

        Args:
            target: What is called.
            doc: Where they are described, besides in the target's own docstring.
        """
        if self._schemas.fits(target):
            return self._fields(target)
        shape = shape_of(target)
        function: Any = target
        if isinstance(target, type):
            function = target.__init__  # type: ignore[misc]  # of this very class
        described = {
            **catalog_docs.parameters_in(doc),
            **catalog_docs.parameters_in(catalog_docs.doc_of(function)),
        }
        hints = _hints(self._dspy, function)
        return [
            self._parameter(each, hints.get(each.name, each.annotation), described)
            for each in (shape.parameters.values() if shape else ())
        ]

    def methods(self, instance: object) -> list[dict[str, Any]]:
        """The methods of an object that a caller may call."""
        names = [name for name in dir(type(instance)) if is_public(name)]
        if callable(instance):
            names.insert(0, "__call__")
        found = ((name, self._method(instance, name)) for name in names)
        return [{"name": name, **entry} for name, entry in found if entry is not None]

    def methods_of(self, kind: type) -> list[dict[str, Any]]:
        """The methods that the objects of a class have."""
        try:
            blank: object = object.__new__(kind)  # what is allowed depends on the class alone
        except TypeError:
            return []
        return self.methods(blank)

    def _method(self, instance: object, name: str) -> dict[str, Any] | None:
        try:
            bound = self._allow.method(instance, name)
        except (NotAllowedError, InvalidArgumentError):
            return None
        called = bound
        if name == "__call__":
            forward = getattr(type(instance), "forward", None)  # what a module hands its own on to
            called = bound if forward is None else forward.__get__(instance)
        function = getattr(called, "__func__", called)
        entry = self._known.get(function)
        if entry is None:
            doc = catalog_docs.doc_of(called) or catalog_docs.doc_of(bound)
            entry = self._known[function] = {
                "parameters": self.parameters(called),
                "doc": catalog_docs.shown(doc),
                "async": inspect.iscoroutinefunction(called),
            }
        return entry

    def _parameter(
        self, parameter: inspect.Parameter, annotation: Any, described: Mapping[str, str]
    ) -> dict[str, Any]:
        stars = _STARS.get(parameter.kind, "")
        entry: dict[str, Any] = {
            "name": stars + parameter.name,
            "required": not stars and parameter.default is parameter.empty,
            "type": self._schemas.text(annotation),
        }
        entry.update(self._schema(annotation))
        if parameter.default is not parameter.empty:
            entry.update(self._default(parameter.default))
        if parameter.name in described:
            entry["description"] = described[parameter.name]
        return entry

    def _fields(self, model: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "required": field.is_required(),
                "type": self._schemas.text(field.annotation),
                **self._schema(field.annotation, field.metadata),
                **({} if field.is_required() else self._default(field.default)),
                **({"description": field.description} if field.description else {}),
            }
            for name, field in model.model_fields.items()
        ]

    def _schema(self, annotation: Any, constraints: Any = ()) -> dict[str, Any]:
        schema = self._schemas.schema(annotation, constraints)
        return {} if schema is None else {"schema": schema}

    def _default(self, value: Any) -> dict[str, Any]:
        """The default, where JSON can hold it."""
        try:
            return {"default": JsonForm(self._dspy).of(value)}
        except InvalidArgumentError:
            return {}


def _hints(dspy: Any, function: Any) -> dict[str, Any]:
    """The annotations of a function, each that can be told."""
    # Some names are imported for type checkers only; most of those are in DSPy itself.
    names = ChainMap(getattr(function, "__globals__", {}), vars(dspy))
    hints: dict[str, Any] = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        alone = SimpleNamespace(__annotations__={name: annotation})
        try:
            hints.update(typing.get_type_hints(alone, {}, names, include_extras=True))
        except (NameError, TypeError, AttributeError):
            continue  # its text is shown then
    return hints
