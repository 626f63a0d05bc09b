"""What lies within a value that is handed on."""

from __future__ import annotations

import functools
import sys
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_ATOMS: frozenset[type] = frozenset(
    {
        *(str, int, float, bool, complex, bytes, bytearray, type(None), type(...)),
        *(date, datetime, time, timedelta, Decimal, UUID),
    }
)
"""Nothing can lie within, and nobody has to look at them."""

_ROWS: dict[type, Callable[[Any], Iterator[Any]]] = {
    kind: kind.__iter__ for kind in (list, tuple, set, frozenset, deque)
}
_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
_WRAPPERS: tuple[type, ...] = (ChainMap, UserDict, UserList)


def things_in(value: Any) -> Iterator[Any]:
    """The value and what lies in it at any depth of containers, without texts, numbers and dates.

    Containers are those of Python and of ``collections``, arrays of objects, and the tables of
    pandas. Their code is not run, be it that of a derived class.
    """
    pending = [value]
    seen: dict[int, Any] = {}  # which keeps what it knows alive, so that no number comes twice
    while pending:
        thing = pending.pop()
        if type(thing) in _ATOMS or id(thing) in seen:
            continue
        seen[id(thing)] = thing
        yield thing
        pending += [each for each in _members(thing) if type(each) not in _ATOMS]


def _members(thing: Any) -> Iterable[Any]:
    if isinstance(thing, dict):
        return [*dict.keys(thing), *dict.values(thing)]
    for kind, iter_of in _ROWS.items():
        if isinstance(thing, kind):
            return iter_of(thing)
    if isinstance(thing, (KeysView, ValuesView, ItemsView)) and type(thing) in _VIEWS:
        return list(thing)
    if isinstance(thing, _WRAPPERS):
        return list(vars(thing).values())
    if isinstance(thing, functools.partial):
        return [*thing.args, *thing.keywords.values()]
    return _members_of_table(thing)


def _members_of_table(thing: Any) -> Iterable[Any]:
    if _is_of(thing, "numpy", "ndarray"):
        return [thing.tolist()] if thing.dtype.hasobject else ()
    if _is_of(thing, "pandas", "Series", "Index"):
        return [thing.to_numpy()] if thing.dtype == object else ()
    if _is_of(thing, "pandas", "DataFrame"):
        columns = (thing.iloc[:, at] for at in range(thing.shape[1]))
        return [column.to_numpy() for column in columns if column.dtype == object]
    return ()


def _is_of(thing: Any, library: str, *names: str) -> bool:
    """Whether it is an object of a library, which then has been imported."""
    module = sys.modules.get(library)
    kinds = tuple(getattr(module, name, ()) for name in names)
    return isinstance(thing, kinds)
