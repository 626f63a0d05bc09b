"""Tells telemetry of the types that no encoding has a form for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

EVENT = "snakepit.serialization.unserializable_marker"

MAX_TYPES = 10_000
"""Types that are told of; a program that makes classes as it goes must not fill the memory."""

Emit: TypeAlias = Callable[[str, Mapping[str, Any], Mapping[str, Any]], None]
"""Takes the name of an event, its measurements, its metadata."""


class MarkerNews:
    """Emits one event for each type, when its first object becomes a marker.

    The event holds the name of the type and nothing of the object.

    Args:
        emit: Whatever it raises is dropped: telemetry never costs a result.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._lock = threading.Lock()
        self.types: set[str] = set()
        """What was told of."""

    def tell(self, type_name: str, *, max_types: int = MAX_TYPES) -> None:
        """Emit the event, unless it was already, or for too many types."""
        if type_name in self.types or not self._is_first(type_name, max_types):
            return
        with suppress(Exception):
            self._emit(EVENT, {"first_seen": 1}, {"type": type_name})

    def _is_first(self, type_name: str, max_types: int) -> bool:
        with self._lock:
            if type_name in self.types or len(self.types) >= max_types:
                return False
            self.types.add(type_name)
            return True
