"""The context of a call, under the name by which adapters import it."""

from __future__ import annotations

from snakepit_bridge.adapters.session_context import (
    SessionContext,
    TypeValidator,
    VariableNotFoundError,
    VariableProxy,
    VariableType,
)

__all__ = [
    "SessionContext",
    "TypeValidator",
    "VariableNotFoundError",
    "VariableProxy",
    "VariableType",
]
