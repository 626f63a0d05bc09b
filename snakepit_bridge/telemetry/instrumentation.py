"""What is told of a command: a span, two metrics, its events; OpenTelemetry's API only."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import Status, StatusCode

from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.around import around, kind_of
from snakepit_bridge.telemetry.correlation import get_correlation_id
from snakepit_bridge.telemetry.executions import execution_of
from snakepit_bridge.telemetry.manager import is_enabled
from snakepit_bridge.telemetry.propagation import NOTHING, context_from, headers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from snakepit_bridge.errors import BridgeError
    from snakepit_bridge.telemetry.manager import Operation


class Telemetry:
    """Tells of commands through whatever OpenTelemetry SDK the process has, or none.

    Holds no state of its own; the providers are those of the process unless others are given.

    Args:
        tracer_provider: Where spans go; the process's own by default.
        meter_provider: Where metrics go; the process's own by default.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.providers = (tracer_provider, meter_provider)
        """Where spans and metrics go, for those who make their own; ``None`` is the process's."""
        self._is_of_process = tracer_provider is None
        self._tracer = trace.get_tracer(names.SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(names.SCOPE, meter_provider=meter_provider)
        self._commands_total = meter.create_counter(
            names.COMMANDS_TOTAL, description="Commands that have got their outcome."
        )
        self._command_duration = meter.create_histogram(
            names.COMMAND_DURATION_MS,
            unit="ms",
            description="From the arrival of a command to its outcome.",
        )

    @contextmanager
    def span(self, name: str, /, **attributes: AttributeValue) -> Iterator[Span]:
        """A span around the block; an exception that leaves it is recorded by its type."""
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def command(
        self, name: str, session_id: str, trace_context: Mapping[str, str]
    ) -> CommandRecord:
        """Begin to tell of one command; see ``CommandRecord``."""
        events = execution_of(name, session_id) if is_enabled() else None
        if not trace_context and self._nobody_listens():
            # The API would make as much of it, at ten times the cost.
            return CommandRecord(self, trace.INVALID_SPAN, None, events)
        context = context_from(trace_context)
        attributes = {
            names.SPAN_COMMAND: name[: names.MAX_SPAN_TEXT],
            names.SPAN_SESSION_ID: session_id[: names.MAX_SPAN_TEXT],
        }
        if (correlation_id := get_correlation_id()) is not None:
            attributes[names.SPAN_CORRELATION_ID] = correlation_id[: names.MAX_SPAN_TEXT]
        span = self._tracer.start_span(
            names.COMMAND_SPAN,
            context=context,
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
        )
        return CommandRecord(self, span, context, events)

    def _nobody_listens(self) -> bool:
        """Whether the process has no SDK (yet); one may be installed at any time."""
        return self._is_of_process and isinstance(
            trace.get_tracer_provider(), trace.ProxyTracerProvider
        )

    def count(self, command: str, status: str, duration_ms: float) -> None:
        """Count one command; ``CommandRecord`` is the only caller."""
        labels = {names.COMMAND: command, names.STATUS: status}
        self._commands_total.add(1, labels)
        self._command_duration.record(duration_ms, labels)


_UNTRACED: AbstractContextManager[None] = nullcontext()


class CommandRecord:
    """What is told of one command, from its arrival to its outcome.

    Exactly one of ``succeeded`` and ``failed`` ends it.
    """

    __slots__ = ("_context", "_events", "_is_traced", "_started", "_telemetry", "command", "span")

    def __init__(
        self,
        telemetry: Telemetry,
        span: Span,
        context: Context | None,
        events: Operation | None,
    ) -> None:
        self.span = span
        self._context = context
        self._events = events
        self.command = names.UNKNOWN_COMMAND
        """The registered name, set once the handler is found."""
        self._telemetry = telemetry
        self._started = time.perf_counter()
        # Without an SDK and without a traced caller there is nothing to be the child of.
        self._is_traced = span.get_span_context().is_valid

    def current(self) -> AbstractContextManager[None]:
        """Make the span the parent of what the block starts, threads and tasks included.

        The caller's baggage is current there, too.
        """
        if not self._is_traced and self._context is None:
            return _UNTRACED
        return _current(trace.set_span_in_context(self.span, self._context))

    @property
    def ids(self) -> dict[str, str]:
        """``trace_id`` of the span as W3C writes it; nothing where nothing is traced."""
        if not self._is_traced:
            return {}
        return {"trace_id": f"{self.span.get_span_context().trace_id:032x}"}

    def headers(self) -> Mapping[str, str]:
        """The headers that make another process's spans children of this one."""
        return headers_of(self.span) if self._is_traced else NOTHING

    def succeeded(self) -> None:
        """The command has its value."""
        if self._events is not None:
            self._events.stop()
        self._end("success")

    def failed(self, error: BridgeError) -> None:
        """The command ends with this error."""
        if self._events is not None:
            self._events.fail(error.foreign_type or str(error.code), error.message)
        code = str(error.code)
        self.span.set_attribute(names.ERROR_TYPE, code)
        if error.outcome is not None:
            self.span.set_attribute(names.SPAN_OUTCOME, str(error.outcome))
        self.span.set_status(Status(StatusCode.ERROR, code))
        self.span.set_attribute(names.SPAN_ERROR_ID, error.error_id)
        self._end("cancelled" if error.code == "CANCELLED" else "error")

    def _end(self, status: str) -> None:
        self._telemetry.count(self.command, status, (time.perf_counter() - self._started) * 1000)
        self.span.end()


@contextmanager
def _current(context: Context) -> Iterator[None]:
    token = attach(context)
    try:
        yield
    finally:
        detach(token)


class InstrumentedHandler:
    """A handler that answers as the one it wraps, inside a span ``handler.execute``.

    It may be registered in the place of the handler: each of its commands then gets the span.

    Args:
        handler: Anything a registry takes.
        telemetry: Where to tell; the process's own by default.
    """

    def __init__(self, handler: Any, telemetry: Telemetry | None = None) -> None:
        self.handler = handler
        self._telemetry = telemetry or Telemetry()

    def can_handle(self, command: str) -> bool:
        """Whether the wrapped handler answers to this command."""
        return bool(self.handler.can_handle(command))

    def execute(self, session: Any, args: Any) -> Any:
        """Run the wrapped handler's ``execute`` inside the span."""
        return self.wrap(self.handler.execute)(session, args)

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """A callable of the same kind, plain, ``async`` or generator, inside the span."""
        handler = type(self.handler).__name__

        def span() -> AbstractContextManager[Span]:
            return self._telemetry.span(names.HANDLER_SPAN, handler=handler)

        return around(call, span, kind=kind_of(call))
