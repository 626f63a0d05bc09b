"""Adapters that tests hand to a worker; a copy of this file stands where user adapters do."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import itertools
import json
import math
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from snakepit_bridge.base_adapter import BaseAdapter, tool
from snakepit_bridge.telemetry import get_correlation_id


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Vase:
    name: str
    height: float


class Modelled:
    def model_dump(self) -> dict[str, Any]:
        return {"modelled": True}


class Opaque:
    def __repr__(self) -> str:
        raise NotImplementedError


def _numpy(name: str) -> Any:
    import numpy as np

    return {
        "float32": np.float32(1.5),
        "int64": np.int64(5),
        "bool_": np.bool_(True),  # noqa: FBT003  (a value)
        "array": np.arange(6).reshape(2, 3),
    }[name]


def _cycle() -> list[Any]:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


VALUES: Mapping[str, Callable[[], Any]] = {
    "none": lambda: None,
    "true": lambda: True,
    "integer": lambda: 42,
    "exact integer": lambda: 2**53 + 1,
    "huge integer": lambda: 2**70,
    "enormous integer": lambda: 10**400,
    "float": lambda: 3.5,
    "whole float": lambda: 2.0,
    "nan": lambda: math.nan,
    "infinity": lambda: math.inf,
    "minus infinity": lambda: -math.inf,
    "text": lambda: "hé\n",
    "list": lambda: [1, "a", None],
    "map": lambda: {"a": {"b": [True]}},
    "tuple": lambda: (1, 2),
    "set": lambda: {1},
    "bytes": lambda: b"\x89PNG",
    "bytearray": lambda: bytearray(b"\x00\xff"),
    "datetime": lambda: datetime(2026, 1, 11, 10, 30),  # noqa: DTZ001  (Snakepit's own example)
    "aware datetime": lambda: datetime(2026, 1, 11, 10, 30, tzinfo=UTC),
    "date": lambda: date(2026, 1, 11),
    "time": lambda: time(1, 2, 3),
    "timedelta": lambda: timedelta(seconds=1),
    "decimal": lambda: Decimal("1.10"),
    "uuid": lambda: uuid.UUID(int=5),
    "enum": lambda: Color.RED,
    "int enum": lambda: Level.HIGH,
    "dataclass": lambda: Vase("blue", 0.3),
    "named tuple": lambda: Point(1, 2),
    "numpy float32": lambda: _numpy("float32"),
    "numpy int64": lambda: _numpy("int64"),
    "numpy bool": lambda: _numpy("bool_"),
    "numpy array": lambda: _numpy("array"),
    "model": Modelled,
    "object": Opaque,
    "nested nan": lambda: [math.nan, {"x": -math.inf}],
    "nested bytes": lambda: [b"hi"],
    "nested none": lambda: {"x": None},
    "number keys": lambda: {1: "one"},
    "large text": lambda: "x" * 6_000_000,
    "cycle": _cycle,
}


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("this exception has no text")


ERRORS: Mapping[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("bad"),
    "KeyError": lambda: KeyError("k"),
    "RuntimeError": lambda: RuntimeError("oops"),
    "StopIteration": lambda: StopIteration("the end"),
    "StopAsyncIteration": lambda: StopAsyncIteration("the end"),
    "GeneratorExit": lambda: GeneratorExit("left"),
    "SystemExit": lambda: SystemExit(5),
    "KeyboardInterrupt": KeyboardInterrupt,
    "CancelledError": lambda: asyncio.CancelledError("not really"),
    "UnprintableError": UnprintableError,
    "large": lambda: ValueError("x" * 5_000_000),
    "half a pair": lambda: ValueError("\ud800"),
    "group": lambda: ExceptionGroup("several", [ValueError("a"), KeyError("b")]),
}


def _raise(name: str) -> None:
    error = ERRORS[name]()
    raise error


class Chunk:
    """What Snakepit's streaming tools yield to say more than data."""

    def __init__(
        self, data: Any, *, is_final: bool = False, metadata: Mapping[Any, Any] | None = None
    ) -> None:
        self.data = data
        self.is_final = is_final
        self.metadata = metadata


STREAMS: Mapping[str, Callable[[], Any]] = {
    "three": lambda: ({"i": number} for number in range(3)),
    "values": lambda: iter([None, "hello", 123, 1.5, True, [1], b"\xff\x00", math.nan]),
    "final": lambda: iter([Chunk({"i": 0}), Chunk({"i": 1}, is_final=True)]),
    "metadata": lambda: iter([Chunk(1, metadata={"k": 1, 2: None})]),
    "list": lambda: [1, 2],
    "tuple": lambda: (1, 2),
    "dict": lambda: {"a": 1, "b": 2},
    "text": lambda: "hello",
    "bytes": lambda: b"\xff\x00",
    "none": lambda: None,
    "number": lambda: 7,
    "empty": lambda: iter(()),
    "numpy": lambda: iter([_numpy("array"), _numpy("int64")]),
    "objects": lambda: iter([Modelled(), Opaque()]),
    "unencodable": lambda: iter([1, _cycle()]),
    "many": lambda: iter(range(3_000)),
}


class Field(BaseAdapter):
    """Tools of every kind."""

    @tool(description="Returns what it was given.")
    def echo(self, value: Any) -> Any:
        return value

    @tool()
    def kind(self, value: Any) -> list[str]:
        return [type(value).__name__, repr(value)]

    @tool()
    async def akind(self, value: Any) -> list[str]:
        await asyncio.sleep(0)
        return self.kind(value)

    @tool()
    def size(self, **parts: bytes) -> dict[str, int]:
        return {name: len(part) for name, part in parts.items()}

    @tool()
    def value(self, name: str) -> Any:
        return VALUES[name]()

    @tool()
    async def avalue(self, name: str) -> Any:
        return VALUES[name]()

    @tool()
    def fail(self, name: str) -> None:
        _raise(name)

    @tool()
    async def afail(self, name: str) -> None:
        _raise(name)

    @tool()
    def where(self) -> dict[str, Any]:
        context = self.session_context
        return {
            "session_id": self.session_id,
            "correlation_id": get_correlation_id(),
            "metadata": dict(context.request_metadata) if context is not None else None,
            "is_main_thread": threading.current_thread() is threading.main_thread(),
        }

    @tool()
    def linger(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    # --- streams --------------------------------------------------------------------------------

    @tool(supports_streaming=True)
    def stream(self, name: str) -> Any:
        return STREAMS[name]()

    @tool(supports_streaming=True)
    async def astream(self, name: str) -> AsyncIterator[Any]:
        for item in STREAMS[name]():
            await asyncio.sleep(0)
            yield item

    @tool(supports_streaming=True)
    def fail_after(self, items: int, name: str) -> Iterator[int]:
        yield from range(items)
        _raise(name)

    @tool(supports_streaming=True)
    async def afail_after(self, items: int, name: str) -> AsyncIterator[int]:
        for number in range(items):
            yield number
        _raise(name)

    @tool(supports_streaming=True)
    def endless(self, mark: str) -> Iterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            sys.stderr.write(f"{mark} ended\n")

    @tool(supports_streaming=True)
    async def aendless(self, mark: str) -> AsyncIterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            sys.stderr.write(f"{mark} ended\n")

    # --- tools of Elixir ------------------------------------------------------------------------

    @tool()
    def ask(self, tool_name: str, args: dict[str, Any]) -> Any:
        return self._shown(self.session_context.call_elixir_tool(tool_name, **args))

    @tool()
    async def aask(self, tool_name: str, args: dict[str, Any]) -> Any:
        return self._shown(self.session_context.call_elixir_tool(tool_name, **args))

    @tool(supports_streaming=True)
    def ask_each(self, tool_name: str, values: list[Any]) -> Iterator[Any]:
        for value in values:
            yield self.session_context.call_elixir_tool(tool_name, value=value)

    @tool(supports_streaming=True)
    async def aask_each(self, tool_name: str, values: list[Any]) -> AsyncIterator[Any]:
        for value in values:
            yield self.session_context.call_elixir_tool(tool_name, value=value)

    @tool()
    def ask_value(self, tool_name: str, name: str) -> Any:
        return self.session_context.call_elixir_tool(tool_name, value=VALUES[name]())

    @tool()
    def elixir_tools(self) -> Any:
        return json.loads(json.dumps(self.session_context.elixir_tools, default=repr))

    @tool()
    def clean_up(self) -> None:
        self.session_context.cleanup()

    def _shown(self, value: Any) -> list[str]:
        return [type(value).__name__, repr(value)]


_NUMBERS = itertools.count(1)


class Tidy(BaseAdapter):
    """Tells when its instances are cleaned up; each has a number."""

    def __init__(self) -> None:
        super().__init__()
        self._number = next(_NUMBERS)

    @tool()
    def number(self) -> int:
        return self._number

    @tool()
    def work(self, seconds: float) -> None:
        sys.stderr.write(f"work {self._number} begun\n")
        threading.Event().wait(seconds)
        sys.stderr.write(f"work {self._number} over\n")

    @tool(supports_streaming=True)
    def fail_after_one(self) -> Iterator[int]:
        yield 1
        raise ValueError("bad")

    @tool(supports_streaming=True)
    def endless(self) -> Iterator[int]:
        yield from itertools.count()

    def cleanup(self) -> None:
        sys.stderr.write(f"cleaned {self._number}.\n")


class Small(BaseAdapter):
    """So little that all of it can be read in a transcript."""

    @tool(description="The sum of two numbers.")
    def add(self, a: float, b: float = 0.0) -> float:
        """Not told: the decorator says it shorter."""
        return a + b

    @tool()
    def image(self, raw: bytes) -> bytes:
        """The same picture."""
        return raw

    @tool()
    async def fail(self, text: str) -> None:
        raise LookupError(text)

    @tool(supports_streaming=True)
    def count(self, items: int) -> Iterator[dict[str, int]]:
        for number in range(items):
            yield {"number": number}

    @tool()
    def double_in_elixir(self, value: int) -> Any:
        return self.session_context.call_elixir_tool("double", value=value)
