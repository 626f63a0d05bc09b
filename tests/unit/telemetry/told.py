"""What a telemetry has told, kept in memory by a real SDK."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.instrumentation import Telemetry


class Told:
    """A telemetry of its own, apart from the process's, and what it has told."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.telemetry = Telemetry(
            tracer_provider=self.tracers,
            meter_provider=MeterProvider(metric_readers=[self._metrics]),
        )

    def spans(self, name: str) -> list[ReadableSpan]:
        """The spans of this name, the first to end first."""
        return [span for span in self._spans.get_finished_spans() if span.name == name]

    @property
    def command_span(self) -> ReadableSpan:
        """The one span of the one command."""
        (span,) = self.spans(names.COMMAND_SPAN)
        return span

    def counts(self) -> dict[tuple[str, str], float]:
        """How many commands ended, by command and status."""
        points = self._points(names.COMMANDS_TOTAL)
        return {
            _labels(point): point.value for point in points if isinstance(point, NumberDataPoint)
        }

    def durations(self) -> dict[tuple[str, str], int]:
        """How many durations were recorded, by command and status."""
        points = self._points(names.COMMAND_DURATION_MS)
        return {
            _labels(point): point.count for point in points if isinstance(point, HistogramDataPoint)
        }

    def everything(self) -> str:
        """All of it as one text, to look for what must not be in there."""
        spans = [span.to_json() for span in self._spans.get_finished_spans()]
        data = self._metrics.get_metrics_data()
        return "\n".join([*spans, data.to_json() if data else ""])

    def _points(self, metric_name: str) -> Sequence[object]:
        data = self._metrics.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == metric_name
            for point in metric.data.data_points
        ]


def _labels(point: NumberDataPoint | HistogramDataPoint) -> tuple[str, str]:
    labels = dict(point.attributes or {})
    assert labels.keys() == {names.COMMAND, names.STATUS}
    return str(labels[names.COMMAND]), str(labels[names.STATUS])
