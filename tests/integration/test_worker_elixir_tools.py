"""A real worker that calls Elixir: tools of Elixir, registration, what travels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.testing.elixir import (
    BinaryResult,
    ElixirError,
    ElixirThrow,
    FakeElixirHost,
    FakeWorkerHandle,
    HeartbeatRules,
)
from snakepit_bridge.testing.elixir.json_rules import wire_value
from tests.integration.field_worker import registered, spawn_field
from tests.integration.golden import assert_golden

CORRELATION_ID = "sp-0123456789abcdef01234567"


def _nothing(_: dict[str, Any]) -> None:
    """A tool that does nothing."""


def _break(_: dict[str, Any]) -> None:
    raise LookupError("no such vase")


def _throw(_: dict[str, Any]) -> None:
    raise ElixirThrow("away")


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeElixirHost, FakeWorkerHandle]]:
    with FakeElixirHost() as host:
        host.tool("same", lambda args: args["value"])
        host.tool("image", lambda _: BinaryResult(b"\x89PNG", {"width": 3}))
        host.tool("large", lambda _: "x" * 6_000_000)
        host.tool("break", _break)
        host.tool("throw", _throw)
        host.tool("nothing", _nothing)
        host.tool("hidden", _nothing, exposed=False)
        host.tool(
            "search",
            _nothing,
            description="Finds things.",
            parameters=[
                {"name": "query", "type": "string", "description": "What.", "required": True},
                {"name": "limit", "type": "integer", "default": 10},
            ],
        )
        yield host, spawn_field(host)


@pytest.fixture
def host(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeElixirHost:
    return shared[0]


@pytest.fixture
def worker(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> Iterator[FakeWorkerHandle]:
    yield shared[1]
    assert shared[1].dead == "", "the worker outlives every test"


@pytest.fixture(params=["ask", "aask"])
def ask(request: pytest.FixtureRequest) -> str:
    """The tool that asks Elixir: a plain one, and an ``async`` one."""
    tool: str = request.param
    return tool


def _asked(tool_name: str, **args: Any) -> dict[str, Any]:
    return {"tool_name": tool_name, "args": args}


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        True,
        42,
        10**29,
        0.5,
        pytest.param("hé", marks=pytest.mark.defect("D5")),
        pytest.param(None, marks=pytest.mark.defect("D5")),
        pytest.param([1, [None, "a"]], marks=pytest.mark.defect("D5")),
        pytest.param({"a": {"b": []}}, marks=pytest.mark.defect("D5")),
    ],
    ids=str,
)
def test_values_travel_to_elixir_and_back(
    worker: FakeWorkerHandle, ask: str, value: object
) -> None:
    assert worker.execute(ask, _asked("same", value=value)) == [
        type(value).__name__,
        repr(value),
    ]


@pytest.mark.defect("D5")
@pytest.mark.parametrize(
    ("name", "arrived"),
    [
        ("tuple", [1, 2]),
        ("datetime", "2026-01-11T10:30:00"),
        ("nested nan", ["NaN", {"x": "-Infinity"}]),
        ("numpy array", [[0, 1, 2], [3, 4, 5]]),
        ("dataclass", {"name": "blue", "height": 0.3}),
    ],
)
def test_what_python_has_beyond_json_travels_as_the_nearest_thing(
    worker: FakeWorkerHandle, name: str, arrived: object
) -> None:
    assert worker.execute("ask_value", {"tool_name": "same", "name": name}) == arrived


@pytest.mark.parametrize("name", ["set", "bytes", "object", "cycle"])
def test_what_has_no_such_form_is_refused_before_it_travels(
    host: FakeElixirHost, worker: FakeWorkerHandle, name: str
) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("ask_value", {"tool_name": "same", "name": name}, correlation_id=name)

    assert caught.value.kind == "exception"
    assert host.calls.matching(lambda call: _asks(call.rpc, call.request, "same", name)) == []


def _asks(rpc: str, request: Any, tool_name: str, correlation_id: str) -> bool:
    return (
        rpc == "ExecuteElixirTool"
        and request.tool_name == tool_name
        and request.metadata.get("correlation_id") == correlation_id
    )


@pytest.mark.defect("D6")
def test_bytes_of_elixir_arrive_as_bytes(worker: FakeWorkerHandle, ask: str) -> None:
    _, shown = worker.execute(ask, _asked("image"))

    assert shown == repr(b"\x89PNG")


@pytest.mark.defect("D22")
def test_a_large_answer_arrives_whole(worker: FakeWorkerHandle, ask: str) -> None:
    kind, shown = worker.execute(ask, _asked("large"))

    assert (kind, len(shown)) == ("str", 6_000_002)


@pytest.mark.parametrize("tool", ["ask_each", "aask_each"])
def test_a_stream_asks_for_each_of_its_items(worker: FakeWorkerHandle, tool: str) -> None:
    values = [1, "a", None, {"b": [2]}]

    chunks = list(worker.stream(tool, {"tool_name": "same", "values": values}))

    assert chunks == [
        {"data": 1, "is_final": False},
        {"data": "a", "is_final": False},
        {"data": None, "is_final": False},
        {"b": [2], "is_final": False},
        {"is_final": True},
    ]


# --- what is told of the tools ----------------------------------------------------------------


@pytest.mark.defect("D21")
def test_a_tool_sees_what_elixir_offers(worker: FakeWorkerHandle) -> None:
    offered = worker.execute("elixir_tools")

    assert set(offered) == {"same", "image", "large", "break", "throw", "nothing", "search"}
    search = offered["search"]
    assert (search["name"], search["description"]) == ("search", "Finds things.")
    assert set(search["parameters"]) == {"query", "limit"}
    assert search["parameters"]["query"]["required"] is True
    assert search["parameters"]["limit"]["type"] == "integer"


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["no_such_tool", "hidden"])
def test_a_tool_that_is_not_offered_is_named_with_those_that_are(
    worker: FakeWorkerHandle, ask: str, tool: str
) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute(ask, _asked(tool))

    assert caught.value.python_type == "ValueError"
    assert tool in caught.value.message
    assert "search" in caught.value.message


@pytest.mark.parametrize(("tool", "said"), [("break", "no such vase"), ("throw", "away")])
def test_what_elixir_says_went_wrong_is_a_runtime_error(
    worker: FakeWorkerHandle, ask: str, tool: str, said: str
) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute(ask, _asked(tool))

    assert caught.value.python_type == "RuntimeError"
    assert said in caught.value.message


@pytest.mark.defect("D22")
def test_elixir_is_asked_in_the_time_and_under_the_id_of_the_call(
    host: FakeElixirHost, worker: FakeWorkerHandle, ask: str
) -> None:
    before = len(host.calls)

    worker.execute(ask, _asked("nothing"), timeout_s=30, correlation_id=CORRELATION_ID)

    (call,) = [call for call in host.calls[before:] if call.rpc == "ExecuteElixirTool"]
    assert call.request.session_id == worker.session_id
    assert call.metadata["x-snakepit-correlation-id"] == CORRELATION_ID
    assert call.deadline_s is not None
    assert 0 < call.deadline_s < 31


def test_a_tool_that_waits_for_elixir_is_out_of_time_with_its_caller(
    host: FakeElixirHost, worker: FakeWorkerHandle, ask: str
) -> None:
    with host.hold("ExecuteElixirTool"):
        with pytest.raises(ElixirError) as caught:
            worker.execute(ask, _asked("nothing"), timeout_s=0.2)
        assert caught.value.kind == "timeout"
        assert worker.execute("echo", {"value": 1}) == 1


@pytest.mark.defect("D7")
def test_a_tool_that_waits_for_elixir_holds_up_nobody(
    host: FakeElixirHost, worker: FakeWorkerHandle, ask: str
) -> None:
    before = len(host.calls)
    with host.hold("ExecuteElixirTool"):
        waiting = worker.submit(ask, _asked("same", value=1))
        _wait_for_call(host, "ExecuteElixirTool", after=before)

        assert worker.execute("echo", {"value": 2}, concurrent=True) == 2
        assert worker.call("Ping", pb.PingRequest(message="m"), timeout_s=5)

    assert waiting.result(5) == ["int", "1"]


def _wait_for_call(host: FakeElixirHost, rpc: str, *, after: int) -> None:
    position = iter(range(1_000_000))
    host.calls.wait_for(lambda call: next(position) >= after and call.rpc == rpc)


def test_a_tool_waits_for_an_elixir_that_is_away_for_a_moment() -> None:
    with FakeElixirHost() as host:
        host.tool("same", lambda args: args["value"])
        worker = spawn_field(host)
        assert worker.execute("ask", _asked("same", value=1)) == ["int", "1"]

        host.stop_listening()
        asked = [worker.submit(tool, _asked("same", value=2)) for tool in ("ask", "aask")]
        host.listen_again()

        assert [future.result(10) for future in asked] == [["int", "2"]] * 2
        assert worker.dead == ""


@pytest.mark.defect("D54")
def test_a_tool_that_cleans_up_its_context_does_not_end_the_worker(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    worker.execute("clean_up")

    beat = worker.call("Heartbeat", pb.HeartbeatRequest(session_id=worker.session_id))
    assert beat.session_valid
    assert worker.session_id in host.sessions


# --- registration -------------------------------------------------------------------------------


def _forwarded(host: FakeElixirHost, worker: FakeWorkerHandle, tool: str, **args: Any) -> Any:
    request = pb.ExecuteToolRequest(
        session_id=worker.session_id,
        tool_name=tool,
        parameters={name: wire_value(value) for name, value in args.items()},
    )
    with grpc.insecure_channel(host.address) as channel:
        return BridgeServiceStub(channel).ExecuteTool(request, timeout=5)


@pytest.mark.defect("D17")
def test_calls_of_others_reach_the_worker_through_elixir(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    registered(host)

    answer = _forwarded(host, worker, "echo", value="hello")
    failed = _forwarded(host, worker, "fail", name="ValueError")
    request = pb.ExecuteToolRequest(
        session_id=worker.session_id,
        tool_name="stream",
        parameters={"name": wire_value("three")},
    )
    with grpc.insecure_channel(host.address) as channel:
        chunks = list(BridgeServiceStub(channel).ExecuteStreamingTool(request, timeout=5))

    assert (answer.success, answer.result.value) == (True, b'"hello"')
    assert failed.error_message == "Remote tool execution failed: bad"
    assert [chunk.data for chunk in chunks] == [b'{"i":0}', b'{"i":1}', b'{"i":2}', b""]
    assert chunks[-1].metadata["worker_id"] == worker.worker_id


@pytest.mark.defect("D17")
def test_tools_are_registered_under_the_workers_name_in_the_pool(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    registered(host)

    tools = host.tools.registered(worker.session_id)

    assert {tool.worker_id for tool in tools} == {worker.worker_id}
    assert {"echo", "stream", "fail"} <= {tool.name for tool in tools}
    assert {tool.name for tool in tools if tool.streams} >= {"stream", "astream"}


@pytest.mark.defect("D48")
def test_registration_is_tried_again_until_elixir_takes_it() -> None:
    with FakeElixirHost() as host:
        host.fail("RegisterTools", grpc.StatusCode.UNAVAILABLE, times=2)
        worker = spawn_field(host)

        registered(host)

        assert _forwarded(host, worker, "echo", value=1).success
        assert len(host.calls.matching(lambda call: call.rpc == "RegisterTools")) == 3


@pytest.mark.defect("D48")
def test_a_session_that_elixir_had_no_room_for_is_begun_later() -> None:
    with FakeElixirHost(session_quota=0) as host:
        worker = spawn_field(host)
        host.calls.wait_for(lambda call: call.rpc == "InitializeSession")
        assert worker.execute("echo", {"value": 1}) == 1

        host.sessions.quota = 10

        registered(host)
        assert worker.dead == ""


@pytest.mark.defect("D54")
def test_a_session_that_elixir_has_forgotten_is_begun_again() -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host, heartbeat=HeartbeatRules(interval_s=0.1))
        registered(host)

        host.sessions.forget(worker.session_id)

        _wait_for_call(host, "InitializeSession", after=_count_until_registered(host))
        assert worker.dead == ""
        beat = worker.call("Heartbeat", pb.HeartbeatRequest(session_id=worker.session_id))
        assert beat.session_valid


def _count_until_registered(host: FakeElixirHost) -> int:
    rpcs = [call.rpc for call in host.calls]
    return rpcs.index("RegisterTools") + 1


def test_a_worker_starts_before_elixir_listens() -> None:
    with FakeElixirHost(listening=False) as host:
        listening = threading.Timer(0.2, host.listen_again)
        listening.start()

        worker = spawn_field(host)

        listening.join(5)
        assert worker.execute("echo", {"value": 1}) == 1


def test_what_travels_for_tools_of_elixir_is_as_it_was() -> None:
    with FakeElixirHost() as host:
        host.tool("double", lambda args: args["value"] * 2, parameters=[{"name": "value"}])
        host.tool("break", _break, exposed=False)
        worker = spawn_field(host, "Small")
        registered(host)

        assert worker.execute("double_in_elixir", {"value": 21}) == 42
        with pytest.raises(ElixirError):
            worker.execute("double_in_elixir", {"value": {"no": "number"}})

        assert_golden("elixir_tools", worker.transcript)
