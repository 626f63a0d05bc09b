"""A journal in memory, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Kept:
    """A journal in memory: what an earlier run has kept, and what this one does."""

    def __init__(self, earlier: Mapping[str, list[Any]] | None = None) -> None:
        self._earlier = {key: list(kept) for key, kept in (earlier or {}).items()}
        self.entries: dict[str, list[Any]] = {}

    def find(self, key: str) -> Any | None:
        kept = self._earlier.get(key)
        return kept.pop(0) if kept else None

    def keep(self, key: str, outputs: Any) -> None:
        self.entries.setdefault(key, []).append(outputs)
