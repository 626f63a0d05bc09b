from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import pytest

from snakepit_bridge.telemetry.correlation import reset_correlation_id, set_correlation_id
from snakepit_bridge.telemetry.manager import (
    MAX_MESSAGE,
    emit,
    get_backend,
    is_enabled,
    set_backend,
    span,
)
from tests.unit.telemetry.recorded import Recorded


def test_an_event_goes_to_the_backend_of_the_process(recorded: Recorded) -> None:
    emit("tool.result_size", {"bytes": 7}, {"tool": "echo"}, "sp-1")

    (event,) = recorded.events
    assert (event.name, event.measurements) == ("tool.result_size", {"bytes": 7})
    assert (event.metadata, event.correlation_id) == ({"tool": "echo"}, "sp-1")


def test_the_backend_is_the_one_that_was_set_last(recorded: Recorded) -> None:
    other = Recorded()

    set_backend(other)
    emit("a.b", {})

    assert get_backend() is other
    assert (recorded.names, other.names) == ([], ["a.b"])


def test_without_a_backend_events_go_nowhere() -> None:
    assert get_backend() is None
    assert not is_enabled()

    emit("a.b", {})
    with span("a.c"):
        """The work."""


def test_a_backend_that_takes_nothing_is_none(recorded: Recorded) -> None:
    enabled = [is_enabled()]

    recorded.wants_more = False
    enabled.append(is_enabled())

    assert enabled == [True, False]


@pytest.mark.usefixtures("recorded")
def test_a_backend_may_be_anything_that_takes_events() -> None:
    class Foreign:
        def emit(
            self,
            event: str,
            measurements: Mapping[str, object],
            metadata: Mapping[str, object],
            correlation_id: str | None,
        ) -> None:
            seen.append((event, metadata, correlation_id))

    seen: list[object] = []

    set_backend(Foreign())
    emit("a.b", {})

    assert is_enabled()
    assert seen == [("a.b", {}, None)]


@pytest.mark.usefixtures("recorded")
def test_a_backend_that_fails_breaks_nothing_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Recorded):
        def emit(self, *_: object) -> None:
            raise RuntimeError("the backend is broken")

    set_backend(Broken())
    with span("a.b"):
        emit("c.d", {})
    set_backend(Broken())
    emit("e.f", {})

    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert [record.args for record in caplog.records] == [("a.b.start",), ("e.f",)]
    assert "the backend is broken" in caplog.text


# --- the id of the call -------------------------------------------------------------------------


def test_an_event_belongs_to_the_call_that_it_is_told_in(recorded: Recorded) -> None:
    token = set_correlation_id("sp-1")

    emit("a.b", {})
    emit("a.c", {}, None, "sp-2")
    reset_correlation_id(token)
    emit("a.d", {})

    assert [event.correlation_id for event in recorded.events] == ["sp-1", "sp-2", ""]


def test_a_span_belongs_to_the_call_that_it_began_in(recorded: Recorded) -> None:
    token = set_correlation_id("sp-1")
    step = span("a")

    with step:
        reset_correlation_id(token)
    with span("b", correlation_id="sp-2"):
        """The work."""

    assert [event.correlation_id for event in recorded.events] == [*["sp-1"] * 2, *["sp-2"] * 2]


# --- spans --------------------------------------------------------------------------------------


def test_a_span_tells_of_its_start_and_its_stop(recorded: Recorded) -> None:
    before = time.time_ns()
    with span("python.call", {"library": "numpy"}):
        told_at_first = list(recorded.names)

    start, stop = recorded.events
    assert told_at_first == ["python.call.start"]
    assert stop.name == "python.call.stop"
    assert start.measurements.keys() == {"system_time"}
    assert before <= int(start.measurements["system_time"]) <= time.time_ns()
    assert stop.measurements.keys() == {"duration"}
    assert isinstance(stop.measurements["duration"], int)
    assert start.metadata == stop.metadata == {"library": "numpy"}
    assert recorded.accepted_by_elixir()


def test_a_clock_that_is_set_back_makes_no_duration_negative(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with span("a.b"):
        monkeypatch.setattr(time, "time_ns", lambda: 0)

    assert int(recorded.events[1].measurements["duration"]) >= 0


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_span_tells_of_the_exception_that_leaves_it(
    kind: type[BaseException], recorded: Recorded
) -> None:
    metadata = {"library": "numpy"}

    with pytest.raises(kind), span("python.call", metadata):
        raise kind("no")

    assert recorded.names == ["python.call.start", "python.call.exception"]
    event = recorded.events[1]
    assert event.measurements.keys() == {"duration"}
    assert event.metadata == {
        "library": "numpy",
        "error_type": kind.__name__,
        "error_message": "no",
    }
    assert metadata == {"library": "numpy"}
    assert recorded.accepted_by_elixir()


def test_the_message_of_an_exception_is_kept_short(recorded: Recorded) -> None:
    with pytest.raises(ValueError, match="x"), span("a"):
        raise ValueError("x" * 10_000)

    assert len(recorded.events[1].metadata["error_message"]) == MAX_MESSAGE == 500


def test_an_exception_that_cannot_say_what_it_is_goes_on_all_the_same(recorded: Recorded) -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise LookupError

    with pytest.raises(MuteError), span("a"):
        raise MuteError

    message = recorded.events[1].metadata["error_message"]
    assert message == "(its message cannot be read: __str__ raised LookupError)"


def test_spans_may_stand_in_each_other(recorded: Recorded) -> None:
    with span("a"), span("b"):
        """The work."""

    assert recorded.names == ["a.start", "b.start", "b.stop", "a.stop"]
