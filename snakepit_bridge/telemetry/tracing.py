"""Tracing as Snakepit's adapters use it: spans that carry the correlation id of their call."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.correlation import (
    CORRELATION_HEADER,
    NO_ID,
    get_correlation_id,
    new_correlation_id,
    reset_correlation_id,
    set_correlation_id,
)
from snakepit_bridge.telemetry.export import trace_to_snakepit
from snakepit_bridge.telemetry.propagation import HEADERS, context_from, current_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

TRACER_NAME = "snakepit.bridge"
"""Instrumentation scope of the spans that adapters open."""

_setting_up = threading.Lock()


def setup_tracing(environ: Mapping[str, str] | None = None) -> None:
    """Have log records carry ``correlation_id``, and spans go where the environment says.

    ``SNAKEPIT_OTEL_ENDPOINT`` is the URL of a collector (OTLP over HTTP);
    ``SNAKEPIT_OTEL_CONSOLE``, where it is 1, true, yes or on, means stderr. Without either, without
    the SDK, and in a process that has a tracer provider of its own, spans are left as they are.

    May be called any number of times.

    Args:
        environ: The environment; that of this process by default.
    """
    with _setting_up:
        _correlate_records()
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace_to_snakepit(environ)


def get_tracer() -> trace.Tracer:
    """The tracer of Snakepit's spans; without an SDK its spans are recorded nowhere."""
    return trace.get_tracer(TRACER_NAME)


@contextmanager
def otel_span(
    name: str,
    *,
    context_metadata: Iterable[Any] | Mapping[str, Any] | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span | None]:
    """Run the block under the caller's correlation id, inside a span.

    Args:
        name: The name of the span.
        context_metadata: Metadata of the request. Its correlation id counts, else the current one,
            else a new one; its W3C trace context is the parent of the span.
        attributes: Attributes of the span.

    Yields:
        The span, or ``None`` where none is recorded.
    """
    headers = _headers(context_metadata)
    correlation_id = headers.get(CORRELATION_HEADER) or get_correlation_id() or new_correlation_id()
    token = set_correlation_id(correlation_id)
    try:
        with get_tracer().start_as_current_span(
            name,
            context=context_from({key: headers[key] for key in HEADERS if key in headers}),
            attributes={
                **(attributes or {}),
                names.SPAN_CORRELATION_ID: correlation_id[: names.MAX_SPAN_TEXT],
            },
        ) as span:
            yield span if span.is_recording() else None
    finally:
        # A generator may be closed in a context it was never resumed in; nothing was set there.
        with suppress(ValueError):
            reset_correlation_id(token)


def outgoing_metadata(initial: Iterable[Any] | None = None) -> list[tuple[str, Any]]:
    """Metadata for a call, with what tells the other side whose call it is.

    That is the correlation id, where one is set, and the W3C trace context of a current span. What
    ``initial`` says already is left as it is.

    Args:
        initial: Pairs of a key and a value to begin with.
    """
    metadata = [(key, value) for key, value in initial or ()]
    known = {key.lower() for key, _ in metadata}
    ours = dict(current_headers())
    if (correlation_id := get_correlation_id()) is not None:
        ours[CORRELATION_HEADER] = correlation_id
    return metadata + [(key, value) for key, value in ours.items() if key not in known]


class _CorrelationFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = get_correlation_id(NO_ID)
        return True


def correlation_filter() -> logging.Filter:
    """A filter that lets every record pass with the current id, or ``-``, as ``correlation_id``."""
    return _CorrelationFilter()


class _CorrelatedRecords:
    """A factory of log records that know the correlation id of the code that wrote them."""

    def __init__(self, factory: Callable[..., logging.LogRecord]) -> None:
        self._factory = factory

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._factory(*args, **kwargs)
        record.correlation_id = get_correlation_id(NO_ID)
        return record


def _correlate_records() -> None:
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, _CorrelatedRecords):
        logging.setLogRecordFactory(_CorrelatedRecords(factory))


def _headers(metadata: Iterable[Any] | Mapping[str, Any] | None) -> dict[str, str]:
    """Metadata as headers: the last of a name, names in lower case, values as text."""
    return {str(key).lower(): _text(value) for key, value in dict(metadata or ()).items()}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
