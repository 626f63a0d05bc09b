"""Imports the adapter whose tools a worker serves."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from snakepit_bridge.adapters.hooks import hooks_of
from snakepit_bridge.nearest import nearest

if TYPE_CHECKING:
    from types import ModuleType


_NOT_IN_NAMES = str.maketrans("/\\:", "...")
"""What people write where Python wants a dot."""


class AdapterError(Exception):
    """There is no such adapter, or it cannot be used; the message says what to do."""


def load_adapter(path: str, *, threaded: bool = False) -> type:
    """Import the class ``module.Class``.

    Args:
        path: Its name; the last dot separates module and class.
        threaded: Whether it must be fit for many threads.

    Raises:
        AdapterError: It cannot be had, or is not fit.
    """
    module_name, _, name = path.rpartition(".")
    if not all([*module_name.split("."), name]) or path != path.translate(_NOT_IN_NAMES):
        text = f"{path!r} is no adapter: write MODULE.CLASS, e.g. {_example(path)}."
        raise AdapterError(text)
    adapter = _class_in(_module(module_name, path), name)
    if threaded and not getattr(adapter, "__thread_safe__", False):
        text = (
            f"The adapter {path!r} does not say that it is thread-safe, which --max-workers needs: "
            "set __thread_safe__ = True on the class, or derive it from ThreadSafeAdapter."
        )
        raise AdapterError(text)
    try:
        hooks_of(adapter)
    except TypeError as error:
        text = f"The adapter {path!r} cannot be used: {error}"
        raise AdapterError(text) from None
    return adapter


def _example(path: str) -> str:
    parts = list(filter(None, path.translate(_NOT_IN_NAMES).split(".")))
    has_class = len(parts) > 1 and parts[-1] != "py"
    return ".".join(parts) if has_class else "my_app.adapters.MyAdapter"


def _module(name: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Its own name, or one of its parents: not something that it imports.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _broken(path, error) from error
        text = (
            f"The adapter {path!r} cannot be imported: there is no module {error.name!r}. "
            "Its folder must be on PYTHONPATH."
        )
        raise AdapterError(text) from None  # the message says it all
    except (Exception, SystemExit) as error:  # the module is somebody else's code
        raise _broken(path, error) from error


def _class_in(module: ModuleType, name: str) -> type:
    try:
        found = getattr(module, name)
    except AttributeError:
        classes = [each for each, value in vars(module).items() if isinstance(value, type)]
        near = nearest(name, classes)
        hint = f" Did you mean {near!r}?" if near else ""
        text = f"The module {module.__name__!r} has no class {name!r}.{hint}"
        raise AdapterError(text) from None
    if not isinstance(found, type):
        text = f"{module.__name__}.{name} is no class, but of type {type(found).__name__!r}."
        raise AdapterError(text)
    return found


def _broken(path: str, error: BaseException) -> AdapterError:
    return AdapterError(f"The adapter {path!r} cannot be imported: {type(error).__name__}: {error}")
