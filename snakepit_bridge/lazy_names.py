"""The public names of a package, each loaded from its home when it is first used."""

from __future__ import annotations

import importlib

# Type checkers take the name at its word; importing it would cost every process 7 ms.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_names(
    scope: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """What a package uses as its ``__getattr__`` and its ``__dir__``.

    Args:
        scope: The ``globals()`` of the package, with its ``__all__``.
        homes: The module below the package that has each name.
    """
    package = scope["__name__"]

    def find(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            text = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(text)
        value = getattr(importlib.import_module(f"{package}.{home}"), name)
        # Kept, so that the next use is an ordinary look-up.
        scope[name] = value
        return value

    def names() -> list[str]:
        return sorted({*scope, *scope["__all__"]})

    return find, names
