from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.errors import PoolFullError
from snakepit_bridge.grpc import bridge_tools as rpcs
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.session.tool_calls import MAX_THREADS

TEXT_LABEL = "type.googleapis.com/google.protobuf.StringValue"


@pytest.fixture
async def host() -> AsyncIterator[EmbeddedHost]:
    async with asyncio.timeout(5):
        yield EmbeddedHost()


async def _execute(
    host: EmbeddedHost, tool: str, **parameters: str | bytes | WireValue
) -> pb.ExecuteElixirToolResponse:
    def wired(value: str | bytes | WireValue) -> WireValue:
        if isinstance(value, WireValue):
            return value
        return WireValue(value=value.encode() if isinstance(value, str) else value)

    return await rpcs.execute(
        host,
        pb.ExecuteElixirToolRequest(
            session_id="s",
            tool_name=tool,
            parameters={name: wired(value) for name, value in parameters.items()},
        ),
    )


# --- what there is ------------------------------------------------------------------------------


def test_a_tool_is_told_with_its_parameters() -> None:
    def greet(name: str, times: int = 2, tags: list[str] | None = None) -> None:
        """Greet somebody."""
        raise NotImplementedError

    host = EmbeddedHost()
    host.offer(greet)

    (tool,) = rpcs.exposed_tools(host, "s").tools

    assert (tool.name, tool.description) == ("greet", "Greet somebody.")
    told = {each.name: each for each in tool.parameters}
    assert [(each.name, each.type, each.required) for each in tool.parameters] == [
        ("name", "string", True),
        ("times", "integer", False),
        ("tags", "any", False),
    ]
    assert told["times"].default_value.value == b"2"
    assert told["tags"].default_value.value == b"null"
    assert not told["name"].HasField("default_value")
    assert all(each.validation_json == "{}" for each in tool.parameters)


def test_the_rest_of_a_schema_is_told_as_validation() -> None:
    schema = {
        "properties": {
            "x": {"type": "number", "minimum": 0, "description": "How hot."},
            "y": {"type": ["string", "null"]},
            "z": True,
            "odd": {"type": "object", "default": "\ud800", "maximum": 1},
        },
        "required": ["y"],
    }
    host = EmbeddedHost()
    host.offer(lambda: None, HostTool(name="heat", schema=schema))

    (tool,) = rpcs.exposed_tools(host, "s").tools

    told = {each.name: each for each in tool.parameters}
    assert (told["x"].type, told["x"].description) == ("float", "How hot.")
    assert json.loads(told["x"].validation_json) == {"minimum": 0}
    assert (told["y"].type, told["y"].required, told["z"].type) == ("any", True, "any")
    assert told["odd"].type == "map"
    assert not told["odd"].HasField("default_value")


def test_a_session_hears_of_its_own_tools() -> None:
    host = EmbeddedHost()
    host.offer(lambda: None, HostTool(name="mine"), session_id="s")

    assert [each.name for each in rpcs.exposed_tools(host, "s").tools] == ["mine"]
    assert len(rpcs.exposed_tools(host, "other").tools) == 0


# --- calls --------------------------------------------------------------------------------------


async def test_a_tool_gets_values_of_every_kind(host: EmbeddedHost) -> None:
    host.offer(lambda **arguments: arguments, HostTool(name="echo"))
    text = WireValue(type_url=TEXT_LABEL, value='"ö"'.encode())
    special = WireValue(type_url="type.googleapis.com/snakepit.float", value=b'"NaN"')

    answer = await _execute(
        host, "echo", text=text, special=special, number="42", nothing="null", rows='[{"a": 0.5}]'
    )

    assert answer.success
    assert json.loads(answer.result.value) == {
        "text": "ö",
        "special": "NaN",
        "number": 42,
        "nothing": None,
        "rows": [{"a": 0.5}],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, b"null"), (42, b"42"), (1.5, b"1.5"), ("a", b'"a"'), ((1, 2), b"[1,2]")],
)
async def test_a_result_keeps_its_kind_under_a_label_that_adds_nothing(
    host: EmbeddedHost, value: Any, text: bytes
) -> None:
    host.offer(lambda: value, HostTool(name="give"))

    answer = await _execute(host, "give")

    assert answer.result.value == text
    assert answer.result.type_url == TEXT_LABEL
    assert answer.binary_result == b""
    assert answer.metadata["execution_time"] == str(answer.execution_time_ms)


async def test_bytes_come_as_they_are(host: EmbeddedHost) -> None:
    host.offer(lambda: b"\x00\xff", HostTool(name="give"))

    answer = await _execute(host, "give")

    assert (answer.result.value, answer.binary_result) == (b"{}", b"\x00\xff")


async def test_an_async_tool_is_awaited(host: EmbeddedHost) -> None:
    async def give() -> int:
        return 42

    host.offer(give)

    assert (await _execute(host, "give")).result.value == b"42"


async def test_an_unknown_tool_is_an_answer_with_the_nearest_name(host: EmbeddedHost) -> None:
    host.offer(lambda: None, HostTool(name="double"))

    answer = await _execute(host, "doubel")

    assert not answer.success
    assert answer.error_message == ("Tool doubel not found for session s. Did you mean 'double'?")


async def test_what_a_tool_raises_is_an_answer(host: EmbeddedHost) -> None:
    def divide(x: float) -> float:
        return 1 / x

    host.offer(divide)

    answer = await _execute(host, "divide", x="0")

    assert not answer.success
    assert answer.error_message.startswith("Tool execution failed: ")
    assert "ZeroDivisionError: division by zero" in answer.error_message


async def test_a_talkative_failure_is_cut(host: EmbeddedHost) -> None:
    def fail() -> None:
        raise ValueError("x" * 1_000_000)

    host.offer(fail)

    assert len((await _execute(host, "fail")).error_message) <= rpcs.MAX_MESSAGE


async def test_a_result_that_cannot_travel_is_an_answer(host: EmbeddedHost) -> None:
    host.offer(lambda: {1: "a", "1": "b"}, HostTool(name="give"))

    answer = await _execute(host, "give")

    assert not answer.success
    assert "several keys" in answer.error_message


async def test_parameters_that_cannot_be_read_are_named(host: EmbeddedHost) -> None:
    host.offer(lambda **arguments: arguments, HostTool(name="echo"))

    answer = await _execute(host, "echo", fine="1", wrong="{", empty="")

    assert not answer.success
    assert answer.error_message.startswith("Invalid parameter: ")
    assert "'wrong'" in answer.error_message
    assert "'empty'" in answer.error_message
    assert "'fine'" not in answer.error_message


async def test_a_host_with_too_much_to_do_says_so(host: EmbeddedHost) -> None:
    arrived, leave = asyncio.Semaphore(0), asyncio.Event()
    loop = asyncio.get_running_loop()

    def block() -> None:
        loop.call_soon_threadsafe(arrived.release)
        asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(5)

    host.offer(block)
    async with asyncio.TaskGroup() as group:
        for _ in range(MAX_THREADS):
            group.create_task(_execute(host, "block"))
        for _ in range(MAX_THREADS):
            await arrived.acquire()

        with pytest.raises(PoolFullError):
            await _execute(host, "block")
        leave.set()


# --- registration -------------------------------------------------------------------------------


def _registration(*names: str, worker_id: str = "w1") -> pb.RegisterToolsRequest:
    return pb.RegisterToolsRequest(
        session_id="s",
        worker_id=worker_id,
        tools=[
            pb.ToolRegistration(name=name, description="It works.", metadata={"module": "m"})
            for name in names
        ],
    )


async def test_the_tools_of_a_worker_are_kept(host: EmbeddedHost) -> None:
    answer = await rpcs.register(host, _registration(" a ", "b"))

    assert answer.success
    assert dict(answer.tool_ids) == {"a": "s:a", "b": "s:b"}
    first, _ = host.worker_tools.listed("s")
    assert (first.name, first.worker_id, first.description) == ("a", "w1", "It works.")
    assert first.metadata == {"module": "m"}


async def test_a_refused_registration_says_why_in_the_answer(host: EmbeddedHost) -> None:
    await rpcs.register(host, _registration("a"))

    taken = await rpcs.register(host, _registration("a", worker_id="w2"))
    wrong = await rpcs.register(host, _registration("a b"))

    assert not taken.success
    assert "duplicate_tool" in taken.error_message
    assert not wrong.success
    assert "'a b' is not possible" in wrong.error_message
