from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

import snakepit_bridge.session.context as sessions
from snakepit_bridge.engine import inline_engine
from snakepit_bridge.errors import (
    CommandDeadlineError,
    HandlerFailedError,
    HostToolError,
    InvalidArgumentError,
    Outcome,
)
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing import EmbeddedHost

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session as OnlyForTypes


def double(x: int, times: int = 1) -> int:
    """Twice as much.

    Or even more.
    """
    return x << times


class Bridge:
    """The ``tool.*`` commands over an embedded host, unless another one is given."""

    def __init__(self, host: Any = None) -> None:
        self.host = EmbeddedHost() if host is None else host
        self.tools = ToolHandler()
        registry = HandlerRegistry()
        registry.register(self.tools)
        self.handler = CommandHandler(registry, SessionManager(self.host))

    def __call__(self, name: str, **args: Any) -> Any:
        return self.handler.execute("s", "tool.call", {"name": name, "args": args})

    def listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.handler.execute("s", "tool.list", {})
        return listed


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


# --- Python's side ----------------------------------------------------------------------------


def test_a_function_is_called_with_its_arguments_by_name(bridge: Bridge) -> None:
    bridge.tools.register(double)

    assert bridge("double", x=21) == 42
    assert bridge("double", times=2, x=21) == 84


def test_every_wrong_argument_is_named_before_the_function_runs(bridge: Bridge) -> None:
    def never(x: int, y: str) -> None:
        raise NotImplementedError

    bridge.tools.register(never)

    with pytest.raises(InvalidArgumentError) as caught:
        bridge("never", x="1", z=2)

    assert set(caught.value.details["arguments"]) == {"x", "y", "z"}
    assert "'never'" in caught.value.message


def test_a_function_with_a_double_star_takes_the_rest(bridge: Bridge) -> None:
    def collect(first: int, **rest: Any) -> dict[str, Any]:
        return {"first": first, **rest}

    bridge.tools.register(collect)

    assert bridge("collect", first=1, second=[2]) == {"first": 1, "second": [2]}


def test_a_method_is_a_tool_like_any_other(bridge: Bridge) -> None:
    class Shop:
        def price(self, *, thing: str) -> int:
            return len(thing)

    bridge.tools.register(Shop().price)

    assert bridge("price", thing="vase") == 4


def test_a_wrapped_function_keeps_its_parameters(bridge: Bridge) -> None:
    @functools.wraps(double)
    def wrapper(*args: Any, **kwargs: Any) -> int:
        return double(*args, **kwargs) + 1

    bridge.tools.register(wrapper)

    assert bridge("double", x=1) == 3
    with pytest.raises(InvalidArgumentError, match="'x' is missing"):
        bridge("double")


def test_a_function_may_be_offered_under_another_name_and_description(bridge: Bridge) -> None:
    bridge.tools.register(lambda x: x + x, name="twice", description="Says it twice.")

    assert bridge("twice", x="ha") == "haha"
    assert [(each["name"], each["description"]) for each in bridge.listed()] == [
        ("twice", "Says it twice.")
    ]


def test_registering_works_as_a_decorator(bridge: Bridge) -> None:
    @bridge.tools.register
    def triple(x: int) -> int:
        return 3 * x

    assert triple(1) == bridge("triple", x=1) == 3


def test_what_a_function_raises_is_a_failure_of_the_command(bridge: Bridge) -> None:
    def fail() -> None:
        raise OSError("no disk")

    bridge.tools.register(fail)

    with pytest.raises(HandlerFailedError, match="no disk") as caught:
        bridge("fail")
    assert caught.value.foreign_type == "OSError"


# --- the session ------------------------------------------------------------------------------


def test_a_function_that_asks_for_the_session_gets_it(bridge: Bridge) -> None:
    def whose(session: Session, greeting: str = "of") -> str:
        return f"{greeting} {session.id}"

    def by_module(*, where: sessions.Session) -> str:
        return where.id

    def for_types(me: OnlyForTypes) -> str:
        return me.id

    def without_quotes(x: int, of: Any) -> str:
        return f"{of.id}{x}"

    without_quotes.__annotations__["of"] = Session
    bridge.tools.register(whose)
    bridge.tools.register(by_module)
    bridge.tools.register(without_quotes)

    assert bridge("whose", greeting="hi") == "hi s"
    assert bridge("by_module") == "s"
    assert bridge("without_quotes", x=1) == "s1"
    with pytest.raises(TypeError, match="OnlyForTypes"):
        bridge.tools.register(for_types)


def test_a_name_that_exists_for_type_checkers_alone_is_taken_at_its_word(bridge: Bridge) -> None:
    scope: dict[str, Any] = {}
    source = "def whose(session: 'context.Session', again: 'int' = 1): return session.id"
    exec(source, scope)  # noqa: S102  (a module that imports Session for type checkers alone)
    bridge.tools.register(scope["whose"])

    assert bridge("whose") == "s"


def test_the_session_is_no_argument(bridge: Bridge) -> None:
    def whose(session: Session) -> str:
        return session.id

    bridge.tools.register(whose)

    assert bridge.listed()[0]["schema"]["properties"] == {}
    with pytest.raises(InvalidArgumentError, match="'session' is unknown"):
        bridge("whose", session="other")


def test_a_class_of_somebody_else_called_session_is_refused(bridge: Bridge) -> None:
    scope: dict[str, Any] = {}
    exec("class Session: ...\ndef whose(session: 'Session'): ...", scope)  # noqa: S102

    with pytest.raises(TypeError, match="no value from a wire can become session"):
        bridge.tools.register(scope["whose"])


# --- what cannot be a tool --------------------------------------------------------------------


def test_a_name_is_given_once(bridge: Bridge) -> None:
    bridge.tools.register(double)

    with pytest.raises(ValueError, match=r"(?s)'double' is double in .* not .*<lambda>"):
        bridge.tools.register(lambda: None, name="double")


def _by_position(x: int, /) -> None:
    raise NotImplementedError


def _all(*values: int) -> None:
    raise NotImplementedError


def _items() -> Iterator[int]:
    yield 1


async def _async_items() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (len, "a function or a method with annotations"),
        (functools.partial(double, 1), "no name of its own"),
        (_by_position, "takes x by position"),
        (_all, "takes values by position"),
        (_items, "yields, but a tool answers once"),
        (_async_items, "yields, but a tool answers once"),
        (lambda: None, "no name of its own"),
    ],
)
def test_what_cannot_be_called_by_name_is_refused(
    bridge: Bridge, function: Callable[..., Any], reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        bridge.tools.register(function)


# --- the host's side --------------------------------------------------------------------------


def test_a_tool_that_python_does_not_have_is_the_host_s(bridge: Bridge) -> None:
    bridge.host.offer(double)

    assert bridge("double", x=1) == 2


def test_of_two_tools_with_one_name_python_s_is_called(bridge: Bridge) -> None:
    bridge.host.offer(double)
    bridge.tools.register(lambda x: -x, name="double")

    assert bridge("double", x=1) == -1


def test_a_tool_of_neither_side_is_answered_with_the_nearest_of_both(bridge: Bridge) -> None:
    bridge.tools.register(double)
    bridge.host.offer(double, HostTool(name="halve"))

    with pytest.raises(HostToolError) as of_python:
        bridge("doubel")
    with pytest.raises(HostToolError) as of_host:
        bridge("halv")

    assert of_python.value.hint == "Did you mean 'double'?"
    assert of_host.value.hint == "Did you mean 'halve'?"


def test_a_failing_tool_of_the_host_is_not_taken_for_an_unknown_one(bridge: Bridge) -> None:
    def doubel() -> None:
        raise OSError("no disk")

    bridge.tools.register(double)
    bridge.host.offer(doubel)

    with pytest.raises(HostToolError, match="no disk"):
        bridge("doubel")


def test_the_tools_of_both_sides_are_listed(bridge: Bridge) -> None:
    bridge.tools.register(double)
    bridge.host.offer(double, HostTool(name="halve", schema={"type": "object"}))

    ours, theirs = bridge.listed()

    assert (ours["name"], ours["side"], ours["description"]) == (
        "double",
        "python",
        "Twice as much.",
    )
    assert ours["schema"]["required"] == ["x"]
    assert theirs == {
        "name": "halve",
        "description": "",
        "schema": {"type": "object"},
        "side": "host",
    }


def test_a_double_in_the_place_of_the_host_lists_nothing() -> None:
    host = Mock()
    bridge = Bridge(host)
    bridge.tools.register(double)
    assert [each["name"] for each in bridge.listed()] == ["double"]

    host.list_tools.return_value = [HostTool(name="real"), "not a tool"]

    assert [each["name"] for each in bridge.listed()] == ["double", "real"]


# --- where tools run --------------------------------------------------------------------------


async def _run(bridge: Bridge, *calls: Command) -> list[Any]:
    async with asyncio.timeout(5), inline_engine(max_threads=4) as engine:
        handler = bridge.handler.on_engine(engine)
        results = await asyncio.gather(*(handler.run(call) for call in calls))
    return [result.value for result in results]


def _command(name: str, **more: Any) -> Command:
    return Command(name="tool.call", args={"name": name, "args": {}}, session_id="s", **more)


async def test_plain_tools_run_together_on_threads(bridge: Bridge) -> None:
    both_inside = threading.Barrier(2)

    def meet() -> int:
        both_inside.wait(5)
        return threading.get_ident()

    bridge.tools.register(meet)

    threads = await _run(bridge, _command("meet"), _command("meet"))

    assert len({*threads, threading.get_ident()}) == 3


async def test_an_async_tool_runs_to_its_end(bridge: Bridge) -> None:
    async def whose(session: Session) -> str:
        await asyncio.sleep(0)
        await session.aset_variable("x", 1)
        return session.id

    bridge.tools.register(whose)

    assert await _run(bridge, _command("whose")) == ["s"]


async def test_an_async_tool_ends_when_its_command_does(bridge: Bridge) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    bridge.tools.register(never)

    with pytest.raises(CommandDeadlineError) as caught:
        await _run(bridge, _command("never", timeout_s=0.01))
    assert caught.value.outcome is Outcome.STOPPED


async def test_an_async_tool_ends_when_nobody_waits_any_more(bridge: Bridge) -> None:
    loop, begun, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    async def never() -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    bridge.tools.register(never)

    async with asyncio.timeout(5), inline_engine(max_threads=1) as engine:
        call = asyncio.create_task(bridge.handler.on_engine(engine).run(_command("never")))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(ended.wait, 5)
        assert engine.load().abandoned == 0
