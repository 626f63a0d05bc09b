"""What every host does for those who call it, whichever runtime it stands for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import inf, nan
from typing import Any, Protocol

import pytest

from snakepit_bridge.errors import (
    ErrorCode,
    HostToolError,
    InvalidArgumentError,
    VariableError,
    VersionConflictError,
)
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.session.host import HostRuntime, HostTool
from snakepit_bridge.testing import EmbeddedHost
from tests.integration.host_double import host_double
from tests.integration.hosted import hosted


class Tool(Protocol):
    """What a host is asked to offer."""

    def __call__(self, **arguments: Any) -> Any:
        """Run it."""


OpenHost = Callable[[Mapping[str, Tool]], AbstractAsyncContextManager[HostRuntime]]
"""Opens a host that offers these tools by their names, described by their docstrings."""


@asynccontextmanager
async def _embedded(tools: Mapping[str, Tool]) -> AsyncIterator[HostRuntime]:
    host = EmbeddedHost()
    for name, tool in tools.items():
        host.offer(tool, HostTool(name=name, description=tool.__doc__ or ""))
    yield host


@asynccontextmanager
async def _over_grpc(tools: Mapping[str, Tool]) -> AsyncIterator[HostRuntime]:
    with host_double() as double:
        for name, tool in tools.items():
            double.offer(name, tool)
        async with BridgeClient(double.address) as client:
            yield client


@asynccontextmanager
async def _another_bridge(tools: Mapping[str, Tool]) -> AsyncIterator[HostRuntime]:
    async with hosted() as bridge:
        for name, tool in tools.items():
            bridge.host.offer(tool, HostTool(name=name, description=tool.__doc__ or ""))
        async with BridgeClient(bridge.address) as client:
            yield client


HOSTS: dict[str, OpenHost] = {
    "embedded": _embedded,
    "over gRPC": _over_grpc,
    "another bridge": _another_bridge,
}

Call = Callable[..., Awaitable[Any]]
"""Calls a method of the host by its plain name."""


def _describe(**arguments: Any) -> dict[str, Any]:
    """Tells what it was given."""
    return {"given": arguments}


def _fail(**arguments: Any) -> None:
    text = f"no such vase: {arguments['name']}"
    raise LookupError(text)


@pytest.fixture(params=HOSTS)
async def host(request: pytest.FixtureRequest) -> AsyncIterator[HostRuntime]:
    async with (
        asyncio.timeout(5),
        HOSTS[request.param]({"describe": _describe, "fail": _fail}) as it,
    ):
        yield it


@pytest.fixture(params=["from a thread", "from the loop"])
def call(request: pytest.FixtureRequest, host: HostRuntime) -> Call:
    """Either twin: both answer alike."""

    async def from_thread(method: str, **arguments: Any) -> Any:
        return await asyncio.to_thread(getattr(host, method), session_id="s", **arguments)

    async def from_loop(method: str, **arguments: Any) -> Any:
        return await getattr(host, f"a{method}")(session_id="s", **arguments)

    return from_thread if request.param == "from a thread" else from_loop


def test_a_host_says_in_a_word_what_it_is(host: HostRuntime) -> None:
    assert host.state
    assert host.variables_live_in


# --- tools ------------------------------------------------------------------------------------


async def test_a_tool_gets_its_arguments_by_name_and_answers(call: Call) -> None:
    arguments = {"text": "ö", "number": 1, "nothing": None, "rows": [{"a": 0.5}, True]}

    answer = await call("call_tool", tool_name="describe", args=arguments)

    assert answer == {"given": arguments}


async def test_a_tool_may_be_called_without_arguments(call: Call) -> None:
    assert await call("call_tool", tool_name="describe", args={}) == {"given": {}}


async def test_the_tools_are_listed_with_their_descriptions(call: Call) -> None:
    listed = await call("list_tools")

    told = {tool.name: tool.description for tool in listed}
    assert all(isinstance(tool, HostTool) for tool in listed)
    assert told == {"describe": "Tells what it was given.", "fail": ""}


async def test_a_tool_the_host_does_not_have_is_named(call: Call) -> None:
    with pytest.raises(HostToolError, match="no_such_tool") as caught:
        await call("call_tool", tool_name="no_such_tool", args={})

    assert caught.value.code is ErrorCode.HOST_TOOL_FAILED


async def test_a_tool_that_raises_says_what(call: Call) -> None:
    with pytest.raises(HostToolError, match="no such vase: blue") as caught:
        await call("call_tool", tool_name="fail", args={"name": "blue"})

    assert caught.value.code is ErrorCode.HOST_TOOL_FAILED


# --- variables --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, 7, 0.5, "ö", [1, [2]], {"a": {"b": None}}])
async def test_a_variable_has_the_value_it_was_given(call: Call, value: Any) -> None:
    await call("set_variable", name="x", value=value)

    answer = await call("get_variable", name="x")

    assert repr(answer) == repr(value)


@pytest.mark.parametrize("value", [inf, -inf, nan, 2**80, -(2**63) - 1, "NaN", "", "\n\u2028"])
async def test_no_number_and_no_text_is_changed_on_its_way(call: Call, value: Any) -> None:
    await call("set_variable", name="x", value=value)

    assert repr(await call("get_variable", name="x")) == repr(value)


async def test_names_may_be_any_text(call: Call) -> None:
    names = ["a b", "model/ä:1", "[x]*", "\u4f60\u597d"]
    for name in names:
        await call("set_variable", name=name, value=name)

    assert [await call("get_variable", name=name) for name in names] == names
    assert [each.name for each in await call("list_variables")] == sorted(names)


async def test_each_change_counts_the_version_up_from_one(call: Call) -> None:
    assert [await call("set_variable", name="x", value=number) for number in (5, 6)] == [1, 2]


async def test_an_unknown_variable_is_named(call: Call) -> None:
    with pytest.raises(VariableError, match="no_such_variable") as caught:
        await call("get_variable", name="no_such_variable")

    assert caught.value.code is ErrorCode.VARIABLE_NOT_FOUND


async def test_a_value_is_set_only_over_the_expected_version(call: Call) -> None:
    await call("set_variable", name="x", value="first", expected_version=0)
    await call("set_variable", name="x", value="second", expected_version=1)

    with pytest.raises(VersionConflictError) as caught:
        await call("set_variable", name="x", value="late", expected_version=1)

    assert caught.value.code is ErrorCode.VERSION_CONFLICT
    assert await call("get_variable", name="x") == "second"


async def test_a_declared_type_is_kept(call: Call) -> None:
    await call("set_variable", name="x", value=1, type="float", constraints={"max": 2})

    for wrong in ("hot", 3):
        with pytest.raises(InvalidArgumentError) as caught:
            await call("set_variable", name="x", value=wrong)
        assert caught.value.code is ErrorCode.INVALID_ARGUMENT

    assert repr(await call("get_variable", name="x")) == "1.0"


async def test_variables_are_listed_by_shell_pattern(call: Call) -> None:
    for name in ("model_b", "model_a", "other"):
        await call("set_variable", name=name, value="v")

    listed = await call("list_variables", pattern="model_*")

    assert [(each.name, each.type, each.version) for each in listed] == [
        ("model_a", "string", 1),
        ("model_b", "string", 1),
    ]
    assert [each.name for each in await call("list_variables")] == ["model_a", "model_b", "other"]


async def test_a_deleted_variable_is_gone(call: Call) -> None:
    await call("set_variable", name="x", value=1)

    assert await call("delete_variable", name="x") is True
    assert await call("delete_variable", name="x") is False
    with pytest.raises(VariableError):
        await call("get_variable", name="x")


async def test_a_deleted_variable_begins_anew(call: Call) -> None:
    for value in ("first", "second"):
        await call("set_variable", name="x", value=value)
    await call("delete_variable", name="x")

    with pytest.raises(VersionConflictError):
        await call("set_variable", name="x", value="third", expected_version=2)
    assert await call("set_variable", name="x", value=3, expected_version=0) == 1
    assert await call("get_variable", name="x") == 3


async def test_a_variable_that_would_not_fit_is_not_created(call: Call) -> None:
    with pytest.raises(InvalidArgumentError):
        await call("set_variable", name="x", value=1, type="float", constraints={"max": 0})

    assert await call("list_variables") == []


async def test_a_session_sees_its_own_variables_only(host: HostRuntime) -> None:
    await host.aset_variable(session_id="mine", name="x", value=1)

    assert await host.alist_variables(session_id="theirs") == []
    with pytest.raises(VariableError):
        await host.aget_variable(session_id="theirs", name="x")
