"""Kinds of Python objects, as far as the way to them depends on it."""

from __future__ import annotations

import functools
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any
from uuid import UUID

_DATA: tuple[type, ...] = (
    *(str, int, float, bool, complex, bytes, bytearray, memoryview, type(None)),
    *(list, tuple, dict, set, frozenset, range, slice, type(...), object),
    *(date, datetime, time, timedelta, timezone, tzinfo, Decimal, UUID),
)
_VIEWS: tuple[type, ...] = (
    *(type({}.keys()), type({}.values()), type({}.items()), enumerate, zip, map, filter),
    *(type(iter([])), type(iter(())), type(iter({})), type(iter(set())), type(iter(""))),
    *(type(iter({}.values())), type(iter({}.items())), type(iter(range(0))), reversed),
    *(type(iter(b"")), type(reversed([])), type(reversed({})), GeneratorType, AsyncGeneratorType),
)

PLAIN: frozenset[type] = frozenset((*_DATA, *_VIEWS))
"""Types whose methods do nothing but compute, so that everybody may use them."""

NEUTRAL = frozenset({"collections.abc", "abc", "enum", "numbers", "typing"})
"""Modules whose classes hand on harmless methods to the classes derived from them."""

DESCRIPTORS: frozenset[type] = frozenset(
    {MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType}
)
"""Methods of C classes that are bound to no object."""

CACHED = type(functools.lru_cache(len))
"""What ``functools.lru_cache`` makes of a function."""

_CODE: frozenset[type] = DESCRIPTORS | {
    *(FunctionType, MethodType, BuiltinFunctionType, MethodWrapperType, ModuleType),
    *(functools.partial, CACHED, classmethod, staticmethod),
}


def is_plain(kind: type) -> bool:
    """Whether everybody may use objects of exactly this type."""
    return kind in PLAIN or (kind.__module__ == "builtins" and issubclass(kind, BaseException))


def is_code(thing: Any) -> bool:
    """Whether the thing is not data: a module, a class, or something that is only there to call."""
    kind = type(thing)
    return kind in _CODE or isinstance(thing, (type, ModuleType)) or is_cython(kind)


def is_cython(kind: type) -> bool:
    """Whether objects of this type are functions that Cython has compiled."""
    return kind.__name__ == "cython_function_or_method"


def shown(thing: Any) -> str:
    """The full name of a thing for people; of an instance, that of its type."""
    named = thing if is_code(thing) and not is_nameless(thing) else type(thing)
    if isinstance(thing, ModuleType):
        return thing.__name__
    module = getattr(named, "__module__", None)
    name = getattr(named, "__qualname__", None) or type(thing).__qualname__
    return f"{module}.{name}" if isinstance(module, str) else str(name)


def is_nameless(thing: Any) -> bool:
    """Whether code of this kind has no name of its own."""
    return isinstance(thing, (functools.partial, classmethod, staticmethod))
