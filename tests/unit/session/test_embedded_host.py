from __future__ import annotations

import pickle
import threading
from datetime import datetime
from typing import Any

import pytest

from snakepit_bridge.errors import (
    ErrorCode,
    HostToolError,
    InvalidArgumentError,
    QuotaExceededError,
    VariableError,
)
from snakepit_bridge.session.embedded_host import MAX_MESSAGE, MAX_TRACEBACK, EmbeddedHost
from snakepit_bridge.session.host import HostRuntime, HostTool
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.session.worker_tools import WorkerTool
from snakepit_bridge.testing import FakeClock


def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


async def half(x: int) -> float:
    return x / 2


def _call(host: EmbeddedHost, tool: str, session_id: str = "s", **args: Any) -> Any:
    return host.call_tool(session_id=session_id, tool_name=tool, args=args)


def test_it_says_what_it_is() -> None:
    host: HostRuntime = EmbeddedHost()

    assert (host.state, host.variables_live_in) == ("embedded", "memory")


def test_an_offered_function_is_called_by_its_own_name() -> None:
    host = EmbeddedHost()
    host.offer(double)
    host.offer(half)

    assert _call(host, "double", x=21) == 42
    assert _call(host, "half", x=21) == 10.5
    assert [tool.name for tool in host.list_tools(session_id="s")] == ["double", "half"]
    assert host.list_tools(session_id="s")[0].description == "Twice as much."


def test_a_function_may_be_offered_under_another_name_with_a_schema() -> None:
    host, tool = EmbeddedHost(), HostTool(name="twice", schema={"type": "object"})

    host.offer(lambda x: x + x, tool)

    assert _call(host, "twice", x="a") == "aa"
    assert host.list_tools(session_id="s") == [tool]


def test_a_name_is_offered_once() -> None:
    host = EmbeddedHost()
    host.offer(double)

    with pytest.raises(ValueError, match=r"'double' is <function double .*so not <function half"):
        host.offer(half, HostTool(name="double"))


def test_a_function_without_a_name_needs_one() -> None:
    with pytest.raises(TypeError, match="give it one"):
        EmbeddedHost().offer(lambda: None)


def test_a_session_may_have_tools_of_its_own_until_it_ends() -> None:
    host = EmbeddedHost()
    host.offer(double)
    host.offer(half, HostTool(name="double", description="mine"), session_id="mine")

    assert _call(host, "double", "mine", x=8) == 4
    assert _call(host, "double", "other", x=8) == 16
    assert [tool.description for tool in host.list_tools(session_id="mine")] == ["mine"]

    host.forget_session("mine")
    assert _call(host, "double", "mine", x=8) == 16


def test_an_unknown_tool_is_answered_with_the_nearest() -> None:
    host = EmbeddedHost()
    host.offer(double)

    with pytest.raises(HostToolError) as near:
        _call(host, "doubel")
    with pytest.raises(HostToolError) as far:
        _call(host, "zzz")

    assert near.value.code is ErrorCode.HOST_TOOL_FAILED
    assert near.value.hint == "Did you mean 'double'?"
    assert near.value.details["tool"] == "doubel"
    assert "tool.list" in far.value.hint


def test_what_a_tool_raises_becomes_an_error_that_says_so() -> None:
    def divide(x: float) -> float:
        return 1 / x

    host = EmbeddedHost()
    host.offer(divide)
    with pytest.raises(HostToolError) as caught:
        _call(host, "divide", x=0)

    error = caught.value
    assert error.message == "The host's tool 'divide' raised ZeroDivisionError: division by zero"
    assert error.foreign_type == "ZeroDivisionError"
    assert "return 1 / x" in error.foreign_traceback
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert pickle.loads(pickle.dumps(error)).foreign_type == "ZeroDivisionError"


def test_wrong_arguments_are_named() -> None:
    host = EmbeddedHost()
    host.offer(double)

    with pytest.raises(HostToolError, match="unexpected keyword argument 'y'"):
        _call(host, "double", y=1)


def test_a_talkative_failure_is_cut() -> None:
    def talk() -> None:
        raise ValueError("x" * 1_000_000)

    host = EmbeddedHost()
    host.offer(talk)
    with pytest.raises(HostToolError) as caught:
        _call(host, "talk")

    assert len(caught.value.message) < MAX_MESSAGE + 100
    assert len(caught.value.foreign_traceback) == MAX_TRACEBACK


def test_a_failure_that_cannot_speak_is_named_all_the_same() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise MuteError

    host = EmbeddedHost()
    host.offer(fail)
    with pytest.raises(HostToolError, match="MuteError") as caught:
        _call(host, "fail")

    assert caught.value.foreign_type == "MuteError"


async def test_an_async_tool_that_raises_is_no_different() -> None:
    async def fail() -> None:
        raise OSError("no disk")

    host = EmbeddedHost()
    host.offer(fail)

    with pytest.raises(HostToolError, match="'fail' raised OSError: no disk"):
        await host.acall_tool(session_id="s", tool_name="fail", args={})


async def test_a_plain_tool_does_not_block_the_loop() -> None:
    host = EmbeddedHost()
    host.offer(threading.get_ident)

    thread = await host.acall_tool(session_id="s", tool_name="get_ident", args={})

    assert thread != threading.get_ident()


def test_the_limits_bound_the_variables() -> None:
    host = EmbeddedHost(limits=SessionLimits(variable_bytes=10))

    with pytest.raises(QuotaExceededError):
        host.set_variable(session_id="s", name="x", value="x" * 10)


def test_the_clock_tells_when_a_variable_was_changed() -> None:
    clock = FakeClock()
    host = EmbeddedHost(clock=clock)

    host.set_variable(session_id="s", name="x", value=1)

    (listed,) = host.list_variables(session_id="s")
    assert listed.updated_at == clock.now()


def test_the_variables_of_a_session_end_with_it() -> None:
    host = EmbeddedHost()
    sessions = SessionManager(host, on_end=[host.forget_session])
    session = sessions.get_or_create("s")
    session.set_variable("x", 1)

    sessions.end("s")

    with pytest.raises(VariableError):
        host.get_variable(session_id="s", name="x")


async def test_a_search_through_a_text_does_not_block_the_loop() -> None:
    """The clock is read on the thread that checks the value."""
    threads = list[int]()

    class Witness(FakeClock):
        def now(self) -> datetime:
            threads.append(threading.get_ident())
            return super().now()

    host = EmbeddedHost(clock=Witness())

    async def set_to(value: str, **more: Any) -> int:
        return await host.aset_variable(session_id="s", name="x", value=value, **more)

    assert await set_to("aa", type="string", constraints={"pattern": "^a+$"}) == 1
    assert await set_to("a") == 2
    with pytest.raises(InvalidArgumentError):
        await set_to("b")
    assert threading.get_ident() not in threads

    assert await set_to("b", constraints={}) == 3
    assert threads[-1] == threading.get_ident()


def test_the_parameters_of_an_offered_function_are_told() -> None:
    host = EmbeddedHost()
    host.offer(double)

    (tool,) = host.list_tools(session_id="s")

    assert tool.schema["properties"] == {"x": {"type": "integer"}}
    assert tool.schema["required"] == ["x"]


def test_what_workers_have_told_of_a_session_ends_with_it() -> None:
    host = EmbeddedHost()
    host.worker_tools.register("s", [WorkerTool(name="a", worker_id="w")])

    host.forget_session("s")

    assert host.worker_tools.listed("s") == []
