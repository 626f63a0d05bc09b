"""A package as an operator may allow it, made afresh for a test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILES = {
    "workbench/__init__.py": """
        '''Things to work with.'''
        import collections
        import functools
        import os
        import subprocess
        from logging import getLogger
        from . import sub
        from .sub import Inner

        LIMIT = 3
        Pair = collections.namedtuple("Pair", "left right")
        SYSTEM = os.system
        TOOLBOX = {"os": os}
        log = getLogger("workbench")
        half = functools.partial(divmod, 2)

        class Thing:
            '''A thing with a name.'''
            kind = "thing"
            run = subprocess.run
            spawn = staticmethod(subprocess.Popen)
            Inner = Inner
            upper = str.upper

            def __init__(self, name: str = "a", size: int = 1):
                self.name = name
                self.size = size
                self.module = os
                self.shell = os.system

            @property
            def loud(self):
                '''The name, louder.'''
                return self.name.upper()

            @property
            def broken(self):
                raise AttributeError("deep inside")

            @classmethod
            def named(cls, name):
                return cls(name)

            def __len__(self):
                return self.size

            def __getitem__(self, key):
                return key

            def itself(self):
                '''This very object.'''
                return self

            def _secret(self):
                return "secret"

        class Text(str):
            pass

        class Loose(subprocess.Popen):
            pass

        class Dynamic:
            def __getattr__(self, name):
                if name.startswith("has_"):
                    return name
                if name == "system":
                    return os.system
                raise AttributeError(name)

        class Plain:
            pass

        @functools.lru_cache
        def cached(n: int) -> int:
            return n + 1

        def add(a: int, b: int = 1, *, scale: float = 1.0) -> float:
            '''Add two numbers.

            And scale them.
            '''
            return (a + b) * scale

        def fail(text):
            raise LookupError(text)

        def give(value):
            return value

        def apply(function, *args, **kwargs):
            return function(*args, **kwargs)

        def foreign():
            return subprocess.Popen.__new__(subprocess.Popen)

        def module():
            return os

        def system():
            return os.system

        opened = []
        closed = []

        def count(n):
            try:
                for number in range(n):
                    opened.append(number)
                    yield number
            finally:
                closed.append(n)

        async def later(value):
            return value

        async def slowly(n):
            try:
                for number in range(n):
                    yield number
            finally:
                closed.append(n)

        class Tape:
            def __init__(self):
                self.at = 0
                self.is_closed = False
            def __iter__(self):
                return self
            def __next__(self):
                self.at += 1
                if self.at > 3:
                    raise StopIteration
                return self.at
            def close(self):
                self.is_closed = True
    """,
    "workbench/sub.py": """
        import sys

        class Inner:
            def hello(self):
                return "hello"

        def twice(x):
            return 2 * x
    """,
    "workbench/late.py": """
        def here():
            return "here"
    """,
}


@contextmanager
def workbench(folder: Path) -> Iterator[None]:
    """The package ``workbench`` can be imported inside the block."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(line[8:] for line in text.splitlines()))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "workbench"]:
            del sys.modules[name]
