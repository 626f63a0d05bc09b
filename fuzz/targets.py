"""Everything that is attacked, by its name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

TARGETS = (
    "binary_forms",
    "blob_wire",
    "json_text",
    "message_pack",
    "old_convention",
    "python_names",
    "replies",
    "snakepit_values",
    "tagged",
)
"""Modules of this package; each has a function ``check`` that raises for what must not happen."""

CORPUS = Path(__file__).parent / "corpus"


def check_of(target: str) -> Callable[[bytes], None]:
    """The function that judges what comes of an input."""
    check: Callable[[bytes], None] = import_module(f"fuzz.{target}").check
    return check


def corpus_of(target: str) -> list[Path]:
    """The inputs that are kept for a target, sorted."""
    return sorted((CORPUS / target).iterdir())
