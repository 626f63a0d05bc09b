"""Where spans go, where metrics go: the one door to OpenTelemetry's SDK."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from opentelemetry import metrics, trace

from snakepit_bridge.telemetry.instrumentation import Telemetry
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

SERVICE_NAME = "snakepit-bridge"
"""``service.name`` unless ``OTEL_SERVICE_NAME`` says otherwise."""

FLUSH_S = 0.4
"""How long the end of the process may wait for a collector; it has 5 s in all from SIGTERM."""

Destination = Literal["off", "console", "otlp"]


class TelemetryMissingError(RuntimeError):
    """The SDK, or an exporter, is not installed; the message says how to install it."""


class SpanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A span that has ended."""

    name: str
    span_id: int
    parent_id: int | None
    """``None`` for the first of its trace."""

    trace_id: str
    """As W3C writes it."""

    attributes: Mapping[str, Any]
    start_ns: int
    """Since 1970."""

    duration_ms: float
    failed: bool


class CountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One counter, or the number of values of one histogram, for one set of labels."""

    name: str
    labels: Mapping[str, Any]
    value: float
    """The sum of the counter, or the sum of the histogram's values."""

    count: int
    """How many values a histogram has; 0 for a counter."""


class Collected:
    """What was told so far; see ``in_memory``."""

    def __init__(
        self, telemetry: Telemetry, spans: InMemorySpanExporter, reader: InMemoryMetricReader
    ) -> None:
        self.telemetry = telemetry
        """What tells it."""
        self._spans = spans
        self._reader = reader

    def spans(self) -> list[SpanRecord]:
        """The spans that have ended, in the order of their starts."""
        ended = [_span_record(span) for span in self._spans.get_finished_spans()]
        return sorted(ended, key=lambda span: span.start_ns)

    def counts(self) -> list[CountRecord]:
        """The counters and histograms, by name and labels."""
        data = self._reader.get_metrics_data()
        found = [
            _count_record(metric.name, point)
            for told in (data.resource_metrics if data is not None else ())
            for scope in told.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]
        return sorted(found, key=lambda each: (each.name, sorted(each.labels.items())))


@contextmanager
def in_memory() -> Iterator[Collected]:
    """Collect spans and metrics while the block runs; nothing of the process is changed.

    Raises:
        TelemetryMissingError: The SDK is not installed.
    """
    with _installed("The OpenTelemetry SDK"):
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = _providers(SimpleSpanProcessor(spans), reader)
    try:
        yield Collected(Telemetry(tracer_provider=tracers, meter_provider=meters), spans, reader)
    finally:
        tracers.shutdown()
        meters.shutdown()


@contextmanager
def exporting(destination: Destination) -> Iterator[Telemetry]:
    """Export spans and metrics while the block runs, those of user code included.

    Makes the providers those of the process, so it is for the outermost block of a program.
    Leaving waits at most ``FLUSH_S`` for what is still to be sent.

    Args:
        destination: ``"console"`` is stderr; ``"otlp"`` is where the ``OTEL_EXPORTER_OTLP_*``
            variables say; ``"off"`` changes nothing.

    Raises:
        TelemetryMissingError: The SDK, or its exporter, is not installed.
    """
    if destination == "off":
        yield Telemetry()
        return
    with _installed(f"What --telemetry {destination} needs"):
        processor, reader = _to_console() if destination == "console" else _to_collector()
    tracers, meters = _providers(processor, reader)
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    try:
        yield Telemetry(tracer_provider=tracers, meter_provider=meters)
    finally:
        flushed(tracers.shutdown, meters.shutdown)


@contextmanager
def _installed(what: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry."):
            raise
        text = f"{what} is not installed. Run: pip install 'snakepit-bridge[telemetry]'"
        raise TelemetryMissingError(text) from error


def _to_console() -> tuple[SpanProcessor, MetricReader]:
    from opentelemetry.sdk.metrics.export import (
        ConsoleMetricExporter,
        PeriodicExportingMetricReader,
    )
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    # stdout belongs to answers.
    spans = ConsoleSpanExporter(service_name=SERVICE_NAME, out=sys.stderr)
    return SimpleSpanProcessor(spans), PeriodicExportingMetricReader(
        ConsoleMetricExporter(out=sys.stderr)
    )


def _to_collector() -> tuple[SpanProcessor, MetricReader]:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter()), PeriodicExportingMetricReader(
        OTLPMetricExporter()
    )


def _providers(
    processor: SpanProcessor, reader: MetricReader
) -> tuple[TracerProvider, MeterProvider]:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider

    # They end with their block, not with the interpreter.
    tracers = TracerProvider(resource=resource(), shutdown_on_exit=False)
    tracers.add_span_processor(processor)
    return tracers, MeterProvider([reader], resource=resource(), shutdown_on_exit=False)


def resource() -> Resource:
    """Who tells: ours, with what ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` say."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = Resource({"service.name": SERVICE_NAME, "service.version": __version__})
    return ours.merge(OTELResourceDetector().detect())


def flushed(*calls: Callable[[], object], timeout_s: float = FLUSH_S) -> None:
    """Make the calls side by side; leave those behind that take too long."""
    threads = [threading.Thread(target=call, name="bridge-flush", daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)


def _span_record(span: ReadableSpan) -> SpanRecord:
    context = span.get_span_context()
    assert context is not None  # the SDK gives every span one
    start_ns, end_ns = span.start_time or 0, span.end_time or 0
    return SpanRecord(
        name=span.name,
        span_id=context.span_id,
        parent_id=span.parent.span_id if span.parent is not None else None,
        trace_id=f"{context.trace_id:032x}",
        attributes=dict(span.attributes or {}),
        start_ns=start_ns,
        duration_ms=(end_ns - start_ns) / 1e6,
        failed=span.status.status_code is trace.StatusCode.ERROR,
    )


def _count_record(name: str, point: Any) -> CountRecord:
    # A counter's point has a value, a histogram's a sum and a count.
    return CountRecord(
        name=name,
        labels=dict(point.attributes or {}),
        value=point.value if hasattr(point, "value") else point.sum,
        count=getattr(point, "count", 0),
    )
