from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import pytest

from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    Outcome,
    PoolFullError,
    WrongCallError,
)
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.session.tool_calls import ToolCalls, description_of, is_async, name_of
from snakepit_bridge.testing import FakeClock

color: ContextVar[str] = ContextVar("color", default="none")


def _execution(*, deadline: float | None = None) -> Execution:
    job = Job(session_id="s", command="c", args={}, deadline=deadline, trace_context={})
    return Execution(job, lambda _: None, clock=FakeClock(), on_end=lambda: None)


@contextmanager
def _inside(execution: Execution) -> Iterator[None]:
    token = current_execution.set(execution)
    try:
        yield
    finally:
        current_execution.reset(token)


async def _never_ends() -> None:
    await asyncio.Event().wait()


async def _answers() -> str:
    await asyncio.sleep(0)
    return "done"


# --- from a thread ----------------------------------------------------------------------------


def test_a_plain_function_is_called_in_the_thread_of_its_caller() -> None:
    assert ToolCalls().call(threading.get_ident, is_async=False) == threading.get_ident()


def test_an_async_function_gets_a_loop_of_its_own() -> None:
    assert ToolCalls().call(_answers, is_async=True) == "done"
    with _inside(_execution(deadline=60.0)):
        assert ToolCalls().call(_answers, is_async=True) == "done"


async def test_an_async_function_is_not_waited_for_on_a_running_loop() -> None:
    with pytest.raises(WrongCallError, match="async twin"):
        ToolCalls().call(_answers, is_async=True)


def test_an_async_function_is_stopped_at_the_deadline() -> None:
    with _inside(_execution(deadline=0.001)), pytest.raises(CommandDeadlineError) as caught:
        ToolCalls().call(_never_ends, is_async=True)

    assert caught.value.outcome is Outcome.STOPPED


def test_an_async_function_is_stopped_when_its_command_is_cancelled() -> None:
    execution = _execution()

    async def cancels_its_command() -> None:
        threading.Thread(target=execution.cancel).start()
        await asyncio.Event().wait()

    with _inside(execution), pytest.raises(CommandCancelledError) as caught:
        ToolCalls().call(cancels_its_command, is_async=True)

    assert caught.value.outcome is Outcome.STOPPED


def test_a_command_cancelled_before_its_tool_began_has_no_result() -> None:
    execution = _execution()
    execution.cancel()

    with _inside(execution), pytest.raises(CommandCancelledError):
        ToolCalls().call(_never_ends, is_async=True)


def test_a_cancellation_that_comes_too_late_is_no_trouble() -> None:
    execution, subscribed = _execution(), list[Callable[[], None]]()
    on_cancel = execution.on_cancel

    class Remembers:
        command, metadata = "test", dict[str, str]()
        cancelled, deadline, remaining_s = False, None, None
        answer_metadata: ClassVar[dict[str, str]] = {}

        def on_cancel(self, told: Callable[[], None]) -> Callable[[], None]:
            subscribed.append(told)
            return on_cancel(told)

    token = current_execution.set(Remembers())
    try:
        assert ToolCalls().call(_answers, is_async=True) == "done"
    finally:
        current_execution.reset(token)

    subscribed[0]()


def test_a_cancellation_nobody_asked_for_is_the_function_s_own() -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    with _inside(_execution()), pytest.raises(asyncio.CancelledError):
        ToolCalls().call(gives_up, is_async=True)


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_tool_is_not_begun_after_the_deadline(kind: str) -> None:
    def never() -> None:
        raise NotImplementedError

    with _inside(_execution(deadline=0.0)), pytest.raises(CommandDeadlineError) as caught:
        ToolCalls().call(never, is_async=kind == "async")

    assert caught.value.outcome is Outcome.STOPPED
    assert "more time" in caught.value.hint


# --- from the loop ----------------------------------------------------------------------------


async def test_a_plain_function_does_not_run_on_the_loop() -> None:
    color.set("red")

    async with asyncio.timeout(5):
        thread, seen = await ToolCalls().acall(
            lambda: (threading.get_ident(), color.get()), is_async=False
        )

    assert thread != threading.get_ident()
    assert seen == "red"


async def test_plain_functions_called_from_the_loop_run_together() -> None:
    both_inside, calls = threading.Barrier(2), ToolCalls()

    def meet() -> int:
        return both_inside.wait(5)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        met = [group.create_task(calls.acall(meet, is_async=False)) for _ in range(2)]

    assert sorted(task.result() for task in met) == [0, 1]


async def test_an_async_function_runs_on_the_loop_that_calls_it() -> None:
    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert await ToolCalls().acall(which, is_async=True) is asyncio.get_running_loop()


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_what_a_function_raises_is_raised(kind: str) -> None:
    class StrangeError(BaseException):
        pass

    def raises() -> None:
        raise StrangeError

    async def raises_later() -> None:
        raise StrangeError

    function: Callable[[], Any] = raises_later if kind == "async" else raises
    with pytest.raises(StrangeError):
        await ToolCalls().acall(function, is_async=kind == "async")


async def test_a_timeout_of_the_function_s_own_is_not_the_deadline() -> None:
    async def too_slow() -> None:
        raise TimeoutError("mine")

    with _inside(_execution(deadline=60.0)), pytest.raises(TimeoutError, match="mine"):
        await ToolCalls().acall(too_slow, is_async=True)


async def test_an_async_function_on_the_loop_is_stopped_at_the_deadline() -> None:
    with _inside(_execution(deadline=0.001)), pytest.raises(CommandDeadlineError) as caught:
        await ToolCalls().acall(_never_ends, is_async=True)

    assert caught.value.outcome is Outcome.STOPPED


async def test_a_plain_function_is_abandoned_at_the_deadline_and_keeps_its_place() -> None:
    calls, go_on = ToolCalls(max_threads=1), threading.Event()

    with _inside(_execution(deadline=0.001)), pytest.raises(CommandDeadlineError) as caught:
        await calls.acall(lambda: go_on.wait(5), is_async=False)
    assert caught.value.outcome is Outcome.ABANDONED

    with pytest.raises(PoolFullError, match="1 tools run") as full:
        await calls.acall(lambda: None, is_async=False)
    assert full.value.retryable
    go_on.set()


# --- what is told of a function ---------------------------------------------------------------


class Callables:
    async def method(self) -> None:
        raise NotImplementedError

    async def __call__(self) -> None:
        raise NotImplementedError


def test_the_kind_of_a_function_is_known_before_it_is_called() -> None:
    assert is_async(_answers)
    assert is_async(Callables().method)
    assert is_async(Callables())
    assert is_async(functools.partial(_answers))
    assert not is_async(len)
    assert not is_async(lambda: None)


def test_a_function_has_its_name_and_the_first_paragraph_of_its_docstring() -> None:
    def double() -> None:
        """Twice
        as much.

        Or less.
        """

    assert name_of(double) == "double"
    assert description_of(double) == "Twice as much."
    assert description_of(lambda: None) == ""


@pytest.mark.parametrize("function", [lambda: None, functools.partial(len, [])])
def test_a_function_without_a_name_must_be_given_one(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="give it one"):
        name_of(function)
