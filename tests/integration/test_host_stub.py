from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.clock import SystemClock
from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.session_context import SessionContext
from snakepit_bridge.telemetry.correlation import (
    CORRELATION_HEADER,
    reset_correlation_id,
    set_correlation_id,
)
from tests.integration.host_double import LABEL, Call, HostDouble, Raw, host_double

WAIT_S = 5


@pytest.fixture
def host() -> Iterator[HostDouble]:
    with host_double(knows_sessions=True) as host:
        host.offer("double", lambda number: number * 2)
        yield host


@pytest.fixture
def client(host: HostDouble) -> Iterator[BridgeClient]:
    with BridgeClient(host.address) as client:
        yield client


@pytest.fixture
def stub(client: BridgeClient) -> HostStub:
    return HostStub(client)


@contextmanager
def a_command(*, time_s: float | None = None, correlation_id: str = "") -> Iterator[Execution]:
    """A command whose code is what stands in the block."""
    clock = SystemClock()
    deadline = None if time_s is None else clock.monotonic() + time_s
    job = Job(session_id="s", command="c", args={}, deadline=deadline, trace_context={})
    execution = Execution(job, lambda _: None, clock=clock, on_end=lambda: None)
    current = current_execution.set(execution)
    correlation = set_correlation_id(correlation_id or None)
    try:
        yield execution
    finally:
        reset_correlation_id(correlation)
        current_execution.reset(current)


def _run(tool_name: str, **parameters: bytes) -> pb.ExecuteElixirToolRequest:
    return pb.ExecuteElixirToolRequest(
        session_id="s",
        tool_name=tool_name,
        parameters={
            name: WireValue(type_url=LABEL, value=text) for name, text in parameters.items()
        },
    )


class SlowTool:
    """Runs until the caller gives up."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.ended = threading.Event()

    def __call__(self, args: dict[str, Any], call: Call) -> None:
        call.add_callback(self.ended.set)
        self.entered.set()
        self.ended.wait(WAIT_S)


# --- calls ------------------------------------------------------------------------


def test_a_tool_runs_though_nobody_has_begun_the_session(host: HostDouble, stub: HostStub) -> None:
    answer = stub.ExecuteElixirTool(_run("double", number=b"21"))

    assert answer.success
    assert answer.result.value == b"42"
    assert host.counts == {"ExecuteElixirTool": 2, "InitializeSession": 1}


@pytest.mark.defect("D7")
def test_calls_in_a_session_that_is_known_need_no_other_call(
    host: HostDouble, stub: HostStub
) -> None:
    host.sessions["s"] = {}

    for _ in range(3):
        assert stub.ExecuteElixirTool(_run("double", number=b"1")).success

    assert host.counts == {"ExecuteElixirTool": 3}


def test_a_host_that_lost_the_own_session_gets_it_back_with_its_metadata(
    host: HostDouble, client: BridgeClient, stub: HostStub
) -> None:
    client.sessions.adopt(pb.InitializeSessionRequest(session_id="s", metadata={"node": "a@b"}))

    assert stub.ExecuteElixirTool(_run("double", number=b"1")).success
    assert stub.CleanupSession(pb.CleanupSessionRequest(session_id="s")).success

    assert host.sessions == {"s": {"node": "a@b"}}


def test_tools_are_registered_in_a_session_that_begins_with_that(
    host: HostDouble, client: BridgeClient
) -> None:
    request = pb.RegisterToolsRequest(session_id="s", tools=[pb.ToolRegistration(name="t")])

    answer = HostStub(client, worker_id="pool_worker_1").RegisterTools(request)

    assert dict(answer.tool_ids) == {"t": "s:t"}
    assert host.registered["s"].worker_id == "pool_worker_1"


@pytest.mark.defect("D22")
def test_calls_have_a_deadline_and_the_correlation_id_of_their_command(
    host: HostDouble, stub: HostStub
) -> None:
    """They had neither, so a host that hung kept the thread for ever."""
    ping = pb.PingRequest()
    with a_command(time_s=20, correlation_id="sp-1"):
        stub.Ping(ping)
        stub.Ping(ping, timeout=2)
        stub.Ping(ping, timeout=200)
    stub.Ping(ping)
    stub.Ping(ping, timeout=200, metadata=[("x-own", "1")])

    limits_s = [20, 2, 20, 30, 200]
    for received, limit_s in zip(host.received, limits_s, strict=True):
        # On the wire a timeout has few digits and is rounded up.
        assert received.remaining_s is not None
        assert limit_s / 2 < received.remaining_s < limit_s * 1.1
    ids = [received.metadata.get(CORRELATION_HEADER) for received in host.received]
    assert ids == ["sp-1", "sp-1", "sp-1", None, None]
    assert host.received[-1].metadata["x-own"] == "1"


@pytest.mark.defect("D22")
def test_answers_beyond_the_limit_of_grpc_libraries_pass(host: HostDouble, stub: HostStub) -> None:
    host.sessions["s"] = {}
    host.tools["large"] = lambda *_: Raw(binary=bytes(8 * 1024 * 1024))

    answer = stub.ExecuteElixirTool(_run("large"))

    assert len(answer.binary_result) == 8 * 1024 * 1024


def test_a_host_that_is_not_there_raises_what_users_of_grpc_catch(host: HostDouble) -> None:
    host.stop()

    with (
        BridgeClient(host.address, connect_timeout_s=0.05) as client,
        pytest.raises(grpc.RpcError) as caught,
    ):
        HostStub(client).Ping(pb.PingRequest())

    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "refused" in error.details()


def test_the_status_of_a_call_is_the_hosts_own(host: HostDouble, stub: HostStub) -> None:
    host.failures["Ping"].append(grpc.StatusCode.RESOURCE_EXHAUSTED)

    with pytest.raises(grpc.RpcError) as caught:
        stub.Ping(pb.PingRequest())

    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == "Ping was told to fail."
    assert error.trailing_metadata() is not None


def test_a_cancelled_command_frees_its_thread_and_ends_the_call_at_the_host(
    host: HostDouble, stub: HostStub
) -> None:
    host.sessions["s"] = {}
    slow = host.tools["slow"] = SlowTool()
    under_way: list[Execution] = []

    def command() -> None:
        with a_command() as execution:
            under_way.append(execution)
            stub.ExecuteElixirTool(_run("slow"))

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(command)
        assert slow.entered.wait(WAIT_S)
        under_way[0].cancel()
        error: Any = answer.exception(WAIT_S)

    assert isinstance(error, grpc.RpcError)
    assert error.code() is grpc.StatusCode.CANCELLED
    assert slow.ended.wait(WAIT_S)


async def test_a_call_on_a_loop_blocks_that_loop_and_no_other(stub: HostStub) -> None:
    answer = stub.Ping(pb.PingRequest(message="hello"))

    assert answer.message == "hello"


# --- contexts ---------------------------------------------------------------------


async def test_a_context_calls_tools_from_threads_and_from_loops(
    host: HostDouble, stub: HostStub
) -> None:
    context = SessionContext(stub, "s")

    assert context.call_elixir_tool("double", number=21) == 42
    assert await context.acall_elixir_tool("double", number="ab") == "abab"
    assert await asyncio.to_thread(context.call_elixir_tool, "double", number=[1]) == [1, 1]
    assert set(await context.aelixir_tools()) == {"double"}
    with pytest.raises(ValueError, match="Did you mean 'double'"):
        await context.acall_elixir_tool("dubble")
    with pytest.raises(RuntimeError, match="Tool execution failed"):
        context.call_elixir_tool("double", nothing=1)

    assert host.counts["InitializeSession"] == 1


async def test_an_async_call_ends_with_the_task_that_waits_for_it(
    host: HostDouble, stub: HostStub
) -> None:
    slow = SlowTool()
    host.offer("slow", lambda: None)
    host.tools["slow"] = slow

    async with asyncio.timeout(WAIT_S):
        waiting = asyncio.create_task(SessionContext(stub, "s").acall_elixir_tool("slow"))
        assert await asyncio.to_thread(slow.entered.wait, WAIT_S)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert await asyncio.to_thread(slow.ended.wait, WAIT_S)


def test_a_context_lives_on_the_stub_of_snakepit_as_well(host: HostDouble) -> None:
    host.sessions["s"] = {}
    with grpc.insecure_channel(host.address) as channel:
        context = SessionContext(BridgeServiceStub(channel), "s")

        assert context.call_elixir_tool("double", number=21) == 42
        context.cleanup()

    assert host.sessions == {}


async def test_a_context_lives_on_an_asynchronous_stub_as_well(host: HostDouble) -> None:
    host.sessions["s"] = {}
    async with grpc.aio.insecure_channel(host.address) as channel:
        context = SessionContext(BridgeServiceStub(channel), "s")

        assert await context.acall_elixir_tool("double", number=21) == 42


async def test_a_blocking_stub_of_snakepit_does_not_block_the_loop(host: HostDouble) -> None:
    """The loop lets the tool go on, which it could not if it were blocked."""
    host.sessions["s"] = {}
    released = threading.Event()
    host.offer("wait", lambda: released.wait(WAIT_S))
    with grpc.insecure_channel(host.address) as channel:
        context = SessionContext(BridgeServiceStub(channel), "s")

        async with asyncio.timeout(WAIT_S):
            waiting = asyncio.create_task(context.acall_elixir_tool("wait"))
            asyncio.get_running_loop().call_soon(released.set)

            assert await waiting is True


def test_a_context_keeps_variables_where_the_host_does(stub: HostStub) -> None:
    context = SessionContext(stub, "s")

    context.register_variable("heat", "float", 1, {"max": 2})
    context["name"] = "a"
    context.v.count = 3
    with context.batch_updates() as batch:
        batch["name"] = "b"

    assert context.get_variables(["heat", "count"])["heat"] == 1.0
    assert (context["name"], context.v.count) == ("b", 3)
    assert [each["name"] for each in context.list_variables()] == ["heat", "name", "count"]
    assert context.update_variables({"count": 4, "heat": 3}) == {
        "count": True,
        "heat": "above maximum 2",
    }
    with pytest.raises(RuntimeError, match="above maximum"):
        context.update_variable("heat", 3)
    context.delete_variable("heat")
    assert "heat" not in context


def test_a_host_without_variables_is_no_riddle() -> None:
    with host_double(keeps_variables=False) as host, BridgeClient(host.address) as client:
        context = SessionContext(HostStub(client), "s")

        with pytest.raises(RuntimeError, match=r"Snakepit has had none since release 0\.5"):
            context.get_variable("x")


@pytest.mark.defect("D54")
def test_leaving_a_context_of_the_own_session_leaves_it_in_the_host(
    host: HostDouble, client: BridgeClient, stub: HostStub
) -> None:
    client.sessions.adopt(pb.InitializeSessionRequest(session_id="s"))

    with SessionContext(stub, "s") as context, SessionContext(stub, "temporary") as temporary:
        context.call_elixir_tool("double", number=1)
        temporary.call_elixir_tool("double", number=1)

    assert set(host.sessions) == {"s"}
    assert stub.GetSession(pb.GetSessionRequest(session_id="s")).session_id == "s"
