"""DSPy at work under the callbacks of a command, and what they have told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import dspy
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.runs import LMCall, Run
from snakepit_bridge.handlers.dspy.spans.callbacks import callbacks_for
from snakepit_bridge.handlers.dspy.spans.instruments import Instruments
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager


class Observed:
    """One command's callbacks on an SDK of their own.

    Args:
        follows: Whether somebody wants events.
        instruments: Options of ``Instruments``.
    """

    def __init__(self, *, follows: bool = True, **instruments: Any) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = tracers.get_tracer("test")
        self.instruments = Instruments(
            tracer_provider=tracers,
            meter_provider=MeterProvider(metric_readers=[self._metrics]),
            **instruments,
        )
        self.events: list[dict[str, Any]] = []
        self.call: LMCall | None = None
        session = SessionManager(EmbeddedHost()).get_or_create("one")
        self.run = Run(session, Ledger(), tell=self.events.append if follows else None)

    def callbacks(self, *hidden: str) -> list[Any]:
        """As the bridge makes them for a command."""
        return callbacks_for(
            dspy,
            self.run,
            instruments=self.instruments,
            hidden=hidden,
            lm_call=lambda: self.call,
        )

    @contextmanager
    def command(self, lm: Any, *hidden: str) -> Iterator[None]:
        """Run the block as a command whose span is ``command``."""
        with (
            self.tracer.start_as_current_span(
                "command", record_exception=False, set_status_on_exception=False
            ),
            dspy.context(lm=lm, callbacks=self.callbacks(*hidden)),
        ):
            yield

    @property
    def spans(self) -> list[ReadableSpan]:
        """Every span that has ended, the first to begin first."""
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """The one span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def path(self, span: ReadableSpan) -> str:
        """The names of a span and of those around it, the outermost first."""
        by_id = {each.context.span_id: each for each in self.spans if each.context is not None}
        names, each = [span.name], span
        while each.parent is not None:
            each = by_id[each.parent.span_id]
            names.insert(0, each.name)
        return " > ".join(names)

    def attributes(self, name: str) -> dict[str, Any]:
        return dict(self.span(name).attributes or {})

    def points(self, metric_name: str) -> list[HistogramDataPoint]:
        """What was recorded of a metric, by its labels."""
        data = self._metrics.get_metrics_data()
        return [
            cast("HistogramDataPoint", point)
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == metric_name
            for point in metric.data.data_points
        ]

    def everything(self) -> str:
        """All that was told as one text, to look for what must not be in there."""
        data = self._metrics.get_metrics_data()
        spans = [span.to_json() for span in self.spans]
        return "\n".join([*spans, data.to_json() if data else "", repr(self.events)])
