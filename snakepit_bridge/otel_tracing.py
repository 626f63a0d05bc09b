"""Tracing, under the name that Snakepit's adapters import."""

from __future__ import annotations

from snakepit_bridge.telemetry.correlation import (
    CORRELATION_HEADER,
    get_correlation_id,
    new_correlation_id,
    reset_correlation_id,
    set_correlation_id,
)
from snakepit_bridge.telemetry.tracing import (
    correlation_filter,
    get_tracer,
    otel_span,
    outgoing_metadata,
    setup_tracing,
)

span = otel_span
"""The same; this module's name for it."""

__all__ = [
    "CORRELATION_HEADER",
    "correlation_filter",
    "get_correlation_id",
    "get_tracer",
    "new_correlation_id",
    "otel_span",
    "outgoing_metadata",
    "reset_correlation_id",
    "set_correlation_id",
    "setup_tracing",
    "span",
]
