"""W3C trace context between headers and the context variable."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

HEADERS = ("traceparent", "tracestate", "baggage")
"""The headers that are taken from a request and given to what it calls."""

NOTHING: Mapping[str, str] = MappingProxyType({})
"""The trace context of a command that nobody traces."""


def context_from(headers: Mapping[str, str]) -> Context | None:
    """The context the headers speak of; ``None`` means the current one."""
    return propagate.extract(headers) if headers else None


def current_headers() -> Mapping[str, str]:
    """The headers that make another process's spans children of the current one."""
    span = trace.get_current_span()
    return headers_of(span) if span.get_span_context().is_valid else NOTHING


def headers_of(span: trace.Span) -> Mapping[str, str]:
    """The headers that make another process's spans children of this one."""
    headers: dict[str, str] = {}
    propagate.inject(headers, context=trace.set_span_in_context(span))
    return headers
