"""Waits that end with the command for whose sake they are made."""

from __future__ import annotations

import threading
from collections.abc import Callable

from snakepit_bridge.session.context import current_execution

Wait = Callable[[float], None]
"""Lets that many seconds pass; tests pass one that does not."""

LONGEST_PAUSE_S = 3600.0
"""Longer than any deadline Snakepit sets by itself (15 minutes), and what ends the rest."""


def pause(seconds: float) -> None:
    """Let time pass on this thread, until nobody waits for the command any more.

    Args:
        seconds: At most ``LONGEST_PAUSE_S`` of them pass; none, if it is not above 0.
    """
    if seconds <= 0:
        return
    over = threading.Event()
    command = current_execution.get()
    forget = command.on_cancel(over.set) if command is not None else _nothing_to_forget
    try:
        over.wait(min(seconds, LONGEST_PAUSE_S))
    finally:
        forget()


def is_abandoned() -> bool:
    """Whether nobody waits for the command that runs here; a busy loop should look."""
    command = current_execution.get()
    return command is not None and command.cancelled


def _nothing_to_forget() -> None:
    """Nobody was told of this pause."""
