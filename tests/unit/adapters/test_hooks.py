from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import pytest

from snakepit_bridge.adapters.base import BaseAdapter, tool
from snakepit_bridge.adapters.hooks import hooks_of


class Plain:
    @tool()
    def shout(self, text: str) -> str:
        raise NotImplementedError

    @tool()
    async def whisper(self, text: str) -> str:
        raise NotImplementedError

    @tool()
    async def murmur(self, text: str) -> AsyncIterator[str]:
        raise NotImplementedError
        yield


def test_a_plain_class_has_its_marked_methods_and_no_hooks() -> None:
    hooks = hooks_of(Plain)

    assert hooks.name == "Plain"
    assert hooks.cls is Plain
    assert hooks.lifetime == "request"
    assert hooks.tools_on_loop == {"murmur": True, "shout": False, "whisper": True}
    assert not hooks.takes_context
    assert not hooks.initializes
    assert not hooks.cleans_up
    assert not hooks.hears_session_ends
    assert not hooks.answers_itself
    assert not hooks.answers_on_loop


def test_inherited_hooks_count() -> None:
    class Complete(BaseAdapter):
        def initialize(self) -> None:
            raise NotImplementedError

        async def cleanup(self) -> None:
            raise NotImplementedError

        @classmethod
        def on_session_end(cls, session_id: str) -> None:
            raise NotImplementedError

    class Child(Complete):
        @tool()
        def work(self) -> None:
            raise NotImplementedError

    hooks = hooks_of(Child)

    assert hooks.takes_context
    assert hooks.initializes
    assert hooks.cleans_up
    assert hooks.hears_session_ends
    assert not hooks.answers_itself


def test_an_execute_tool_of_its_own_answers_for_all_tools() -> None:
    class Sync:
        def execute_tool(self, tool_name: str, arguments: Any, context: Any) -> Any:
            raise NotImplementedError

    class Async(BaseAdapter):
        async def execute_tool(self, tool_name: str, arguments: Any, context: Any) -> Any:
            raise NotImplementedError

    class Streaming:
        async def execute_tool(self, tool_name: str, arguments: Any, context: Any) -> Any:
            raise NotImplementedError
            yield

    found = [hooks_of(cls) for cls in (Sync, Async, Streaming)]

    assert [hooks.answers_itself for hooks in found] == [True, True, True]
    assert [hooks.answers_on_loop for hooks in found] == [False, True, True]


def test_plain_code_around_async_code_may_block_and_belongs_on_a_thread() -> None:
    """What it wraps was once looked at instead, and then it blocked the loop."""

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        return call

    class Logged:
        @tool()
        @logged
        async def work(self) -> None:
            raise NotImplementedError

    assert hooks_of(Logged).tools_on_loop == {"work": False}


@pytest.mark.defect("D8")
def test_an_adapter_that_nobody_could_call_is_refused() -> None:
    class Idle(BaseAdapter):
        def work(self) -> None:
            raise NotImplementedError

    with pytest.raises(TypeError, match=r"Idle has no tools: mark its methods with @tool\(\)"):
        hooks_of(Idle)


@pytest.mark.parametrize("lifetime", ["request", "session", "process"])
def test_a_class_says_how_long_its_objects_live(lifetime: str) -> None:
    class Living(Plain):
        adapter_lifetime: ClassVar[str] = lifetime

    class Child(Living):
        pass

    assert hooks_of(Child).lifetime == lifetime


@pytest.mark.parametrize("lifetime", ["forever", "", None, 1])
def test_a_lifetime_that_does_not_exist_is_refused(lifetime: object) -> None:
    class Living(Plain):
        adapter_lifetime: ClassVar[object] = lifetime

    with pytest.raises(TypeError, match=r"Living\.adapter_lifetime is .*, not one of 'request', "):
        hooks_of(Living)


def test_looking_runs_no_code_of_the_class() -> None:
    class Touchy(Plain):
        def __init__(self) -> None:
            raise AssertionError

        @property
        def costly(self) -> object:
            raise AssertionError

    assert not hooks_of(Touchy).cleans_up
