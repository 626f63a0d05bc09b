"""Finds the handlers that others have written, by entry point or by path."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.nearest import did_you_mean
from snakepit_bridge.values.value_types import VALUE_TYPES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import ModuleType

GROUP = "snakepit_bridge.handlers"
"""The entry-point group in which distributions announce their handlers."""

SHOWN_FOLDERS = 8
"""Of the places that were searched, how many an error lists; the own ones come first."""


class HandlerLoadError(ValueError):
    """A handler that was asked for at start cannot be had; says why, and what to do."""


def handlers_from_entry_points(group: str = GROUP) -> list[object]:
    """The handlers that installed distributions offer, by the names of their entry points.

    Raises:
        HandlerLoadError: One of them cannot be had; names its distribution.
    """
    if not any(_may_announce(Path(folder or "."), group) for folder in sys.path):
        return []
    # Imported here: it takes longer than all handlers of the bridge together.
    from importlib.metadata import entry_points  # noqa: PLC0415

    found = sorted(entry_points(group=group), key=lambda each: (each.name, each.value))
    return [_from_entry_point(each) for each in found]


def handler_from_path(path: str) -> object:
    """The handler a path names.

    Args:
        path: ``module:Class``, which is called without arguments, or ``module:object``, where the
            object may be a function marked with ``@handles``. ``module:Outer.Inner`` works, too.

    Returns:
        Something a registry takes.

    Raises:
        HandlerLoadError: There is no such thing, or it is no handler.
    """
    module_name, _, name = (part.strip() for part in path.partition(":"))
    if not module_name or not name:
        raise HandlerLoadError(
            f"{path!r} is not the path of a handler. Write module:Class, e.g. my_handlers:Greeter."
        )
    found = _found(module_name, name, f"the handler {path!r}")
    handler = _made(found, path) if isinstance(found, type) else found
    _check(handler, path)
    return handler


def value_type_from_path(path: str) -> type:
    """The type a path names, e.g. ``my_module:Point``, registered: its values travel as themselves.

    Raises:
        HandlerLoadError: There is no such type, or its values cannot.
    """
    module_name, _, name = (part.strip() for part in path.partition(":"))
    if not module_name or not name:
        raise HandlerLoadError(
            f"{path!r} is not the path of a type. Write module:Class, e.g. my_module:Point."
        )
    found = _found(module_name, name, f"the type {path!r}")
    if not isinstance(found, type):
        raise HandlerLoadError(f"{path!r} is no class but {found!r}.")
    try:
        return VALUE_TYPES.register(found)
    except (TypeError, ValueError) as error:
        raise HandlerLoadError(f"{path!r} cannot be a type of values: {error}") from error


def _may_announce(place: Path, group: str) -> bool:
    """Whether a distribution in a place of the import path names the group; a quick look."""
    if place.is_file():
        return True  # an archive: the slow way will tell
    return any(
        group.encode() in announced.read_bytes()
        for kind in ("dist-info", "egg-info")
        for announced in place.glob(f"*.{kind}/entry_points.txt")
    )


def _from_entry_point(entry_point: EntryPoint) -> object:
    try:
        # Extras, as in "module:Class [extra]", are the business of installers.
        return handler_from_path(entry_point.value.partition("[")[0])
    except HandlerLoadError as error:
        owner = entry_point.dist
        named = f"{owner.name} {owner.version}" if owner else "an unknown distribution"
        raise HandlerLoadError(
            f"The handler {entry_point.name!r} of {named} cannot be used: {error} "
            "It is not part of the bridge: upgrade that distribution, or uninstall it."
        ) from error


def _found(module_name: str, name: str, wanted_by: str) -> Any:
    return _find(_imported(module_name, wanted_by), name, wanted_by)


def _imported(module_name: str, wanted_by: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise _not_found(error.name, wanted_by) from error
        raise _broken_import(module_name, wanted_by, error) from error
    except (Exception, SystemExit) as error:
        raise _broken_import(module_name, wanted_by, error) from error


def _not_found(module_name: str, wanted_by: str) -> HandlerLoadError:
    folders = [folder or "the working directory" for folder in sys.path]
    shown = ", ".join(folders[:SHOWN_FOLDERS])
    more = f" and {len(folders) - SHOWN_FOLDERS} more" if len(folders) > SHOWN_FOLDERS else ""
    return HandlerLoadError(
        f"There is no module {module_name!r} for {wanted_by}; looked in {shown}{more}. "
        "Install it, or put its folder on PYTHONPATH."
    )


def _broken_import(module_name: str, wanted_by: str, error: BaseException) -> HandlerLoadError:
    return HandlerLoadError(
        f"The module {module_name!r} of {wanted_by} cannot be imported: "
        f"{type(error).__name__}: {error}. Try: python -c 'import {module_name}'."
    )


def _find(module: ModuleType, name: str, wanted_by: str) -> Any:
    found: Any = module
    for attribute in name.split("."):
        holder = found
        try:
            found = getattr(holder, attribute)
        except AttributeError as error:
            known = [each for each in dir(holder) if not each.startswith("_")]
            has = f"It has: {', '.join(known[:20])}."
            hint = did_you_mean(attribute, known, otherwise=has)
            owner = getattr(holder, "__name__", repr(holder))
            raise HandlerLoadError(
                f"{owner!r} has no {attribute!r}, which {wanted_by} names. {hint}"
            ) from error
    return found


def _made(kind: type, path: str) -> object:
    try:
        return kind()
    except (Exception, SystemExit) as error:
        raised = f"{type(error).__name__}: {error}"
        raise HandlerLoadError(
            f"{kind.__qualname__}() of the handler {path!r} raised {raised}. "
            "A class is called without arguments; where it needs some, make the object in its "
            "module and name that."
        ) from error


def _check(handler: object, path: str) -> None:
    """Let a registry of its own look at the handler, so that an error can name the path."""
    try:
        HandlerRegistry().register(handler)
    except (TypeError, ValueError) as error:
        raise HandlerLoadError(f"The handler {path!r} cannot be registered: {error}") from error
