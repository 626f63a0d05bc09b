from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from snakepit_bridge import telemetry
from snakepit_bridge.adapters.showcase.basic_tools import BasicTools
from tests.unit.adapters.showcase.request import Request, no_wait


class Recorder:
    """A backend that keeps the events with their correlation ids."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, object], Mapping[str, object]]] = []
        self.correlation_ids: set[str | None] = set()

    def emit(
        self,
        event: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object],
        correlation_id: str | None,
        /,
    ) -> None:
        self.events.append((event, measurements, metadata))
        self.correlation_ids.add(correlation_id)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    token = telemetry.set_correlation_id("sp-1")
    telemetry.set_backend(recorder)
    yield recorder
    telemetry.set_backend(None)
    telemetry.reset_correlation_id(token)


@pytest.fixture
def tools() -> BasicTools:
    return BasicTools(no_wait)


def test_ping_is_answered_with_pong(tools: BasicTools) -> None:
    answer = tools.ping(Request())

    assert answer.keys() == {"message", "timestamp"}
    assert answer["message"] == "pong"
    assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None


def test_ping_is_answered_with_the_message_that_was_sent(tools: BasicTools) -> None:
    assert tools.ping(Request(), message="hello")["message"] == "hello"


@pytest.mark.parametrize("arguments", [{}, {"a": 1, "b": [None]}, {"self": 1, "context": 2}])
def test_echo_gives_back_whatever_came(tools: BasicTools, arguments: dict[str, Any]) -> None:
    assert tools.echo(Request(), **arguments) == {"echoed": arguments}


def test_integers_add_up_to_an_integer(tools: BasicTools) -> None:
    total = tools.add(Request(), a=2, b=3)

    assert (total, type(total)) == (5, int)


def test_floats_add_up(tools: BasicTools) -> None:
    assert tools.add(Request(), a=1.5, b=2) == 3.5


@pytest.mark.parametrize(
    ("error_type", "error"),
    [("value", ValueError), ("runtime", RuntimeError), ("generic", Exception)],
)
def test_an_error_is_of_the_type_that_was_asked_for(
    tools: BasicTools, error_type: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=error_type) as caught:
        tools.error_demo(Request(), error_type=error_type)

    assert type(caught.value) is error


def test_an_error_is_of_no_known_type_by_default(tools: BasicTools) -> None:
    with pytest.raises(Exception, match="generic") as caught:
        tools.error_demo(Request())

    assert type(caught.value) is Exception


def test_the_adapter_tells_what_it_is(tools: BasicTools) -> None:
    info = tools.adapter_info(Request())

    assert info.keys() == {"adapter_name", "version", "capabilities", "handlers"}
    assert (info["adapter_name"], info["version"]) == ("ShowcaseAdapter", "2.0.0")
    assert (len(info["capabilities"]), len(info["handlers"])) == (4, 6)


def test_objects_come_from_the_samples(tools: BasicTools) -> None:
    answer = tools.serialization_demo(Request(), demo_type="datetime")

    assert answer.keys() == {"demo_type", "description", "datetime_demo"}


def test_elixir_is_told_what_a_tool_does(recorder: Recorder, tools: BasicTools) -> None:
    answer = tools.telemetry_demo(Request(), operation="train", delay_ms=5)

    assert [event for event, _, _ in recorder.events] == [
        "tool.execution.start",
        "tool.execution.start",
        "tool.result_size",
        "tool.execution.stop",
    ]
    assert recorder.events[2][1] == {"bytes": 42}
    assert all(
        metadata == {"tool": "telemetry_demo", "operation": "train"}
        for _, _, metadata in recorder.events
    )
    assert recorder.correlation_ids == {"sp-1"}
    assert answer.pop("message")
    assert answer == {
        "operation": "train",
        "delay_ms": 5,
        "telemetry_enabled": True,
        "correlation_id": "sp-1",
    }


def test_nobody_may_be_told(tools: BasicTools) -> None:
    answer = tools.telemetry_demo(Request())

    assert (answer["telemetry_enabled"], answer["correlation_id"]) == (False, None)


def test_the_work_that_is_told_of_takes_its_time() -> None:
    waits: list[float] = []

    BasicTools(waits.append).telemetry_demo(Request())

    assert waits == [0.1]
