from __future__ import annotations

import os
from typing import Any, ClassVar

import pytest

from snakepit_bridge.adapters.base import tools_of
from snakepit_bridge.adapters.showcase import ShowcaseAdapter
from snakepit_bridge.adapters.showcase.toolbox import Toolbox
from tests.unit.adapters.showcase.request import Request, no_wait


class Unhurried(ShowcaseAdapter):
    """Its tools wait for nothing, its sessions are its own."""

    toolbox: ClassVar[Toolbox] = Toolbox(no_wait)


def _call(tool_name: str, /, **arguments: Any) -> Any:
    """One request, as the worker makes it."""
    adapter = Unhurried()
    request = Request()
    adapter.set_session_context(request)
    return adapter.execute_tool(tool_name=tool_name, arguments=arguments, context=request)


def test_the_tools_that_elixir_gets_to_know_are_those_of_snakepit() -> None:
    assert list(tools_of(ShowcaseAdapter)) == [
        "adapter_info",
        "basic_add",
        "basic_echo",
        "call_elixir_demo",
        "concurrent_demo",
        "echo",
        "get_stats",
        "ml_analyze_text",
        "process_binary",
        "process_text",
        "stream_data",
    ]


def test_elixir_gets_to_know_what_a_tool_needs() -> None:
    tools = tools_of(ShowcaseAdapter)

    assert tools["call_elixir_demo"].required_variables == ["elixir_tools_enabled"]
    assert [name for name, told in tools.items() if told.supports_streaming] == ["stream_data"]
    assert all(told.description for told in tools.values())


@pytest.mark.defect("D41")
def test_the_tools_are_made_once_for_all_requests() -> None:
    assert ShowcaseAdapter().toolbox is ShowcaseAdapter().toolbox


def test_a_call_is_answered_by_the_function_of_that_name() -> None:
    assert _call("echo", a=1) == {"echoed": {"a": 1}}


@pytest.mark.parametrize("name", ["tool_name", "arguments", "context", "self"])
def test_echo_takes_arguments_of_any_name(name: str) -> None:
    assert _call("echo", **{name: 1}) == {"echoed": {name: 1}}


def test_a_call_is_else_answered_by_the_tool_of_that_name() -> None:
    assert _call("basic_add", a=2, b=3) == 5
    assert _call("basic_echo", message="hello") == "hello"


@pytest.mark.defect("D25")
@pytest.mark.parametrize("name", ["toolbox", "get_tools", "on_session_end", "__class__", "nothing"])
def test_a_call_reaches_nothing_that_is_no_tool(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        _call(name)


@pytest.mark.defect("D26")
def test_a_session_outlives_the_requests() -> None:
    _call("set_counter", value=41)
    _call("increment_counter")

    assert _call("get_counter") == {"value": 42}
    Unhurried.on_session_end("a")
    assert _call("get_counter") == {"value": 0}


def test_cleaning_up_is_a_tool() -> None:
    assert _call("cleanup").keys() == {"duration_ms", "command_count"}


def test_a_tool_of_elixir_is_called_with_the_arguments_that_remain() -> None:
    answer = _call("call_elixir_demo", tool_name="price_of", item="tea")

    assert answer == {
        "tool_name": "price_of",
        "parameters": {"item": "tea"},
        "result": ["price_of", {"item": "tea"}],
        "success": True,
    }


@pytest.mark.defect("D50")
def test_the_tools_that_once_failed_answer() -> None:
    assert _call("concurrent_demo", task_count=2, delay_ms=0)["success"]
    assert _call("process_binary", data=b"abc", operation="size")["result"] == 3
    assert _call("ml_analyze_text", text="Great tea!")["sentiment"] == "positive"


def test_a_text_is_processed_in_capitals_by_default() -> None:
    assert _call("process_text", text="tea")["result"] == "TEA"


@pytest.mark.defect("D50")
def test_the_adapter_tells_of_itself_without_waiting_to_see() -> None:
    stats = _call("get_stats")

    assert stats["adapter"] == {
        "name": "ShowcaseAdapter",
        "version": "2.0.0",
        "registered_tools": 12,
        "session_id": "a",
    }
    assert stats["system"].keys() == {"timestamp", "pid", "memory_usage_mb", "cpu_percent"}
    assert stats["system"]["pid"] == os.getpid()
    assert stats["success"] is True


def test_a_tool_with_a_function_of_its_name_does_the_same() -> None:
    adapter = Unhurried()
    adapter.set_session_context(Request())

    assert adapter.adapter_info() == _call("adapter_info")
    assert adapter.echo(a=1) == _call("echo", a=1)
    assert list(adapter.stream_data(count=2, delay=0)) == list(_call("stream_data", count=2))
