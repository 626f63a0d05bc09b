from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import (
    BudgetExceededError,
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    InvalidArgumentError,
    Outcome,
)
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.runs import KEY, Halt, Run, current_run
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import CommandUnderWay, Session, current_execution
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.workshop import RUNNER


class Command:
    """A command under way, as far as sessions look at it."""

    command = "dspy.test"
    metadata: Mapping[str, str] = MappingProxyType({})
    cancelled = False
    deadline = None
    remaining_s: float | None = None

    def __init__(self) -> None:
        self.answer_metadata: dict[str, str] = {}

    def on_cancel(self, told: Any) -> Any:
        return lambda: None


def session(command: CommandUnderWay | None = None) -> Session:
    host = EmbeddedHost()

    def who(name: str) -> str:
        """Say who asks."""
        return f"{name}, under a command: {current_execution.get() is not None}"

    host.offer(who)
    found = SessionManager(host).get_or_create("s")
    return found if command is None else found.seen_by(command)


def test_a_run_goes_on_until_it_is_halted() -> None:
    run = Run(session(), Ledger())
    run.check()
    first = BudgetExceededError("first")

    with pytest.raises(Halt) as caught:
        raise run.halt(first)
    assert caught.value.error is first
    assert run.halt(BudgetExceededError("second")).error is first
    with pytest.raises(Halt) as caught:
        run.check()
    assert caught.value.error is first
    assert run.error is first


def test_code_that_swallows_errors_does_not_swallow_a_halt() -> None:
    assert not issubclass(Halt, Exception)


def test_a_run_ends_with_its_command() -> None:
    command = Command()
    run = Run(session(command), Ledger())
    command.remaining_s = 1.0
    run.check()

    command.cancelled = True
    with pytest.raises(Halt) as caught:
        run.check()

    assert isinstance(caught.value.error, CommandCancelledError)
    assert caught.value.error.outcome is Outcome.STOPPED


def test_a_run_ends_at_the_deadline_of_its_command() -> None:
    command = Command()
    command.remaining_s = -0.1

    with pytest.raises(Halt) as caught:
        Run(session(command), Ledger()).check()

    assert isinstance(caught.value.error, CommandDeadlineError)


def test_cancelling_tells_whoever_waits_once() -> None:
    run, told = Run(session(), Ledger()), []
    run.on_cancel(lambda: told.append("a"))
    take_back = run.on_cancel(lambda: told.append("b"))
    take_back()
    take_back()

    run.cancel()
    run.cancel()
    run.on_cancel(lambda: told.append("late"))()

    assert told == ["a", "late"]
    with pytest.raises(Halt):
        run.check()


def test_events_go_to_whoever_follows() -> None:
    events: list[Any] = []
    run = Run(session(), Ledger(), tell=events.append)

    run.tell({"event": "status"})
    Run(session(), Ledger()).tell({"event": "status"})

    assert run.wants_events
    assert not Run(session(), Ledger()).wants_events
    assert events == [{"event": "status"}]


def test_the_run_is_found_in_the_settings_of_dspy_and_never_copied() -> None:
    run = Run(session(), Ledger())

    assert current_run(dspy) is None
    with dspy.context(**{KEY: run}):
        assert current_run(dspy) is run
    assert copy.deepcopy({"run": run})["run"] is run


def test_threads_that_know_nothing_of_the_command_call_its_tools() -> None:
    command = Command()
    token = current_execution.set(command)
    run = Run(session(command), Ledger())
    answers = []
    assert run.call_tool("who", {"name": "a"}) == "a, under a command: True"
    current_execution.reset(token)

    thread = threading.Thread(target=lambda: answers.append(run.call_tool("who", {"name": "b"})))
    thread.start()
    thread.join(5)

    assert answers == ["b, under a command: True"]


async def test_loops_that_know_nothing_of_the_command_call_its_tools() -> None:
    command = Command()
    token = current_execution.set(command)
    run = Run(session(command), Ledger())
    assert await run.acall_tool("who", {"name": "a"}) == "a, under a command: True"
    current_execution.reset(token)

    assert await run.acall_tool("who", {"name": "b"}) == "b, under a command: True"
    with pytest.raises(HostToolError):
        await run.acall_tool("nobody", {})


async def test_tools_of_python_are_called_before_those_of_the_host() -> None:
    tools = ToolHandler()

    @tools.register
    def who(name: str) -> str:
        return f"Python, {name}, {threading.current_thread() is not threading.main_thread()}"

    run = Run(session(), Ledger(), tools=tools, runner=RUNNER)
    on_this_thread = Run(session(), Ledger(), tools=tools)

    assert await run.acall_tool("who", {"name": "a"}) == "Python, a, True"
    assert await on_this_thread.acall_tool("who", {"name": "a"}) == "Python, a, True"
    assert await asyncio.to_thread(run.call_tool, "who", {"name": "a"}) == "Python, a, True"
    with pytest.raises(InvalidArgumentError, match="'nmae'"):
        await run.acall_tool("who", {"nmae": "a"})
    with pytest.raises(HostToolError):
        await run.acall_tool("nobody", {})


async def test_whatever_a_tool_of_python_raises_is_told_as_one_of_the_hosts() -> None:
    tools = ToolHandler()

    @tools.register
    def fail() -> None:
        raise LookupError("no such price")

    run = Run(session(), Ledger(), tools=tools, runner=RUNNER)

    with pytest.raises(HostToolError, match="'fail' raised LookupError: no such price") as caught:
        await run.acall_tool("fail", {})
    assert caught.value.foreign_type == "LookupError"


async def test_a_thread_that_waits_for_a_tool_is_freed_when_the_run_is_cancelled() -> None:
    tools, asked, may_end = ToolHandler(), threading.Event(), threading.Event()

    @tools.register
    def wait() -> bool:
        asked.set()
        return may_end.wait(10)

    run = Run(session(), Ledger(), tools=tools, runner=RUNNER)
    task = asyncio.create_task(asyncio.to_thread(run.call_tool, "wait", {}))
    await asyncio.to_thread(asked.wait, 5)
    run.cancel()

    with pytest.raises(Halt):
        await asyncio.wait_for(task, 5)
    may_end.set()


async def test_a_run_that_has_ended_calls_no_tool() -> None:
    run = Run(session(), Ledger())
    run.cancel()

    with pytest.raises(Halt):
        await run.acall_tool("who", {"name": "a"})
    with pytest.raises(Halt):
        await asyncio.to_thread(run.call_tool, "who", {"name": "a"})
