"""How long a call may take, held even where the bridge does not answer at all."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, TypeVar

from snakepit_bridge.errors import CommandDeadlineError

if TYPE_CHECKING:
    from collections.abc import Awaitable

_T = TypeVar("_T")

GUARD_S = 0.75
"""How much longer than its deadline a call is waited for. The bridge answers late commands itself,
within 0.2 s, and a transport may know why no answer comes; both know more than the client does.
A caller is free within a second of its deadline."""


class Deadline:
    """The moment by which one call must have its answer.

    Args:
        command: What is called, for the error.
        timeout_s: Seconds from now; ``None`` is never.

    Raises:
        ValueError: ``timeout_s`` is infinite, or not a number.
    """

    def __init__(self, command: str, timeout_s: float | None) -> None:
        if timeout_s is not None and not math.isfinite(timeout_s):
            text = f"timeout_s={timeout_s!r} must be finite; None means no limit"
            raise ValueError(text)
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._at = None if timeout_s is None else self._loop.time() + timeout_s

    @property
    def remaining_s(self) -> float | None:
        """Seconds left, negative once it has passed; ``None`` without a deadline."""
        return None if self._at is None else self._at - self._loop.time()

    def allows(self, pause_s: float) -> bool:
        """Whether anything would be left after a pause."""
        remaining_s = self.remaining_s
        return remaining_s is None or pause_s < remaining_s

    async def bound(self, waiting: Awaitable[_T]) -> _T:
        """Wait, but not much longer than the deadline.

        Raises:
            CommandDeadlineError: The wait was given up.
        """
        if self._at is None:
            return await waiting
        try:
            async with asyncio.timeout_at(self._at + GUARD_S):
                return await waiting
        except TimeoutError as error:
            raise self._passed() from error

    def _passed(self) -> CommandDeadlineError:
        hint = "The bridge itself does not answer; nobody knows what became of the code."
        return CommandDeadlineError(
            f"{self._command!r} had no answer in time.", {"command": self._command, "hint": hint}
        )
