"""What the bridge needs of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from snakepit_bridge.engine.job import Execution


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How busy an engine is at one moment."""

    in_flight: int
    """Executions whose code runs now, abandoned ones included."""

    queued: int
    """Executions that wait for a thread."""

    abandoned: int
    """Executions whose caller is gone while their code still runs."""


class Engine(Protocol):
    """Runs executions; every one of them gets exactly one outcome.

    An engine calls ``execution.end()`` when the code has really ended, which may be long after
    ``run`` has raised: a thread cannot be stopped. Cancelling ``run`` or closing ``stream`` asks
    the code to end; the caller is free within a second, whatever the code does.
    """

    @property
    def name(self) -> str:
        """What people call it, e.g. ``"inline"``."""

    async def run(self, execution: Execution) -> Any:
        """Run the code and return its value.

        Raises:
            PoolFullError: No room to wait for a thread.
            CommandDeadlineError: The deadline passed; ``outcome`` says what became of the code.
            CommandCancelledError: The engine closes.
            BridgeError: What the work raised.
        """

    def stream(self, execution: Execution) -> AsyncGenerator[Any, None]:
        """Start the code now and yield its items as they come; raises like ``run``.

        Iterate the generator, or the code goes on until its buffer is full.
        """

    def cancel_all(self) -> None:
        """Ask all code to end, and free its callers with ``CommandCancelledError`` soon after."""

    def load(self) -> Load:
        """How busy the engine is now."""
