"""How much a session may hold, how long it may live."""

from __future__ import annotations

import msgspec


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Quotas and lifetimes; every number is at least 1, seconds are above 0."""

    sessions: int = 10_000
    """Sessions at once, the same as Snakepit's own quota."""

    idle_s: float = 3600.0
    """A session without a command for so long ends, as in Snakepit."""

    ttl_s: float | None = None
    """A session ends so long after its start, however busy; ``None`` is never."""

    instances: int = 10_000
    """Live objects per session."""

    variable_bytes: int = 64 * 1024 * 1024
    """Size of a session's variables, written as JSON."""

    commands: int = 1_000
    """Commands of one session at the same time, waiting ones included."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value <= 0:
                text = f"{name}={value!r} must be above 0"
                raise ValueError(text)
