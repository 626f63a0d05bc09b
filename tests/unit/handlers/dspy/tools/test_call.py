from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    ErrorCode,
    HostToolError,
    HostUnavailableError,
    PoolFullError,
    WrongCallError,
)
from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.runs import Halt
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.values.tag_objects import HostFunction
from tests.unit.handlers.dspy.hosting import Command, Scene


def search(query: str, limit: int = 3) -> dict[str, Any]:
    """Search the shop."""
    return {"found": query, "limit": limit}


def broken(query: str) -> str:
    raise LookupError(f"no {query}")


def call(tool: Any, **args: Any) -> Any:
    return tool(**args)


def acall(tool: Any, **args: Any) -> Any:
    async def called() -> Any:
        return await tool.acall(**args)

    return asyncio.run(called())


WAYS = pytest.mark.parametrize("way", [call, acall])


@WAYS
def test_a_tool_of_the_host_is_called_by_the_command_under_way(way: Any) -> None:
    scene = Scene()
    scene.offer(search)
    (tool,) = scene.made("search")

    with scene.run():
        assert way(tool, query="cups") == '{"found":"cups","limit":3}'
        assert way(tool, query="cups", limit=1) == '{"found":"cups","limit":1}'


@WAYS
def test_without_a_command_there_is_no_host(way: Any) -> None:
    scene = Scene()
    scene.offer(search)
    (tool,) = scene.made("search")

    with pytest.raises(WrongCallError, match="'search'"):
        way(tool, query="cups")


@WAYS
def test_it_is_the_command_of_now_whose_session_is_asked(way: Any) -> None:
    first, second = Scene(), Scene()
    first.offer(lambda: "first", "where")
    second.offer(lambda: "second", "where")
    (tool,) = first.made("where")

    with second.run():
        assert way(tool) == "second"


@WAYS
def test_wrong_arguments_are_told_and_nothing_is_called(way: Any) -> None:
    scene = Scene()
    scene.offer(search)
    (tool,) = scene.made("search")

    with scene.run():
        text = way(tool, querry="cups")

    assert text == (
        "The tool search was not called, its arguments are wrong: "
        "missing: query; unknown: querry. It takes: query, limit."
    )


@WAYS
@pytest.mark.parametrize(
    ("on_error", "text"),
    [
        ("tell", "The tool broken failed: The host's tool 'broken' raised LookupError: no cups"),
        ("hide", "The tool broken failed."),
    ],
)
def test_a_failure_is_text_without_a_traceback(way: Any, on_error: str, text: str) -> None:
    scene = Scene()
    scene.offer(broken)
    (tool,) = scene.made({"tool": "broken", "on_error": on_error})

    with scene.run():
        assert way(tool, query="cups") == text


@WAYS
def test_a_failure_that_is_to_end_the_call_ends_it(way: Any) -> None:
    scene = Scene()
    scene.offer(broken)
    (tool,) = scene.made({"tool": "broken", "name": "search", "on_error": "fail"})

    with scene.run() as run, pytest.raises(Halt) as caught:
        way(tool, query="cups")

    error = caught.value.error
    assert run.error is error
    assert error.code is ErrorCode.HOST_TOOL_FAILED
    assert error.details["tool"] == "broken"
    assert error.foreign_type == "LookupError"
    assert "no cups" in error.message


@WAYS
def test_an_agent_that_swallows_errors_is_ended_as_well(way: Any) -> None:
    scene = Scene()
    scene.offer(broken)
    tools = scene.made({"tool": "broken", "on_error": "fail"})
    step = {"next_tool_name": "broken", "next_tool_args": {"query": "cups"}}

    with scene.run(lm=offline_lm([step])), pytest.raises(Halt):
        way(dspy.ReAct("question -> answer", tools=tools), question="?")


@WAYS
def test_a_busy_host_says_when_to_come_again(way: Any) -> None:
    scene = Scene()
    (tool,) = scene.made({"tool": "busy", "parameters": {}, "on_error": "fail"})
    full = PoolFullError("Too many.")
    full.retry_after_s = 2.0
    scene.session.bridge_client = Raising(full)  # type: ignore[assignment]

    with scene.run(), pytest.raises(Halt) as caught:
        way(tool)

    error = caught.value.error
    assert isinstance(error, HostToolError)
    assert (error.retryable, error.retry_after_s) == (True, 2.0)
    assert error.details["cause"] == "POOL_FULL"


@WAYS
@pytest.mark.parametrize("kind", [CommandDeadlineError, CommandCancelledError])
def test_the_end_of_the_command_is_not_told_to_the_model(way: Any, kind: Any) -> None:
    scene = Scene()
    (tool,) = scene.made({"tool": "late", "parameters": {}})
    scene.session.bridge_client = Raising(kind("Over."))  # type: ignore[assignment]

    with scene.run(), pytest.raises(Halt) as caught:
        way(tool)

    assert isinstance(caught.value.error, kind)


@WAYS
def test_a_command_that_is_over_calls_nothing(way: Any) -> None:
    scene = Scene()
    scene.offer(search)
    (tool,) = scene.made("search")

    with scene.run() as run:
        run.cancel()
        with pytest.raises(Halt):
            way(tool, query="cups")


@WAYS
def test_a_host_that_is_away_is_told_to_the_model(way: Any) -> None:
    scene = Scene()
    (tool,) = scene.made({"tool": "away", "parameters": {}})
    scene.session.bridge_client = Raising(HostUnavailableError("10.0.0.7"))  # type: ignore[assignment]

    with scene.run():
        assert way(tool) == "The tool away cannot be reached now."


@WAYS
@pytest.mark.parametrize("is_async", [False, True])
def test_a_tool_that_takes_too_long_is_given_up(way: Any, *, is_async: bool) -> None:
    scene = Scene()
    release = threading.Event()

    async def waits() -> None:
        await asyncio.Event().wait()

    scene.offer(waits if is_async else release.wait, "slow")
    (tool,) = scene.made({"tool": "slow", "timeout_s": 0.01})

    with scene.run():
        text = way(tool)
    release.set()

    assert text == "The tool slow failed: It did not answer within 0.01 s."


@WAYS
def test_a_timeout_of_the_tool_itself_is_its_own_failure(way: Any) -> None:
    scene = Scene()
    (tool,) = scene.made({"tool": "t", "parameters": {}, "timeout_s": 60})
    scene.session.bridge_client = Raising(TimeoutError("own"))  # type: ignore[assignment]

    with scene.run(), pytest.raises(TimeoutError, match="own"):
        way(tool)


@WAYS
def test_what_is_quick_enough_answers(way: Any) -> None:
    scene = Scene()
    scene.offer(search)
    (tool,) = scene.made({"tool": "search", "timeout_s": 60})

    with scene.run(Command()):
        assert way(tool, query="cups") == '{"found":"cups","limit":3}'


def test_a_thread_that_waits_with_a_limit_ends_with_the_command() -> None:
    scene = Scene()
    waits = threading.Event()

    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    scene.offer(wait)
    (tool,) = scene.made({"tool": "wait", "timeout_s": 60})
    with scene.run() as run:

        def cancel() -> None:
            assert waits.wait(5)
            run.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(Halt) as caught:
            tool()
        canceller.join()

    assert isinstance(caught.value.error, CommandCancelledError)


def test_cancelling_what_waits_on_a_loop_cancels_the_call() -> None:
    scene = Scene()
    ended = threading.Event()

    async def script() -> None:
        waits = asyncio.Event()

        async def wait() -> None:
            waits.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        scene.offer(wait)
        (tool,) = scene.made({"tool": "wait", "timeout_s": 60})
        task = asyncio.create_task(tool.acall())
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with scene.run():
        asyncio.run(script())

    assert ended.is_set()


def test_an_inner_cancellation_that_is_not_the_commands_goes_on_as_one() -> None:
    scene = Scene()
    (tool,) = scene.made({"tool": "t", "parameters": {}, "timeout_s": 60})
    scene.session.bridge_client = Raising(asyncio.CancelledError())  # type: ignore[assignment]

    with scene.run(), pytest.raises(asyncio.CancelledError):
        tool()


def test_threads_of_dspy_ask_the_host_of_their_command() -> None:
    scene = Scene()
    command = Command()
    seen: list[Any] = []

    def where(**_: Any) -> str:
        seen.append(current_execution.get())
        return "here"

    scene.offer(where, "where")
    (tool,) = scene.made("where")

    class Calls(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def forward(self, question: str) -> Any:
            return dspy.Prediction(answer=tool())

    examples = [dspy.Example(question=str(n)).with_inputs("question") for n in range(4)]
    with scene.run(command):
        answers = Calls().batch(examples, num_threads=2, disable_progress_bar=True)

    assert [each.answer for each in answers] == ["here"] * 4
    assert seen == [command] * 4


@WAYS
def test_a_callback_gets_its_arguments_as_a_list_in_their_order(way: Any) -> None:
    scene = Scene()
    sent: list[Any] = []
    scene.offer(lambda **args: sent.append(args), "snakebridge.callback")
    schema = {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["a"]}
    callback = HostFunction(tool="snakebridge.callback", callback_id="cb_1", arity=3)
    (tool,) = scene.made({"tool": callback, "parameters": schema})

    with scene.run():
        way(tool, c=3, a=1)
        way(tool, a=1)
        refused = way(tool, a=1, d=4)

    assert sent == [
        {"callback_id": "cb_1", "args": [1, None, 3]},
        {"callback_id": "cb_1", "args": [1]},
    ]
    assert "unknown: d" in refused


def test_copies_of_a_program_share_their_tools_and_its_state_can_be_saved() -> None:
    scene = Scene()
    scene.offer(search)
    agent = dspy.ReAct("question -> answer", tools=scene.made("search"))

    copied = copy.deepcopy(agent)

    assert copied.tools["search"].func is agent.tools["search"].func
    assert "search" in str(agent.dump_state()["react"])
    copied.load_state(agent.dump_state())
    assert repr(agent.tools["search"].func) == "<tool 'search' of the host>"


class Raising:
    """A host whose every tool raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def call_tool(self, **_: Any) -> Any:
        raise self._error

    async def acall_tool(self, **_: Any) -> Any:
        raise self._error
