"""Adapters that keep a worker busy; a copy of this file stands where user adapters do."""

from __future__ import annotations

import asyncio
import atexit
import gc
import hashlib
import itertools
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from snakepit_bridge.base_adapter import BaseAdapter, tool

_GATES: dict[str, threading.Event] = {}
_BARRIERS: dict[int, threading.Barrier] = {}
_PAUSES: dict[str, str] = {}
"""Where somebody wants a stop, and the gate that ends it."""

_HASHES = 2**31 - 1


def _gate(name: str) -> threading.Event:
    return _GATES.setdefault(name, threading.Event())


def _tell(text: str) -> None:
    # At one go, whatever other threads have to tell.
    os.write(2, f"{text}\n".encode())


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _compute_until(name: str) -> bool:
    gate = _gate(name)
    _tell(f"inside {name}.")
    number = 0
    while not gate.is_set():
        number = (number * 31 + 7) % 1_000_003
    return _is_main_thread()


def _block_until(name: str) -> bool:
    gate = _gate(name)
    _tell(f"inside {name}.")
    gate.wait()
    return _is_main_thread()


def _tell_thread(place: str) -> None:
    _tell(f"{place} on {'the main' if _is_main_thread() else 'another'} thread.")


def _pause_at(place: str) -> None:
    """Stand still here if somebody has asked for it; once."""
    gate = _PAUSES.pop(place, None)
    if gate is not None:
        _block_until(gate)


class Busy(BaseAdapter):
    """Tools that are inside for as long as somebody wants."""

    __thread_safe__ = True

    @tool()
    def compute(self, gate: str) -> bool:
        return _compute_until(gate)

    @tool()
    async def acompute(self, gate: str) -> bool:
        return _compute_until(gate)

    @tool()
    def block(self, gate: str) -> bool:
        return _block_until(gate)

    @tool()
    async def ablock(self, gate: str) -> bool:
        return _block_until(gate)

    @tool()
    def open_gate(self, gate: str) -> None:
        _gate(gate).set()

    @tool()
    async def aopen_gate(self, gate: str) -> None:
        _gate(gate).set()

    @tool()
    def echo(self, value: object) -> object:
        return value

    @tool()
    async def aecho(self, value: object) -> object:
        return value

    @tool()
    def is_main_thread(self, **_: str) -> bool:
        return _is_main_thread()

    @tool()
    async def ais_main_thread(self, **_: str) -> bool:
        return _is_main_thread()

    @tool()
    def meet(self, count: int) -> int:
        """Return once so many calls are in here, each its thread."""
        _BARRIERS.setdefault(count, threading.Barrier(count)).wait(30)
        return threading.get_ident()

    @tool()
    def open_tasks(self) -> int:
        gc.collect()
        tasks = (each for each in gc.get_objects() if isinstance(each, asyncio.Task))
        return sum(not task.done() for task in tasks)

    @tool()
    def stay_at_exit(self) -> None:
        """Have the interpreter wait, once it has begun to end, for what never comes."""
        atexit.register(_block_until, "exit")

    # --- in native code -------------------------------------------------------------------------

    @tool()
    def hash_for_ever(self) -> None:
        """Native code that lets others run, but nobody interrupt it."""
        _tell("inside native.")
        hashlib.pbkdf2_hmac("sha256", b"password", b"salt", _HASHES)

    @tool()
    def hold_interpreter(self) -> None:
        """Native code that lets nobody else run, for ever."""
        _tell("inside native.")
        any(itertools.repeat(False))  # noqa: FBT003  (a value)

    # --- streams --------------------------------------------------------------------------------

    @tool(supports_streaming=True)
    def endless(self) -> Iterator[int]:
        yield from itertools.count()

    @tool(supports_streaming=True)
    async def aendless(self) -> AsyncIterator[int]:
        for number in itertools.count():
            yield number


class Pausing(Busy):
    """Stands still where it is told to, in what is called around its tools."""

    def __init__(self) -> None:
        super().__init__()
        self._asks = False
        _pause_at("constructor")

    def initialize(self) -> None:
        _pause_at("initialize")

    def cleanup(self) -> None:
        if not self._asks:
            _pause_at("cleanup")

    @classmethod
    def on_session_end(cls, _session_id: str) -> None:
        _pause_at("on_session_end")

    @tool()
    def pause_at(self, place: str, gate: str) -> None:
        self._asks = True
        _PAUSES[place] = gate


class Registering(Busy):
    """Takes its time to register its tools."""

    def register_with_session(self, session_id: str, stub: Any) -> list[str]:
        _block_until("register")
        return super().register_with_session(session_id, stub)


class Threaded(Busy):
    """Tells on which thread its life takes place."""

    def __init__(self) -> None:
        super().__init__()
        _tell_thread("constructor")

    def initialize(self) -> None:
        _tell_thread("initialize")

    def cleanup(self) -> None:
        _tell_thread("cleanup")


class Unsafe:
    """Says nothing about threads."""

    @tool()
    def echo(self, value: object) -> object:
        return value
