"""The requests of one session to language models."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.handlers.dspy.accounts.history_texts import told_messages, told_outputs
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.runs import LMCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snakepit_bridge.session.context import Session

NAMESPACE = "dspy.account"
"""Where ``session.settings`` holds the account."""

MOST_KEPT = 1000
"""Requests that a session's history may be told to keep."""

MAX_TEXT = 20_000
"""Characters kept of one text in the history."""


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a language model, as the history keeps it."""

    time: datetime
    """When it had ended."""

    call: LMCall
    """Names, numbers; no texts."""

    messages: Sequence[Mapping[str, Any]]
    outputs: Sequence[Any]

    def shown(self, *, redact: bool) -> dict[str, Any]:
        """As data.

        Args:
            redact: Tell the numbers of characters in the place of what was asked and answered.
        """
        call = self.call
        return {
            "time": self.time.isoformat(),
            "model": call.response_model or call.model,
            "messages": _length(self.messages) if redact else self.messages,
            "outputs": _length(self.outputs) if redact else self.outputs,
            "usage": {"input_tokens": call.input_tokens, "output_tokens": call.output_tokens},
            "cost_usd": call.cost_usd,
            "duration_ms": round(call.duration_s * 1000, 3),
            "cache_hit": call.cache_hit,
            "error": call.error or None,
        }


class Account:
    """A session's ledger and its history of requests. Safe to use from any thread."""

    def __init__(self) -> None:
        self.ledger = Ledger(owner="session")
        self._lock = threading.Lock()
        self._history: deque[HistoryEntry] = deque(maxlen=0)

    @property
    def keeps(self) -> int:
        """Requests the history keeps, the newest; 0 keeps none."""
        return self._history.maxlen or 0

    def keep(self, limit: int) -> None:
        """Keep this many requests from now on, up to ``MOST_KEPT``."""
        with self._lock:
            self._history = deque(self._history, maxlen=limit)

    def record(self, call: LMCall, hidden: Sequence[str]) -> None:
        """Keep a request that has ended, if the history keeps any.

        Args:
            call: The request.
            hidden: Secrets that are blotted out.
        """
        if not self._history.maxlen or call.entry is None:
            return
        made = _history_entry(call, hidden)
        with self._lock:
            self._history.append(made)

    def history(self, limit: int) -> list[HistoryEntry]:
        """The newest requests, the newest last."""
        with self._lock:
            kept = list(self._history)
        return kept[-limit:] if limit else []


def account_of(session: Session) -> Account:
    """The account of a session; a session that ends with its command has one of its own."""
    found: Account | None = session.settings.get(NAMESPACE)
    if found is None:
        # Atomic: of two that come at once, both get the first one's.
        found = session.settings.setdefault(NAMESPACE, Account())
    return found


def _length(told: Any) -> int:
    """Characters of all texts in it."""
    if isinstance(told, str):
        return len(told)
    if isinstance(told, dict):
        told = told.values()
    return sum(map(_length, told)) if isinstance(told, Iterable) else 0


def _history_entry(call: LMCall, hidden: Sequence[str]) -> HistoryEntry:
    entry = call.entry or {}
    numbers = copy(call)
    numbers.entry = None
    return HistoryEntry(
        time=datetime.now(UTC),
        call=numbers,
        messages=told_messages(entry, hidden, MAX_TEXT),
        outputs=told_outputs(entry, hidden, MAX_TEXT),
    )
