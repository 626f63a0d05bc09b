"""What is told about commands: events, spans, metrics, log lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.lazy_names import lazy_names

if TYPE_CHECKING:
    from snakepit_bridge.telemetry.correlation import (
        CORRELATION_HEADER,
        get_correlation_id,
        new_correlation_id,
        reset_correlation_id,
        set_correlation_id,
    )
    from snakepit_bridge.telemetry.manager import (
        emit,
        get_backend,
        is_enabled,
        set_backend,
        span,
    )
    from snakepit_bridge.telemetry.tracing import (
        correlation_filter,
        get_tracer,
        otel_span,
        outgoing_metadata,
        setup_tracing,
    )

__all__ = [
    "CORRELATION_HEADER",
    "correlation_filter",
    "emit",
    "get_backend",
    "get_correlation_id",
    "get_tracer",
    "is_enabled",
    "new_correlation_id",
    "otel_span",
    "outgoing_metadata",
    "reset_correlation_id",
    "set_backend",
    "set_correlation_id",
    "setup_tracing",
    "span",
]

# Every layer imports some module of this package, few of them all of its names: each is loaded
# when it is first used.
_HOMES = {
    "CORRELATION_HEADER": "correlation",
    "correlation_filter": "tracing",
    "emit": "manager",
    "get_backend": "manager",
    "get_correlation_id": "correlation",
    "get_tracer": "tracing",
    "is_enabled": "manager",
    "new_correlation_id": "correlation",
    "otel_span": "tracing",
    "outgoing_metadata": "tracing",
    "reset_correlation_id": "correlation",
    "set_backend": "manager",
    "set_correlation_id": "correlation",
    "setup_tracing": "tracing",
    "span": "manager",
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)
