from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from typing import Any

import pytest
from opentelemetry import trace

from snakepit_bridge.engine.job import Job
from snakepit_bridge.errors import BridgeError, HandlerFailedError
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.correlation import reset_correlation_id, set_correlation_id
from snakepit_bridge.telemetry.executions import telling_calls
from snakepit_bridge.telemetry.instrumentation import Telemetry
from tests.unit.handlers.bridges import call, chunks_of, commands_of, running
from tests.unit.telemetry.recorded import Recorded
from tests.unit.telemetry.told import Told


class Does:
    @handles("do.it")
    def it(self, session: Session) -> int:
        return 1

    @handles("do.fail")
    def fail(self, session: Session, *, words: str) -> None:
        raise ValueError(words)

    @handles("do.items")
    def items(self, session: Session) -> Generator[int, None, None]:
        yield 1
        yield 2

    @handles("do.wait")
    async def wait(self, session: Session) -> None:
        await asyncio.Event().wait()


async def run(command: Command, telemetry: Telemetry | None = None) -> None:
    async with running(Does(), telemetry=telemetry) as commands:
        await chunks_of(commands, command)


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["do.it", "do.items"])
async def test_a_command_is_told_by_two_events(command: str, recorded: Recorded) -> None:
    await run(call(command))

    start, stop = recorded.of("tool.execution")
    assert (start.name, stop.name) == ("tool.execution.start", "tool.execution.stop")
    assert start.measurements.keys() == {"system_time"}
    assert stop.measurements.keys() == {"duration"}
    assert start.metadata == stop.metadata == {"tool": command, "session_id": "s"}
    assert recorded.accepted_by_elixir()


def test_a_command_in_the_callers_thread_is_told_the_same_way(recorded: Recorded) -> None:
    commands_of(Does()).execute("s", "do.it", {})

    assert [event.name for event in recorded.of("tool.execution")] == [
        "tool.execution.start",
        "tool.execution.stop",
    ]


async def test_the_failure_of_code_is_told_with_its_class_and_its_message(
    recorded: Recorded,
) -> None:
    with pytest.raises(HandlerFailedError):
        await run(call("do.fail", words="no such file"))

    start, failure = recorded.of("tool.execution")
    assert failure.name == "tool.execution.exception"
    assert failure.measurements.keys() == {"duration"}
    assert failure.metadata["error_type"] == "ValueError"
    assert "no such file" in failure.metadata["error_message"]
    assert failure.metadata.items() > start.metadata.items()
    assert recorded.accepted_by_elixir()


async def test_a_long_message_is_cut(recorded: Recorded) -> None:
    with pytest.raises(HandlerFailedError):
        await run(call("do.fail", words="x" * 4000))

    assert len(recorded.of("tool.execution")[1].metadata["error_message"]) == 500


async def test_a_failure_of_our_own_is_told_with_its_code(recorded: Recorded) -> None:
    with pytest.raises(BridgeError):
        await run(call("do.nothing"))

    _, failure = recorded.of("tool.execution")
    assert failure.metadata["tool"] == "do.nothing"
    assert failure.metadata["error_type"] == "COMMAND_NOT_FOUND"


async def test_a_command_that_nobody_waits_for_any_more_ends_with_an_exception(
    recorded: Recorded,
) -> None:
    async with asyncio.timeout(5), running(Does()) as commands:
        task = asyncio.create_task(commands.run(call("do.wait")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    _, failure = recorded.of("tool.execution")
    assert failure.metadata["error_type"] == "CANCELLED"


async def test_what_callers_make_up_is_kept_short(recorded: Recorded) -> None:
    with pytest.raises(BridgeError):
        await run(call("x" * 10_000, "y" * 10_000))

    metadata = recorded.of("tool.execution")[0].metadata
    assert {len(text) for text in metadata.values()} == {names.MAX_SPAN_TEXT}


async def test_the_events_carry_the_id_of_the_call(recorded: Recorded) -> None:
    token = set_correlation_id("sp-1")
    await run(call("do.it"))
    reset_correlation_id(token)

    events = recorded.of("tool.execution")
    assert [event.correlation_id for event in events] == ["sp-1", "sp-1"]
    assert [event.metadata["correlation_id"] for event in events] == ["sp-1", "sp-1"]


async def test_nothing_is_told_while_nobody_listens(recorded: Recorded) -> None:
    recorded.wants_more = False

    await run(call("do.it"))

    assert recorded.events == []


async def test_a_command_whose_beginning_nobody_heard_is_not_told(recorded: Recorded) -> None:
    recorded.wants_more = False
    record = Telemetry().command("c", "s", {})

    recorded.wants_more = True
    record.succeeded()

    assert recorded.events == []


async def test_a_command_that_is_traced_is_told_by_events_as_well(recorded: Recorded) -> None:
    told = Told()

    token = set_correlation_id("sp-1")
    await run(call("do.it"), told.telemetry)
    reset_correlation_id(token)
    await run(call("do.it"), told.telemetry)

    attributes = [dict(span.attributes or {}) for span in told.spans(names.COMMAND_SPAN)]
    assert [each.get("snakepit.correlation_id") for each in attributes] == ["sp-1", None]
    assert len(recorded.of("tool.execution")) == 4


# --- the calls of their code --------------------------------------------------------------------


class Code:
    """Code of a command, of one of the four kinds."""

    library = "my_handlers"

    def __init__(self, call: Callable[..., Any], *, tells_python_calls: bool = False) -> None:
        self._call = call
        self.tells_python_calls = tells_python_calls

    def invoke(self, session: Any, bound: Any) -> Any:
        return self._call(session, **bound)

    def items(self, session: Any, bound: Any) -> Any:
        return self._call(session, **bound)


def job(*, streams: bool = False, runs_on_loop: bool = False) -> Job:
    return Job(
        session_id="s",
        command="greet.say",
        args={},
        streams=streams,
        runs_on_loop=runs_on_loop,
        deadline=None,
        trace_context={},
    )


def plain(session: str, x: int) -> list[object]:
    return [session, x, trace.get_current_span()]


async def on_loop(session: str, x: int) -> list[object]:
    await asyncio.sleep(0)
    return plain(session, x)


def items(session: str, x: int) -> Generator[object, None, None]:
    yield from plain(session, x)


async def items_on_loop(session: str, x: int) -> AsyncGenerator[object, None]:
    for each in plain(session, x):
        await asyncio.sleep(0)
        yield each


def test_a_call_is_told_by_its_start_and_its_stop(recorded: Recorded) -> None:
    answer = telling_calls(Code(plain), job())("s", {"x": 1})

    start, stop = recorded.of("python.call")
    assert answer[:2] == ["s", 1]
    assert (start.name, stop.name) == ("python.call.start", "python.call.stop")
    assert start.metadata == stop.metadata == {"function": "greet.say", "library": "my_handlers"}
    assert recorded.accepted_by_elixir()


async def test_a_coroutine_is_told_until_its_end(recorded: Recorded) -> None:
    coroutine = telling_calls(Code(on_loop), job(runs_on_loop=True))("s", {"x": 1})
    before = list(recorded.names)

    await coroutine

    assert before == []
    assert recorded.names == ["python.call.start", "python.call.stop"]


def test_a_generator_is_told_from_its_first_item_to_its_last(recorded: Recorded) -> None:
    generator = telling_calls(Code(items), job(streams=True))("s", {"x": 1})
    before = list(recorded.names)
    next(generator)
    during = list(recorded.names)
    rest = list(generator)

    assert (before, during) == ([], ["python.call.start"])
    assert rest[0] == 1
    assert recorded.names == ["python.call.start", "python.call.stop"]


async def test_a_stream_that_is_left_early_ends_with_an_exception(recorded: Recorded) -> None:
    call = telling_calls(Code(items_on_loop), job(streams=True, runs_on_loop=True))

    async with aclosing(call("s", {"x": 1})) as stream:
        await anext(stream)

    assert recorded.names == ["python.call.start", "python.call.exception"]
    assert recorded.events[1].metadata["error_type"] == "GeneratorExit"


def test_an_exception_is_told_as_the_code_raised_it(recorded: Recorded) -> None:
    def stop(_: str) -> None:
        raise StopIteration("no more")

    with pytest.raises(StopIteration):
        telling_calls(Code(stop), job())("s", {})

    _, failure = recorded.of("python.call")
    assert failure.name == "python.call.exception"
    assert failure.metadata["error_type"] == "StopIteration"
    assert failure.metadata["error_message"] == "no more"


@pytest.mark.parametrize("streams", [True, False])
def test_code_that_tells_of_its_calls_is_left_alone(recorded: Recorded, *, streams: bool) -> None:
    code = Code(plain, tells_python_calls=True)

    telling_calls(code, job(streams=streams))("s", {"x": 1})

    assert recorded.events == []


def test_code_that_nobody_listens_to_is_left_alone(recorded: Recorded) -> None:
    recorded.wants_more = False
    code = Code(plain)

    assert telling_calls(code, job()) == code.invoke
    assert telling_calls(code, job(streams=True)) == code.items
