"""Transcripts that are kept, and compared with what travels today."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from snakepit_bridge.testing.elixir.transcript import Record, as_text, normalised

_FOLDER = Path(__file__).parent


def assert_golden(name: str, records: Iterable[Record]) -> None:
    """Compare a transcript with the one that is kept; ``UPDATE_GOLDEN=1`` keeps this one."""
    now = as_text(normalised(records))
    path = _FOLDER / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(now, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")

    changes = difflib.unified_diff(
        kept.splitlines(), now.splitlines(), "kept", "now", lineterm="", n=1
    )
    assert now == kept, "\n".join(["what travels has changed:", *changes])
