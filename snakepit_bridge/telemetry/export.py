"""Where spans go, where metrics go: the one door to OpenTelemetry's SDK."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import sys
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

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

log = logging.getLogger(__name__)

CONSOLE_DELAY_MS = 200
"""How long a span waits before a person sees it."""

SERVICE_NAME = "snakepit-bridge"
"""``service.name`` unless ``OTEL_SERVICE_NAME`` says otherwise."""

SERVICE = {"service.name": SERVICE_NAME}
"""Who tells."""

SNAKEPIT_SERVICE = {"service.name": "snakepit.python.bridge", "service.namespace": "snakepit"}
"""Who tells, in a process that is a worker of Snakepit."""

OVER_HTTP = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
"""The module that speaks OTLP over HTTP."""

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


def trace_to_snakepit(environ: Mapping[str, str] | None = None) -> None:
    """Send the spans of the process where Snakepit's variables say, if anywhere.

    ``SNAKEPIT_OTEL_ENDPOINT`` is the URL of a collector, OTLP over HTTP; ``SNAKEPIT_OTEL_CONSOLE``
    is a switch for stderr. Where the SDK is missing this is logged and nothing changes. The end of
    the process waits at most ``FLUSH_S`` for what is still to be sent.

    Args:
        environ: The environment; that of this process by default.
    """
    environ = os.environ if environ is None else environ
    try:
        with _installed("What SNAKEPIT_OTEL_ENDPOINT and SNAKEPIT_OTEL_CONSOLE need"):
            processor = _to_snakepit(environ)
    except TelemetryMissingError as error:
        log.warning("spans are not exported: %s", error)
        return
    if processor is not None:
        provider = _tracers(processor, snakepit_resource(environ))
        trace.set_tracer_provider(provider)
        atexit.register(flushed, provider.shutdown)


def flush_tracing() -> None:
    """Send the spans that wait, for a process that ends without its exit handlers.

    Takes at most ``FLUSH_S``.
    """
    if flush := getattr(trace.get_tracer_provider(), "force_flush", None):
        flushed(flush)


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

    return _spans_to_console(), PeriodicExportingMetricReader(ConsoleMetricExporter(out=sys.stderr))


def _spans_to_console() -> SpanProcessor:
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    # stdout belongs to answers.
    return SimpleSpanProcessor(ConsoleSpanExporter(service_name=SERVICE_NAME, out=sys.stderr))


def _to_snakepit(environ: Mapping[str, str]) -> SpanProcessor | None:
    if endpoint := environ.get("SNAKEPIT_OTEL_ENDPOINT", "").strip():
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # By name: the environment of the type checker need not have it.
        exporter = importlib.import_module(OVER_HTTP).OTLPSpanExporter
        return BatchSpanProcessor(exporter(endpoint=_url_of_traces(endpoint)))
    if environ.get("SNAKEPIT_OTEL_CONSOLE", "").strip().lower() in {"1", "true", "yes", "on"}:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

        # On a thread of its own: the pipe that a worker writes to may be full for a long time.
        return BatchSpanProcessor(
            ConsoleSpanExporter(service_name=SERVICE_NAME, out=sys.stderr),
            schedule_delay_millis=CONSOLE_DELAY_MS,
        )
    return None


def _url_of_traces(endpoint: str) -> str:
    """The URL itself, if it has a path; else the place where a collector takes spans."""
    if urlsplit(endpoint).path.strip("/"):
        return endpoint
    return f"{endpoint.rstrip('/')}/v1/traces"


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

    meters = MeterProvider([reader], resource=resource(), shutdown_on_exit=False)
    return _tracers(processor, resource()), meters


def _tracers(processor: SpanProcessor, who: Resource) -> TracerProvider:
    from opentelemetry.sdk.trace import TracerProvider

    # It ends with its block, or within a limit; left to the SDK, the interpreter would wait for it.
    tracers = TracerProvider(resource=who, shutdown_on_exit=False)
    tracers.add_span_processor(processor)
    return tracers


def resource(told: Mapping[str, str] = SERVICE) -> Resource:
    """Who tells: ours, with what ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` say."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = Resource({**told, "service.version": __version__})
    return ours.merge(OTELResourceDetector().detect())


def snakepit_resource(environ: Mapping[str, str]) -> Resource:
    """Who tells, as ``SNAKEPIT_SERVICE_NAME`` and ``SNAKEPIT_INSTANCE_ID`` say."""
    from opentelemetry.sdk.resources import Resource

    instance = environ.get("SNAKEPIT_INSTANCE_ID") or uuid.uuid4().hex
    named = {"service.name": name} if (name := environ.get("SNAKEPIT_SERVICE_NAME")) else {}
    ours = resource({**SNAKEPIT_SERVICE, "service.instance.id": instance})
    return ours.merge(Resource(named))


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
