"""One command at each of its stages when its caller leaves, its time is over, or room is none."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing

import pytest

from snakepit_bridge.engine import Load
from snakepit_bridge.errors import (
    CommandDeadlineError,
    ErrorCode,
    Outcome,
    PoolFullError,
)
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import (
    at_rest,
    brief_call,
    call,
    chunks_of,
    commands_of,
    running,
)

TO_BEGIN_S = 0.25
"""Time for a thread to begin, on a machine that is busy with other things."""


class Gate:
    """Commands that wait until the test lets them go, and do not listen meanwhile."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    def _pass(self, name: str) -> str:
        self.order.append(name)
        assert self._opened.wait(5)
        return name

    @handles("gate.pass")
    def pass_through(self, session: Session, *, name: str = "") -> str:
        return self._pass(name)

    @handles("gate.turn", exclusive=True)
    def turn(self, session: Session, *, name: str = "") -> str:
        return self._pass(name)

    @handles("gate.turn_on_loop", exclusive=True)
    async def turn_on_loop(self, session: Session, *, name: str = "") -> str:
        await asyncio.to_thread(self._pass, name)
        return name

    @handles("gate.turn_of_items", exclusive=True)
    def turn_of_items(self, session: Session, *, name: str = "") -> Generator[str, None, None]:
        yield self._pass(name)

    @handles("gate.quick", exclusive=True)
    def quick(self, session: Session) -> str:
        return "quick"


async def _engine_is(handler: CommandHandler, *, in_flight: int, queued: int = 0) -> None:
    assert handler.engine is not None
    await busy(handler.engine, in_flight=in_flight, queued=queued)


# --- no room --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["gate.pass", "gate.turn"])
async def test_a_command_that_finds_no_room_holds_no_place(command: str) -> None:
    gate = Gate()
    async with running(gate, max_threads=1, max_queued=0) as handler:
        first = asyncio.create_task(handler.run(call("gate.pass", "other")))
        await _engine_is(handler, in_flight=1)
        with pytest.raises(PoolFullError) as caught:
            await handler.run(call(command))
        running_after = handler.sessions.find("s").state.running
        gate.open()
        await first
        again = await handler.run(call(command))

    assert caught.value.metadata["in_flight"] == "1"
    assert running_after == 0
    assert again.value == ""


# --- the caller leaves ----------------------------------------------------------------------------


async def test_a_caller_may_leave_while_the_command_waits_for_a_thread() -> None:
    gate = Gate()
    async with running(gate, max_threads=1) as handler:
        first = asyncio.create_task(handler.run(call("gate.pass", name="first")))
        await _engine_is(handler, in_flight=1)
        second = asyncio.create_task(handler.run(call("gate.pass", name="second")))
        await _engine_is(handler, in_flight=1, queued=1)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.open()
        await first
        await at_rest(handler, "s")

    assert gate.order == ["first"]


async def test_a_caller_may_leave_while_the_command_runs() -> None:
    gate = Gate()
    async with running(gate) as handler:
        task = asyncio.create_task(handler.run(call("gate.pass")))
        await _engine_is(handler, in_flight=1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        running_after = handler.sessions.find("s").state.running
        gate.open()
        await at_rest(handler, "s")

    assert running_after == 1


@pytest.mark.parametrize("command", ["gate.turn", "gate.turn_on_loop", "gate.turn_of_items"])
async def test_a_caller_may_leave_while_the_command_waits_for_its_turn(command: str) -> None:
    gate = Gate()
    async with running(gate) as handler:
        first = asyncio.create_task(chunks_of(handler, call(command, name="first")))
        await _engine_is(handler, in_flight=1)
        second = asyncio.create_task(chunks_of(handler, call(command, name="second")))
        await asyncio.sleep(0)
        third = asyncio.create_task(chunks_of(handler, call(command, name="third")))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.open()
        await asyncio.gather(first, third)
        await at_rest(handler, "s")

    assert gate.order == ["first", "third"]


@pytest.mark.parametrize("wait", ["on a thread", "on the loop"])
async def test_a_reader_may_leave_while_items_come(wait: str) -> None:
    ended = threading.Event()

    class Endless:
        @handles("on a thread")
        def items(self, session: Session) -> Generator[int, None, None]:
            try:
                while True:
                    yield 1
            finally:
                ended.set()

        @handles("on the loop")
        async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
            try:
                while True:
                    yield 1
            finally:
                ended.set()

    async with running(Endless()) as handler:
        async with aclosing(handler.stream(call(wait))) as chunks:
            await anext(chunks)
        assert ended.is_set()
        await at_rest(handler, "s")


@pytest.mark.parametrize("where", ["on a thread", "on the loop"])
async def test_a_reader_may_forget_its_stream(where: str) -> None:
    class Endless:
        @handles("on a thread")
        def items(self, session: Session) -> Generator[int, None, None]:
            while True:
                yield 1

        @handles("on the loop")
        async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
            while True:
                yield 1

    async with running(Endless()) as handler:
        chunks = handler.stream(call(where))
        await anext(chunks)
        del chunks
        gc.collect()
        await at_rest(handler, "s")


# --- time is over ---------------------------------------------------------------------------------


async def test_late_code_that_runs_on_is_abandoned_and_holds_its_place_until_it_ends() -> None:
    gate = Gate()
    async with running(gate) as handler:
        with pytest.raises(CommandDeadlineError) as caught:
            await handler.run(brief_call("gate.pass", timeout_s=TO_BEGIN_S))
        running_after = handler.sessions.find("s").state.running
        gate.open()
        await at_rest(handler, "s")

    assert caught.value.outcome is Outcome.ABANDONED
    assert running_after == 1


async def test_a_command_whose_turn_does_not_come_in_time_says_so() -> None:
    gate = Gate()
    async with running(gate) as handler:
        first = asyncio.create_task(handler.run(call("gate.turn", name="first")))
        await _engine_is(handler, in_flight=1)
        with pytest.raises(CommandDeadlineError, match="waited for its turn") as caught:
            await handler.run(brief_call("gate.turn"))
        gate.open()
        await first
        await at_rest(handler, "s")

    assert caught.value.code is ErrorCode.DEADLINE_EXCEEDED
    assert caught.value.outcome is Outcome.STOPPED
    assert gate.order == ["first"]


# --- turns ----------------------------------------------------------------------------------------


async def test_the_turn_passes_on_when_abandoned_code_ends_and_not_before() -> None:
    gate = Gate()
    async with running(gate) as handler:
        with pytest.raises(CommandDeadlineError):
            await handler.run(brief_call("gate.turn", timeout_s=TO_BEGIN_S))
        second = asyncio.create_task(handler.run(call("gate.turn", name="second")))
        await asyncio.sleep(0)
        assert handler.engine is not None
        load_before = handler.engine.load()
        gate.open()
        await second
        await at_rest(handler, "s")

    assert load_before == Load(in_flight=1, queued=0, abandoned=1)
    assert gate.order == ["", "second"]


async def test_turns_are_of_one_command_in_one_session() -> None:
    gate = Gate()
    async with running(gate) as handler:
        holding = asyncio.create_task(handler.run(call("gate.turn")))
        await _engine_is(handler, in_flight=1)
        other_command = await handler.run(call("gate.quick"))
        other_session = await handler.run(call("gate.quick", "other"))
        gate.open()
        await holding

    assert (other_command.value, other_session.value) == ("quick", "quick")


@pytest.mark.parametrize("command", ["gate.turn", "gate.turn_on_loop", "gate.turn_of_items"])
async def test_exclusive_commands_of_a_session_are_never_inside_together(command: str) -> None:
    in_flight: list[int] = []

    class Counts(Gate):
        def _pass(self, name: str) -> str:
            assert handler.engine is not None
            load = handler.engine.load()
            in_flight.append(load.in_flight + load.queued)
            return name

    async with running(Counts()) as handler, asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(chunks_of(handler, call(command, name=str(number))))

    assert in_flight == [1] * 100


def test_threads_take_turns_like_tasks() -> None:
    inside, order = threading.Event(), list[str]()

    class Waits:
        @handles("waits.turn", exclusive=True)
        def turn(self, session: Session, *, name: str) -> None:
            order.append(f"{name} in")
            if name == "first":
                inside.set()
                turnstile = handler.sessions.turnstile(session, "waits.turn")
                while not turnstile.waiting:
                    """The second thread lines up."""
            order.append(f"{name} out")

    handler = commands_of(Waits())

    def execute(name: str) -> None:
        handler.execute("s", "waits.turn", {"name": name})

    first = threading.Thread(target=execute, args=("first",))
    second = threading.Thread(target=execute, args=("second",))
    first.start()
    assert inside.wait(5)
    second.start()
    first.join(5)
    second.join(5)

    assert order == ["first in", "first out", "second in", "second out"]
    assert handler.sessions.find("s").state.running == 0


# --- all of it together ---------------------------------------------------------------------------


class Mixture:
    @handles("mix.def", exclusive=True)
    def on_thread(self, session: Session) -> str:
        return "value"

    @handles("mix.async")
    async def on_loop(self, session: Session) -> str:
        await asyncio.sleep(0)
        return "value"

    @handles("mix.items")
    def items(self, session: Session) -> Generator[int, None, None]:
        yield from range(150)

    @handles("mix.items_on_loop", exclusive=True)
    async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
        for number in range(150):
            await asyncio.sleep(0)
            yield number

    @handles("mix.fail")
    def fail(self, session: Session) -> None:
        raise SystemExit

    @handles("mix.fail_on_loop", exclusive=True)
    async def fail_on_loop(self, session: Session) -> None:
        raise asyncio.CancelledError


COMMANDS = [
    "mix.def",
    "mix.async",
    "mix.items",
    "mix.items_on_loop",
    "mix.fail",
    "mix.fail_on_loop",
    "mix.unknown",
]


@pytest.mark.parametrize("stride", [1, 5, 11])
async def test_whatever_happens_no_session_is_left_with_a_command(stride: int) -> None:
    tasks_before = len(asyncio.all_tasks())

    async def one(handler: CommandHandler, number: int) -> None:
        command = COMMANDS[number * stride % len(COMMANDS)]
        timeout_s = 0.001 * (number % 5) if number % 3 else 60
        brief = brief_call(command, f"s{number % 4}", timeout_s=timeout_s)
        task = asyncio.create_task(chunks_of(handler, brief))
        if number % 4 == 1:
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with running(Mixture(), max_threads=2, max_queued=10) as handler:
        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(one(handler, number))
        await at_rest(handler, "s0", "s1", "s2", "s3")
        await _engine_is(handler, in_flight=0)

    assert len(asyncio.all_tasks()) == tasks_before
