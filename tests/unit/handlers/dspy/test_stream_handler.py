"""A program's answer is told while it is written, and ends when nobody reads it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import BridgeError, DSPyError, InvalidArgumentError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.models.session_lm import session_lm_class
from snakepit_bridge.handlers.dspy.offline import OfflineEngine
from snakepit_bridge.handlers.dspy.runs import current_run
from snakepit_bridge.handlers.dspy.stream_handler import DSPyStreamHandler
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.streaming.engines import (
    BreakingEngine,
    CutEngine,
    StuckEngine,
    language_model,
)

Event = dict[str, Any]


class Room:
    """A handler and a session whose language model is the offline one."""

    def __init__(self) -> None:
        sessions = SessionManager(EmbeddedHost())
        allowed = AllowList(("dspy", "tests.unit.handlers.dspy"))
        self.bench = Workbench(sessions.instances, allow=allowed)
        self.session: Session = sessions.get_or_create("one")
        self.handler = DSPyStreamHandler(self.bench)

    def answers(self, *answers: Any) -> None:
        change = configuration.Change(lm={"model": "offline", "answers": list(answers)})
        self.bench.configurator.change(self.session, change)

    def engine(self, engine: OfflineEngine, async_engine: Any) -> None:
        model = session_lm_class(dspy)(
            "offline", engine=engine, async_engine=async_engine, cache=False, num_retries=0
        )
        self.session.settings[configuration.NAMESPACE] = Configuration(
            lm=LMOptions(model="offline"), language_model=model
        )

    def stream(self, program: Any, **parameters: Any) -> AsyncIterator[Event]:
        ref = self.bench.keep(self.session, program)
        return self.handler.stream(self.session, ref=ref, **parameters)

    async def events(self, program: Any, **parameters: Any) -> list[Event]:
        return [event async for event in self.stream(program, **parameters)]


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    made.bench.runner.close()


def text_of(events: list[Event], field: str) -> str:
    return "".join(event["text"] for event in events if event.get("field") == field)


class OnThread(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """A program without an ``async`` form."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict("question -> answer")

    def forward(self, question: str) -> Any:
        return self.ask(question=question)


class Telling(dspy.Module):  # type: ignore[misc]
    """Tells of itself before and after it asks."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict("question -> answer")

    def forward(self, question: str) -> Any:
        raise NotImplementedError

    async def aforward(self, question: str) -> Any:
        run = current_run(dspy)
        assert run is not None
        assert run.wants_events
        run.tell({"event": "status", "message": "before"})
        found = await self.ask.acall(question=question)
        run.tell({"event": "status", "message": "after"})
        return found


async def test_tokens_come_first_and_the_prediction_last(room: Room) -> None:
    room.answers({"reasoning": "so it is", "answer": "one two"})
    events = await room.events(dspy.ChainOfThought("question -> answer"), args={"question": "?"})
    assert text_of(events, "reasoning") == "so it is"
    assert text_of(events, "answer") == "one two"
    last = events[-1]
    assert last["event"] == "prediction"
    assert last["outputs"] == {"reasoning": "so it is", "answer": "one two"}
    assert last["reasoning"] == "so it is"
    assert last["completions"] == [last["outputs"]]
    assert last["usage"]["calls"] == 1
    assert last["usage"]["output_tokens"] > 0


async def test_a_program_on_a_thread_streams_as_well(room: Room) -> None:
    room.answers({"answer": "one two"})
    events = await room.events(OnThread(), args={"question": "?"}, fields=["ask.answer"])
    assert text_of(events, "answer") == "one two"
    assert events[-1]["outputs"] == {"answer": "one two"}


async def test_what_is_told_keeps_its_order_among_tokens(room: Room) -> None:
    room.answers({"answer": "one two"})
    events = await room.events(Telling(), args={"question": "?"})
    told = [event for event in events if event["event"] in {"status", "token"}]
    messages = [event.get("message") for event in told]
    tokens = [index for index, event in enumerate(told) if event["event"] == "token"]
    assert messages.index("before") < tokens[0]
    assert tokens[-1] < messages.index("after")


async def test_thousands_of_tokens_arrive_whole(room: Room) -> None:
    text = " ".join(map(str, range(5000)))
    engine = CutEngine([{"answer": text}], size=2)
    room.engine(engine, BreakingEngine(engine, after=-1))
    events = await room.events(dspy.Predict("question -> answer"), args={"question": "?"})
    assert len(events) > 1000
    assert text_of(events, "answer") == text == events[-1]["outputs"]["answer"]


async def test_settings_are_of_this_call_alone(room: Room) -> None:
    room.answers({"answer": "of the session"})
    own = {"lm": {"model": "offline", "answers": [{"answer": "own"}]}, "adapter": "json"}
    events = await room.events(
        dspy.Predict("question -> answer"), args={"question": "?"}, settings=own
    )
    assert text_of(events, "answer") == "own"
    again = await room.events(dspy.Predict("question -> answer"), args={"question": "?"})
    assert text_of(again, "answer") == "of the session"


async def test_a_model_of_the_process_streams_where_dspy_can(room: Room) -> None:
    model = language_model(CutEngine([{"answer": "one two"}], size=3))
    with dspy.context(lm=model):
        on_loop = await room.events(dspy.Predict("question -> answer"), args={"question": "?"})
        on_thread = await room.events(OnThread(), args={"question": "?"})
    assert text_of(on_loop, "answer") == "one two"
    assert [event["event"] for event in on_thread if event["event"] == "token"] == []
    assert on_thread[-1]["outputs"] == {"answer": "one two"}


async def test_code_that_blocks_a_loop_gets_its_answer_without_tokens(room: Room) -> None:
    class Blocking(Telling):
        async def aforward(self, question: str) -> Any:
            return self.ask(question=question)

    room.answers({"answer": "one two"})
    events = await room.events(Blocking(), args={"question": "?"})
    assert events[-1]["outputs"] == {"answer": "one two"}


async def test_what_is_no_prediction_is_the_result(room: Room) -> None:
    class Counting(dspy.Module):  # type: ignore[misc]
        def forward(self, number: int) -> int:
            raise NotImplementedError

        async def aforward(self, number: int) -> int:
            return number + 1

    events = await room.events(Counting(), args={"number": 41})
    assert events[-1]["event"] == "prediction"
    assert events[-1]["outputs"] == {"result": 42}


async def test_an_unknown_field_is_refused_before_anything_runs(room: Room) -> None:
    room.answers({"answer": "one"}, {"answer": "two"})
    program = dspy.Predict("question -> answer")
    with pytest.raises(InvalidArgumentError, match="anwser") as caught:
        await room.events(program, args={"question": "?"}, fields=["anwser"])
    assert caught.value.details["hint"] == "Did you mean 'answer'?"
    events = await room.events(program, args={"question": "?"})
    assert text_of(events, "answer") == "one", "nobody was asked before"


async def test_an_unknown_ref_is_refused(room: Room) -> None:
    with pytest.raises(DSPyError):
        async for _ in room.handler.stream(room.session, ref="nothing"):
            pass


async def test_a_failure_is_told_after_what_came_before_it(room: Room) -> None:
    engine = CutEngine([{"answer": "one two three"}], size=4)
    room.engine(engine, BreakingEngine(engine, after=8))
    events: list[Event] = []

    async def read() -> None:
        async for event in room.stream(dspy.Predict("question -> answer"), args={"question": "?"}):
            events.append(event)  # noqa: PERF401  (they are looked at after the error)

    with pytest.raises(BridgeError, match="broken off"):
        await read()
    assert "one two three".startswith(text_of(events, "answer"))
    assert text_of(events, "answer")
    assert "prediction" not in {event["event"] for event in events}


@pytest.mark.parametrize("program", [dspy.Predict("question -> answer"), OnThread(), Telling()])
async def test_closing_the_stream_ends_the_request(room: Room, program: Any) -> None:
    engine = OfflineEngine()
    stuck = StuckEngine(engine)
    room.engine(engine, stuck)
    async with aclosing(room.stream(program, args={"question": "?"})) as stream:  # type: ignore[type-var]
        told = ""
        async for event in stream:
            told += event.get("text", "")
            if told == "So far":
                break
    await asyncio.to_thread(stuck.has_ended.wait, 30)
    assert stuck.ended == ["cancelled"]


async def test_cancelling_the_reader_ends_the_request(room: Room) -> None:
    engine = OfflineEngine()
    stuck = StuckEngine(engine)
    room.engine(engine, stuck)
    begun = asyncio.Event()

    async def read() -> None:
        async with aclosing(
            room.stream(dspy.Predict("question -> answer"), args={"question": "?"})  # type: ignore[type-var]
        ) as stream:
            async for event in stream:
                if event["event"] == "token":
                    begun.set()

    reader = asyncio.create_task(read())
    await begun.wait()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert stuck.ended == ["cancelled"]


async def test_a_program_that_fails_while_it_is_ended_is_not_warned_of(room: Room) -> None:
    class Stubborn(Telling):
        async def aforward(self, question: str) -> Any:
            try:
                return await super().aforward(question)
            except asyncio.CancelledError:
                raise LookupError("too late") from None

    engine = OfflineEngine()
    room.engine(engine, StuckEngine(engine))
    warned: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: warned.append(what))
    async with aclosing(room.stream(Stubborn(), args={"question": "?"})) as stream:  # type: ignore[type-var]
        async for event in stream:
            if event["event"] == "token":
                break
    await asyncio.sleep(0)
    assert warned == []


async def test_a_reader_that_stops_holds_up_the_model(room: Room) -> None:
    """The engine is not asked for more than the channel may hold."""
    engine = CutEngine([{"answer": "x" * 3000}], size=1)
    counting = Counting(engine)
    room.engine(engine, counting)
    async with aclosing(
        room.stream(dspy.Predict("question -> answer"), args={"question": "?"})  # type: ignore[type-var]
    ) as stream:
        async for event in stream:
            if event["event"] == "token":
                break
        await asyncio.to_thread(counting.far.wait, 30)
        assert counting.given < 1000


class Counting(BreakingEngine):
    """Counts deltas, and tells when about as many are given as are read ahead."""

    def __init__(self, engine: OfflineEngine) -> None:
        super().__init__(engine, after=-1)
        self.given = 0
        self.far = threading.Event()

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        async for event in super().stream(request):
            self.given += 1
            if self.given == 250:
                asyncio.get_running_loop().call_later(0, self.far.set)
            yield event
