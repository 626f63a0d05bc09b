"""The way by name to Python's own things, for callers who want out of what is allowed.

Things are found, and never called.
"""

from __future__ import annotations

import builtins
import collections
import decimal
import functools
import importlib
import json
import logging
import operator
import os
import pickle
import statistics
import string
import subprocess
import sys
from contextlib import suppress
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from fuzz.judging import ensure
from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.python.origins import Origins
from snakepit_bridge.handlers.python.places import Places, home_of
from snakepit_bridge.handlers.python.reach import Reach

_ALLOWED = (collections, decimal, functools, json, logging, np, operator, statistics, string)

_PACKAGES = tuple(module.__name__ for module in _ALLOWED)

_HARMLESS = ("abc", "builtins", "collections.abc", "enum", "numbers", "typing")
"""Where classes of everybody have methods from."""

_OUTSIDE = tuple(
    getattr(module, name)
    for module, names in {
        builtins: (
            *("eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "vars", "dir"),
            *("globals", "locals", "input", "breakpoint", "__import__", "print", "type"),
        ),
        importlib: ("import_module",),
        operator: ("attrgetter", "methodcaller"),
        os: ("environ", "popen", "system"),
        pickle: ("Unpickler", "load", "loads"),
        subprocess: ("Popen", "run"),
        sys: ("exit", "modules", "settrace"),
    }.items()
    for name in names
)
"""What nobody may get hold of; the list is far from whole."""

_MOST_STEPS = 8


def _imported(name: str) -> ModuleType:
    ensure(_is_allowed(name), f"{name!r} was imported")
    return importlib.import_module(name)


_PLACES = Places(_PACKAGES, code_execution=False)
_REACH = Reach(_PLACES, Origins(_PLACES), importer=_imported)


def check(data: bytes) -> None:
    """Walk from one of the allowed modules, step by step.

    Args:
        data: A dotted name. Bytes behind a ``#`` choose among the names that there are.
    """
    first, *words = data.split(b".")[: _MOST_STEPS + 1]
    here: Any = _ALLOWED[_PACKAGES.index(root) if (root := _text(first)) in _PACKAGES else 0]
    path = [here.__name__]
    for word in words:
        name = _name(here, word)
        path.append(name)
        with suppress(NotAllowedError, InvalidArgumentError):
            _judge(_REACH.find(".".join(path)), path)
        try:
            here = _REACH.attribute(here, name)
        except (NotAllowedError, InvalidArgumentError) as error:
            ensure(error.message, "nothing told")
            return
        _judge(here, path)


def _name(here: Any, word: bytes) -> str:
    if not word.startswith(b"#"):
        return _text(word)
    names = sorted({*dir(here), *dir(type(here))})
    return names[int.from_bytes(word[1:3]) % len(names)]


def _text(word: bytes) -> str:
    return word.decode(errors="replace")


def _judge(thing: Any, path: list[str]) -> None:
    where = ".".join(path)
    ensure(all(thing is not outside for outside in _OUTSIDE), f"{where} leads outside")
    ensure(not isinstance(thing, (FrameType, CodeType)), f"{where} leads into the interpreter")
    ensure(not (type(thing) is dict and "__builtins__" in thing), f"{where} are global names")
    if isinstance(thing, ModuleType):
        ensure(_is_allowed(thing.__name__), f"{where} leads to {thing.__name__!r}")
    if isinstance(thing, FunctionType):
        module = thing.__module__ or ""
        ensure(_is_allowed(module) or module in _HARMLESS, f"{where} lies in {module!r}")


def _is_allowed(module: str) -> bool:
    return any(f"{home_of(module)}.".startswith(f"{name}.") for name in _PACKAGES)
