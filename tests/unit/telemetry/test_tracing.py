from __future__ import annotations

import io
import logging
from collections.abc import Generator, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from snakepit_bridge.telemetry.correlation import (
    CORRELATION_HEADER,
    get_correlation_id,
    reset_correlation_id,
    set_correlation_id,
)
from snakepit_bridge.telemetry.tracing import (
    correlation_filter,
    get_tracer,
    otel_span,
    outgoing_metadata,
    setup_tracing,
)

# What makes spans go somewhere changes the process, so tests/integration/test_tracing.py tries it
# in processes of its own.

TRACEPARENT = f"00-{7:032x}-{8:016x}-01"


@pytest.fixture
def current_id() -> Iterator[str]:
    """The correlation id while the test runs."""
    token = set_correlation_id("sp-1")
    yield "sp-1"
    reset_correlation_id(token)


@pytest.fixture
def record_factory() -> Iterator[None]:
    """Whatever the test makes of log records ends with it."""
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


# --- the id of a request ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        [(CORRELATION_HEADER, "sp-2")],
        ((CORRELATION_HEADER, "sp-2"), ("other", b"\xff")),
        {CORRELATION_HEADER: "sp-2"},
        [("X-Snakepit-Correlation-Id", b"sp-2")],
    ],
)
def test_a_block_runs_under_the_id_of_its_request(metadata: Any, current_id: str) -> None:
    with otel_span("step", context_metadata=metadata):
        inside = get_correlation_id()

    assert inside == "sp-2"
    assert get_correlation_id() == current_id


@pytest.mark.parametrize("metadata", [None, [], [(CORRELATION_HEADER, "")]])
def test_a_request_without_an_id_goes_on_with_the_current_one(
    metadata: Any, current_id: str
) -> None:
    with otel_span("step", context_metadata=metadata):
        assert get_correlation_id() == current_id


def test_without_any_id_there_is_a_new_one_for_the_block() -> None:
    with otel_span("step"):
        inside = get_correlation_id("")

    assert len(inside or "") == 32
    assert get_correlation_id() is None


def test_a_block_that_fails_takes_its_id_back_too() -> None:
    with pytest.raises(ValueError, match="no"), otel_span("step"):
        raise ValueError("no")

    assert get_correlation_id() is None


@pytest.mark.defect("D16")
def test_a_generator_may_be_closed_in_another_context() -> None:
    def steps() -> Generator[None, None, None]:
        with otel_span("step"):
            yield

    generator = steps()

    copy_context().run(next, generator)
    copy_context().run(generator.close)


# --- spans --------------------------------------------------------------------------------------


def test_without_an_sdk_there_is_no_span() -> None:
    with otel_span("step", attributes={"size": 1}) as span:
        assert span is None
    assert not get_tracer().start_span("step").is_recording()


@pytest.mark.defect("D37")
def test_a_block_is_part_of_the_trace_of_its_request() -> None:
    with otel_span("step", context_metadata=[("traceparent", TRACEPARENT)]):
        context = trace.get_current_span().get_span_context()

    assert context.trace_id == 7


# --- metadata for calls -------------------------------------------------------------------------


def test_without_an_id_and_a_trace_nothing_is_added() -> None:
    assert outgoing_metadata() == []
    assert outgoing_metadata([("a", "b")]) == [("a", "b")]


def test_a_call_carries_the_current_id(current_id: str) -> None:
    initial = (("a", "b"),)

    assert outgoing_metadata(initial) == [("a", "b"), (CORRELATION_HEADER, current_id)]


@pytest.mark.usefixtures("current_id")
def test_a_call_that_has_an_id_keeps_it() -> None:
    initial = [("X-Snakepit-Correlation-Id", "sp-2")]

    assert outgoing_metadata(initial) == initial


@pytest.mark.defect("D37")
def test_a_call_carries_the_trace_it_belongs_to(current_id: str) -> None:
    span = NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1)))

    with trace.use_span(span):
        metadata = dict(outgoing_metadata())

    assert metadata == {"traceparent": TRACEPARENT, CORRELATION_HEADER: current_id}


# --- log records --------------------------------------------------------------------------------


def test_a_filter_gives_every_record_the_current_id(current_id: str) -> None:
    record, other = (logging.makeLogRecord({"msg": "x"}) for _ in range(2))

    passed = correlation_filter().filter(record)
    copy_context().run(_without_an_id, other)

    assert passed
    assert vars(record)["correlation_id"] == current_id
    assert vars(other)["correlation_id"] == "-"


def _without_an_id(record: logging.LogRecord) -> None:
    set_correlation_id(None)
    correlation_filter().filter(record)


@pytest.mark.usefixtures("record_factory")
def test_once_set_up_every_record_knows_its_id(current_id: str) -> None:
    setup_tracing({})
    setup_tracing({})
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(correlation_id)s %(message)s"))
    log = logging.getLogger("of.a.test")

    log.addHandler(handler)
    log.warning("inside")
    copy_context().run(_warn_without_an_id, log)
    log.removeHandler(handler)

    assert stream.getvalue() == f"{current_id} inside\n- outside\n"


def _warn_without_an_id(log: logging.Logger) -> None:
    set_correlation_id(None)
    log.warning("outside")


@pytest.mark.usefixtures("record_factory")
def test_the_records_of_somebody_elses_factory_stay_theirs() -> None:
    class Theirs(logging.LogRecord):
        """Somebody else's kind of record."""

    logging.setLogRecordFactory(Theirs)
    setup_tracing({})
    setup_tracing({})

    record = logging.getLogRecordFactory()("name", 20, "path", 1, "text", (), None)

    assert isinstance(record, Theirs)
    assert vars(record)["correlation_id"] == "-"
    assert vars(logging.getLogRecordFactory())["_factory"] is Theirs


@pytest.mark.usefixtures("record_factory")
def test_without_snakepits_variables_the_process_traces_as_before() -> None:
    before = trace.get_tracer_provider()

    setup_tracing({})

    assert trace.get_tracer_provider() is before
