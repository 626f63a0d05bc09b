"""What a module of DSPy offers, described for those who generate code."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.errors import BridgeError, InvalidArgumentError
from snakepit_bridge.handlers.definitions import is_public

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.handlers.allow_list import AllowList
    from snakepit_bridge.session.context import Session

_SPECIAL = frozenset({"__init__", "__call__", "__str__", "__repr__"})
"""Methods that are told although their names are not public."""


class SchemaTools:
    """``discover_dspy_schema``.

    Args:
        bench: What it works with.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        name = "discover_dspy_schema"
        function = self.discover_dspy_schema
        return (DSPexTool(name, function, with_traceback=True, repeats=("module_path",)),)

    def discover_dspy_schema(
        self, _session: Session, /, *, module_path: str = "dspy"
    ) -> dict[str, Any]:
        """The classes and functions of a module that may be used here."""
        self._bench.dspy()
        allow = self._bench.workbench.allow
        module = _module(allow, module_path)
        schema = {}
        for name in filter(is_public, dir(module)):
            entry = _entry(allow, f"{module_path}.{name}")
            if entry is not None:
                schema[name] = entry
        return {
            "success": True,
            "schema": schema,
            "module_path": module_path,
            "discovered_count": len(schema),
        }


def _module(allow: AllowList, path: str) -> ModuleType:
    """A module, if something in it may be used.

    Raises:
        BridgeError: It may not, or it is no module.
    """
    try:
        allow.find(path)
    except InvalidArgumentError:
        # Whoever looks for it imports it on the way.
        module = sys.modules.get(path)
        if module is None:
            raise
        return module
    raise InvalidArgumentError(
        f"{path!r} is no module.", {"hint": f"Send {path.rpartition('.')[0]!r}, where it is from."}
    )


def _entry(allow: AllowList, path: str) -> dict[str, Any] | None:
    """The description of a class or function; ``None`` where it may not be used."""
    try:
        found = allow.find(path)
    except BridgeError:
        return None
    if isinstance(found, type):
        methods = _methods(found)
        return {
            "type": "class",
            "docstring": _docstring(found),
            "methods": methods,
            "module": found.__module__,
        }
    shape = _shape(found)
    return shape and {"type": "function", **shape, "module": found.__module__}


def _methods(kind: type) -> dict[str, Any]:
    described = {}
    for name in dir(kind):
        if not (is_public(name) or name in _SPECIAL):
            continue
        member = inspect.getattr_static(kind, name)
        function = getattr(member, "__func__", member)
        shape = _shape(function) if isinstance(function, FunctionType) else None
        if shape is not None:
            described[name] = shape
    return described


def _shape(function: Callable[..., Any]) -> dict[str, Any] | None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None  # one whose signature its author has made up
    return {
        "signature": str(signature),
        "parameters": [_parameter(each) for each in signature.parameters.values()],
        "docstring": _docstring(function),
    }


def _parameter(parameter: inspect.Parameter) -> dict[str, str]:
    described = {"name": parameter.name}
    if parameter.default is not parameter.empty:
        described["default"] = str(parameter.default)
    if parameter.annotation is not parameter.empty:
        annotation = parameter.annotation
        described["type"] = getattr(annotation, "__name__", None) or str(annotation)
    return described


def _docstring(thing: Any) -> str:
    return inspect.getdoc(thing) or ""
