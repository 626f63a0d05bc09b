"""How heartbeats are sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from snakepit_bridge.words import YES

_FALSE = frozenset({"0", "false", "f", "no", "n", "off", ""})

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_AT_LEAST = {"interval_ms": 1, "timeout_ms": 1}
"""The least a number may be, where that is not 0."""


@dataclass(frozen=True)
class HeartbeatConfig:
    """How heartbeats are sent, and what their loss means."""

    enabled: bool = True

    interval_ms: int = 2000
    """From one beat to the next."""

    timeout_ms: int = 10000
    """How long one beat waits for its answer."""

    max_missed_heartbeats: int = 3
    """So many misses in a row mean that the host is lost."""

    initial_delay_ms: int = 0

    jitter_ms: int = 0
    """At most so much is added to an interval, at random."""

    dependent: bool = True
    """Whether this process ends when the host is lost."""

    @classmethod
    def from_mapping(
        cls, options: Mapping[str, Any], *, defaults: HeartbeatConfig | None = None
    ) -> HeartbeatConfig:
        """The configuration that somebody wrote down.

        Args:
            options: By name, in snake or in camel case. Numbers and booleans may be text; what
                makes no sense, e.g. a negative number, counts as not given. Other names are
                ignored.
            defaults: What holds where nothing is given.
        """
        base = cls() if defaults is None else defaults
        given = {_snake(name): value for name, value in options.items()}
        known = {field.name: getattr(base, field.name) for field in fields(cls)}
        read = {name: _read(name, given.get(name), value) for name, value in known.items()}
        return cls(**read)


def _snake(name: object) -> str:
    return _HUMP.sub("_", str(name)).lower()


def _read(name: str, given: Any, default: Any) -> Any:
    return _boolean(given, default) if isinstance(default, bool) else _number(name, given, default)


def _boolean(given: Any, default: Any) -> Any:
    if isinstance(given, bool | int):
        return bool(given)
    if not isinstance(given, str):
        return default
    word = given.strip().lower()
    return word in YES if word in YES | _FALSE else default


def _number(name: str, given: Any, default: Any) -> Any:
    if given is None or isinstance(given, bool):
        return default
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        return default
    return number if number >= _AT_LEAST.get(name, 0) else default
