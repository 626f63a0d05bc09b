from __future__ import annotations

from opentelemetry import baggage, trace

from snakepit_bridge.telemetry.propagation import NOTHING, context_from, current_headers
from tests.unit.telemetry.told import Told

TRACE_ID, SPAN_ID = 0x1234567890ABCDEF1234567890ABCDEF, 0x1234567890ABCDEF
TRACEPARENT = f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-01"


def test_without_headers_the_current_context_holds() -> None:
    assert context_from({}) is None
    assert context_from(NOTHING) is None


def test_the_headers_name_the_callers_span() -> None:
    context = context_from({"traceparent": TRACEPARENT, "tracestate": "vendor=1"})

    span = trace.get_current_span(context).get_span_context()
    assert (span.trace_id, span.span_id, span.is_remote) == (TRACE_ID, SPAN_ID, True)
    assert span.trace_state.get("vendor") == "1"


def test_baggage_comes_along() -> None:
    context = context_from({"baggage": "tenant=acme"})

    assert baggage.get_baggage("tenant", context) == "acme"


def test_headers_that_nobody_can_read_begin_a_trace_of_their_own() -> None:
    with Told().tracers.get_tracer("test").start_as_current_span("current"):
        context = context_from({"traceparent": "nonsense"})

        assert not trace.get_current_span(context).get_span_context().is_valid


def test_where_nothing_is_traced_there_is_nothing_to_hand_on() -> None:
    assert current_headers() is NOTHING


def test_what_is_handed_on_leads_back_to_the_current_span() -> None:
    with Told().tracers.get_tracer("test").start_as_current_span("current") as span:
        headers = current_headers()

    there = trace.get_current_span(context_from(headers)).get_span_context()
    assert there.span_id == span.get_span_context().span_id
    assert there.trace_id == span.get_span_context().trace_id
