"""Arguments that stand for something else: functions of the caller."""

from __future__ import annotations

import msgspec


class HostFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function of the caller's side: calling it calls one of the host's tools.

    The wire brings only this description; whoever runs a command makes a callable of it.
    """

    tool: str
    """The host's tool."""

    callback_id: str = ""
    """Where one tool stands for many functions, which of them; SnakeBridge's way. The tool then
    gets ``callback_id`` and ``args`` instead of the arguments by name."""

    arity: int | None = None
    """How many arguments it takes; ``None`` where nobody knows."""
