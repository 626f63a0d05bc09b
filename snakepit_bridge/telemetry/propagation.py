"""W3C trace context between headers and the context variable."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

HEADERS = ("traceparent", "tracestate", "baggage")
"""The headers that are taken from a request and given to what it calls."""

# By name, not through the API's registry: that one reads the metadata of every installed package,
# and these two are what the wire of the bridge promises.
_TRACE = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()

NOTHING: Mapping[str, str] = MappingProxyType({})
"""The trace context of a command that nobody traces."""


def context_from(headers: Mapping[str, str]) -> Context | None:
    """The context the headers speak of; ``None`` means the current one."""
    if not headers:
        return None
    return _BAGGAGE.extract(headers, context=_TRACE.extract(headers))


def current_headers() -> Mapping[str, str]:
    """The headers that make another process's spans children of the current one."""
    span = trace.get_current_span()
    return headers_of(span) if span.get_span_context().is_valid else NOTHING


def headers_of(span: trace.Span) -> Mapping[str, str]:
    """The headers that make another process's spans children of this one."""
    headers: dict[str, str] = {}
    context = trace.set_span_in_context(span)
    _TRACE.inject(headers, context=context)
    _BAGGAGE.inject(headers, context=context)
    return headers
