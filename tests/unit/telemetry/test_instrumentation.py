from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any

import pytest
from opentelemetry import baggage, metrics, trace
from opentelemetry.trace import StatusCode

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    CommandNotFoundError,
    HandlerFailedError,
)
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.instrumentation import InstrumentedHandler, Telemetry
from snakepit_bridge.telemetry.propagation import current_headers
from snakepit_bridge.testing.fakes import FakeClock
from tests.unit.handlers.bridges import brief_call, call, chunks_of, commands_of, running
from tests.unit.telemetry.told import Told

KINDS = ("do.def", "do.async", "do.items", "do.items_on_loop")


class Does:
    """Commands of the four kinds; each answers with the ids of the span it runs in."""

    @handles("do.def")
    def plain(self, session: Session) -> tuple[int, int]:
        context = trace.get_current_span().get_span_context()
        return context.trace_id, context.span_id

    @handles("do.async")
    async def on_loop(self, session: Session) -> tuple[int, int]:
        await asyncio.sleep(0)
        return self.plain(session)

    @handles("do.items")
    def items(self, session: Session) -> Generator[tuple[int, int], None, None]:
        yield self.plain(session)
        yield self.plain(session)

    @handles("do.items_on_loop")
    async def items_on_loop(self, session: Session) -> AsyncGenerator[tuple[int, int], None]:
        yield self.plain(session)
        await asyncio.sleep(0)
        yield self.plain(session)

    @handles("do.fail")
    def fail(self, session: Session, *, words: str) -> None:
        raise ValueError(words)

    @handles("do.wait")
    async def wait(self, session: Session) -> None:
        await asyncio.Event().wait()

    @handles("do.endless")
    def endless(self, session: Session) -> Generator[int, None, None]:
        while True:
            yield 1


async def _spans_seen(told: Told, command: Command, handler: object) -> set[tuple[int, int]]:
    async with running(handler, telemetry=told.telemetry) as commands:
        chunks = await chunks_of(commands, command)
    return {chunk.value for chunk in chunks if not chunk.is_empty}


# --- the command's span and its metrics ---------------------------------------------------------


@pytest.mark.parametrize("command", KINDS)
async def test_a_command_is_one_span_one_count_and_one_duration(command: str) -> None:
    told = Told()

    await _spans_seen(told, call(command), Does())

    span = told.command_span
    assert dict(span.attributes or {}) == {"snakepit.command": command, "snakepit.session_id": "s"}
    assert span.status.status_code is StatusCode.UNSET
    assert told.counts() == told.durations() == {(command, "success"): 1}


@pytest.mark.parametrize("command", KINDS)
async def test_the_code_runs_inside_its_commands_span(command: str) -> None:
    told = Told()

    seen = await _spans_seen(told, call(command), Does())

    context = told.command_span.context
    assert context is not None
    assert seen == {(context.trace_id, context.span_id)}
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_command_in_the_callers_thread_is_told_the_same_way() -> None:
    told = Told()
    handler = commands_of(Does(), telemetry=told.telemetry)

    handler.execute("s", "do.def", {})
    with pytest.raises(HandlerFailedError):
        handler.execute("s", "do.fail", {"words": "x"})

    assert len(told.spans(names.COMMAND_SPAN)) == 2
    assert told.counts() == {("do.def", "success"): 1, ("do.fail", "error"): 1}


async def test_a_failing_command_tells_its_code_and_its_id() -> None:
    told = Told()

    with pytest.raises(HandlerFailedError) as caught:
        await _spans_seen(told, call("do.fail", words="x"), Does())

    attributes = dict(told.command_span.attributes or {})
    assert attributes["error.type"] == "HANDLER_FAILED"
    assert attributes["snakepit.error_id"] == caught.value.error_id
    assert told.command_span.status.status_code is StatusCode.ERROR
    assert told.counts() == {("do.fail", "error"): 1}


async def test_what_callers_make_up_is_no_label() -> None:
    told = Told()

    with pytest.raises(CommandNotFoundError):
        await _spans_seen(told, call("do.nothing"), Does())

    attributes = dict(told.command_span.attributes or {})
    assert attributes["snakepit.command"] == "do.nothing"
    assert attributes["error.type"] == "COMMAND_NOT_FOUND"
    assert told.counts() == {("unknown", "error"): 1}


async def test_what_callers_make_up_is_kept_short() -> None:
    told = Told()

    with pytest.raises(BridgeError):
        await _spans_seen(told, call("x" * 100_000, "y" * 100_000), Does())

    assert [len(str(each)) for each in (told.command_span.attributes or {}).values()][:2] == [
        names.MAX_SPAN_TEXT,
        names.MAX_SPAN_TEXT,
    ]


async def test_a_command_nobody_waits_for_any_more_is_cancelled_and_no_error() -> None:
    told = Told()
    async with running(Does(), telemetry=told.telemetry) as handler:
        task = asyncio.create_task(handler.run(call("do.wait")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    attributes = dict(told.command_span.attributes or {})
    assert attributes["error.type"] == "CANCELLED"
    assert attributes["snakepit.outcome"] == "stopped"
    assert told.counts() == {("do.wait", "cancelled"): 1}


async def test_a_stream_nobody_reads_any_more_is_cancelled() -> None:
    told = Told()
    async with (
        running(Does(), telemetry=told.telemetry) as handler,
        aclosing(handler.stream(call("do.endless"))) as chunks,
    ):
        await anext(chunks)

    assert dict(told.command_span.attributes or {})["error.type"] == "CANCELLED"
    assert told.counts() == {("do.endless", "cancelled"): 1}


async def test_a_late_command_is_an_error_with_the_outcome_of_its_code() -> None:
    told = Told()

    with pytest.raises(CommandDeadlineError):
        await _spans_seen(told, brief_call("do.wait"), Does())

    attributes = dict(told.command_span.attributes or {})
    assert attributes["error.type"] == "DEADLINE_EXCEEDED"
    assert attributes["snakepit.outcome"] == "stopped"
    assert told.counts() == {("do.wait", "error"): 1}


async def test_a_command_that_is_cancelled_after_its_deadline_is_late() -> None:
    """A transport that watches the deadline itself just cancels."""
    told, clock = Told(), FakeClock()
    async with running(Does(), telemetry=told.telemetry, clock=clock) as handler:
        task = asyncio.create_task(handler.run(brief_call("do.wait", timeout_s=60)))
        await asyncio.sleep(0)
        clock.advance(61)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert dict(told.command_span.attributes or {})["error.type"] == "DEADLINE_EXCEEDED"
    assert told.counts() == {("do.wait", "error"): 1}


def test_a_command_the_bridge_itself_cancels_is_cancelled_too() -> None:
    told = Told()

    told.telemetry.command("c", "s", {}).failed(CommandCancelledError("the bridge stops"))

    assert told.counts() == {("unknown", "cancelled"): 1}


async def test_the_callers_span_is_the_parent() -> None:
    told = Told()
    traced = Command(
        name="do.fail",
        session_id="s",
        args={"words": "x"},
        trace_context={"traceparent": f"00-{7:032x}-{8:016x}-01"},
    )

    with pytest.raises(HandlerFailedError) as caught:
        await _spans_seen(told, traced, Does())

    parent = told.command_span.parent
    assert parent is not None
    assert (parent.trace_id, parent.span_id) == (7, 8)
    assert caught.value.metadata["trace_id"] == f"{7:032x}"


@pytest.mark.parametrize("traceparent", [{}, {"traceparent": f"00-{7:032x}-{8:016x}-01"}])
async def test_the_callers_baggage_reaches_the_code_and_what_it_calls(
    traceparent: dict[str, str],
) -> None:
    """It was once read and then lost."""

    class Carries:
        @handles("carries.look")
        def look(self, session: Session) -> list[object]:
            return [baggage.get_baggage("tenant"), dict(current_headers())]

    told = Told()
    headers = {"baggage": "tenant=acme", **traceparent}
    command = Command(name="carries.look", session_id="s", args={}, trace_context=headers)
    async with running(Carries(), telemetry=told.telemetry) as handler:
        result = await handler.run(command)

    seen, handed_on = result.value
    assert seen == "acme"
    assert handed_on["baggage"] == "tenant=acme"


@pytest.mark.parametrize("command", ["do.fail", "do.fali"])
async def test_nothing_that_callers_send_or_code_says_is_told(command: str) -> None:
    told = Told()

    with pytest.raises(BridgeError):
        await _spans_seen(
            told, call(command, words="canary-1f3a"), InstrumentedHandler(Does(), told.telemetry)
        )

    assert "canary" not in told.everything()


# --- spans of handlers --------------------------------------------------------------------------


@pytest.mark.parametrize("command", KINDS)
async def test_an_instrumented_handler_runs_inside_a_span_of_its_own(command: str) -> None:
    told = Told()

    seen = await _spans_seen(told, call(command), InstrumentedHandler(Does(), told.telemetry))

    (span,) = told.spans("handler.execute")
    assert span.context is not None
    assert seen == {(span.context.trace_id, span.context.span_id)}
    assert span.parent is not None
    assert told.command_span.context is not None
    assert span.parent.span_id == told.command_span.context.span_id
    assert dict(span.attributes or {}) == {"handler": "Does"}
    assert span.status.status_code is StatusCode.UNSET


async def test_the_span_of_a_handler_tells_what_kind_of_failure_left_it() -> None:
    told = Told()

    with pytest.raises(HandlerFailedError):
        await _spans_seen(
            told, call("do.fail", words="x"), InstrumentedHandler(Does(), told.telemetry)
        )

    (span,) = told.spans("handler.execute")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError"
    assert span.events == ()


def test_an_instrumented_method_stays_of_its_kind() -> None:
    wrap = InstrumentedHandler(Does(), Told().telemetry).wrap
    does = Does()

    assert inspect.iscoroutinefunction(wrap(does.on_loop))
    assert inspect.isgeneratorfunction(wrap(does.items))
    assert inspect.isasyncgenfunction(wrap(does.items_on_loop))
    assert not inspect.iscoroutinefunction(wrap(does.plain))
    assert inspect.signature(wrap(does.fail)) == inspect.signature(does.fail)


def test_an_instrumented_handler_with_the_handler_protocol_answers_as_it_does() -> None:
    class Anything:
        def can_handle(self, command: str) -> bool:
            return command == "any"

        def execute(self, session: Any, args: dict[str, Any]) -> Any:
            return session, args

    told = Told()
    instrumented = InstrumentedHandler(Anything(), told.telemetry)

    assert (instrumented.can_handle("any"), instrumented.can_handle("other")) == (True, False)
    assert instrumented.execute("session", {"x": 1}) == ("session", {"x": 1})
    assert len(told.spans("handler.execute")) == 1


# --- spans of anybody ---------------------------------------------------------------------------


def test_a_step_may_have_a_span_with_attributes_of_any_name() -> None:
    told = Told()

    with told.telemetry.span("a.step", name="x", size=2):
        """The step."""

    (span,) = told.spans("a.step")
    assert dict(span.attributes or {}) == {"name": "x", "size": 2}


def test_without_an_sdk_everything_works_and_nothing_is_told() -> None:
    telemetry = Telemetry(
        tracer_provider=trace.NoOpTracerProvider(), meter_provider=metrics.NoOpMeterProvider()
    )

    with telemetry.span("a.step") as span:
        record = telemetry.command("c", "s", {})
        with record.current():
            ids = record.ids
        record.succeeded()

    assert not span.is_recording()
    assert ids == {}


async def test_commands_that_run_together_have_each_their_own_span() -> None:
    told = Told()
    both_inside = threading.Barrier(2, timeout=5)

    class Meeting:
        @handles("meeting.join")
        def join(self, session: Session) -> int:
            both_inside.wait()
            return trace.get_current_span().get_span_context().span_id

    async with running(Meeting(), telemetry=told.telemetry) as handler:
        results = await asyncio.gather(*(handler.run(call("meeting.join")) for _ in range(2)))

    ids = {span.context.span_id for span in told.spans(names.COMMAND_SPAN) if span.context}
    assert {result.value for result in results} == ids
    assert len(ids) == 2
