from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from opentelemetry import trace

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    HostUnavailableError,
    InvalidArgumentError,
    NotAllowedError,
    QuotaExceededError,
    SessionError,
    UnauthenticatedError,
    VariableError,
    VersionConflictError,
    WrongCallError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.grpc.host_values import BinaryResult
from snakepit_bridge.session.context import current_execution
from tests.integration.host_double import LABEL, Call, HostDouble, Raw, host_double

WAIT_S = 5
MANY = 32


@pytest.fixture
def host() -> Iterator[HostDouble]:
    with host_double() as host:
        yield host


@pytest.fixture
def client(host: HostDouble) -> Iterator[BridgeClient]:
    with BridgeClient(host.address) as client:
        yield client


class SlowTool:
    """Runs until the caller gives up."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.ended = threading.Event()

    def __call__(self, args: dict[str, Any], call: Call) -> None:
        call.add_callback(self.ended.set)
        self.entered.set()
        self.ended.wait(WAIT_S)


@contextmanager
def a_command(*, time_s: float | None = None) -> Iterator[Execution]:
    """A command whose code is what stands in the block."""
    clock = SystemClock()
    deadline = None if time_s is None else clock.monotonic() + time_s
    job = Job(session_id="s", command="c", args={}, deadline=deadline, trace_context={})
    execution = Execution(job, lambda _: None, clock=clock, on_end=lambda: None)
    token = current_execution.set(execution)
    try:
        yield execution
    finally:
        current_execution.reset(token)


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


def call(client: BridgeClient, tool_name: str, **args: Any) -> Any:
    return client.call_tool(session_id="s", tool_name=tool_name, args=args)


def set_x(client: BridgeClient, value: Any, **more: Any) -> int:
    return client.set_variable(session_id="s", name="x", value=value, **more)


def get_x(client: BridgeClient) -> Any:
    return client.get_variable(session_id="s", name="x")


# --- tools ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -(2**63),
        2**70,
        10**400,
        1.5,
        1e300,
        "",
        "text",
        "hé \N{SNAKE}",
        [],
        [1, [2.5, None], "three"],
        {},
        {"a": {"b": [True, 2**70]}},
    ],
    ids=lambda value: repr(value)[:20],
)
def test_every_kind_of_argument_reaches_a_tool_as_it_was_sent(
    host: HostDouble, client: BridgeClient, value: object
) -> None:
    host.tools["echo"] = lambda args, _: args["value"]

    answer = call(client, "echo", value=value)

    assert answer == value
    assert type(answer) is type(value)
    assert host.received[0].request.parameters["value"].type_url == LABEL


def test_a_tool_is_told_its_session_and_the_names_of_its_arguments(
    host: HostDouble, client: BridgeClient
) -> None:
    host.tools["names"] = lambda args, _: sorted(args)

    answer = client.call_tool(session_id="mine", tool_name="names", args={"b": 1, "ä": 2})

    assert answer == ["b", "ä"]
    assert host.received[0].request.session_id == "mine"


def test_special_floats_travel_as_their_names(host: HostDouble, client: BridgeClient) -> None:
    host.tools["echo"] = lambda args, _: args["value"]

    answer = call(client, "echo", value=[float("nan"), float("inf"), -float("inf")])

    assert answer == ["NaN", "Infinity", "-Infinity"]


def test_an_argument_without_a_json_form_is_named_with_its_place(
    host: HostDouble, client: BridgeClient
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        call(client, "echo", fine=1, picture={"pages": [b"\x89PNG"]}, odd={1, 2})

    assert "'picture' ($.pages[0] is of type 'bytes'" in str(caught.value)
    assert "'odd' ($ is of type 'set'" in str(caught.value)
    assert host.received == []


def test_binary_results_arrive_with_their_description_if_there_is_one(
    host: HostDouble, client: BridgeClient
) -> None:
    host.tools["bare"] = lambda *_: Raw(b"{}", b"\x00\xff")
    host.tools["described"] = lambda *_: Raw(b'{"content_type":"image/png"}', b"\x89PNG")

    assert call(client, "bare") == b"\x00\xff"
    assert call(client, "described") == BinaryResult(
        data=b"\x89PNG", metadata={"content_type": "image/png"}
    )


def test_a_result_that_is_no_json_is_shown(host: HostDouble, client: BridgeClient) -> None:
    host.tools["pid"] = lambda *_: Raw(b"#PID<0.1.0>")

    with pytest.raises(HostToolError, match="'pid'") as caught:
        call(client, "pid")

    assert "#PID<0.1.0>" in str(caught.value)
    assert caught.value.details["label"] == LABEL


def test_what_a_tool_raises_is_told_but_not_at_any_length(
    host: HostDouble, client: BridgeClient
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such order. " * 1000)

    host.tools["fail"] = fail

    with pytest.raises(HostToolError, match=r"'fail'.*no such order") as caught:
        call(client, "fail")

    assert len(caught.value.message) < 2000
    assert caught.value.details["tool"] == "fail"


def test_an_unknown_tool_is_named(client: BridgeClient) -> None:
    with pytest.raises(HostToolError, match="Tool nowhere not found for session s"):
        call(client, "nowhere")


def test_messages_beyond_the_limits_of_grpc_libraries_pass(
    host: HostDouble, client: BridgeClient
) -> None:
    host.tools["echo"] = lambda args, _: args["value"]
    host.tools["bytes"] = lambda *_: Raw(binary=bytes(8 * 1024 * 1024))
    text = "x" * 8 * 1024 * 1024

    assert call(client, "echo", value=text) == text
    assert len(call(client, "bytes")) == 8 * 1024 * 1024


def test_a_request_above_the_limit_is_refused_before_it_is_sent(host: HostDouble) -> None:
    with (
        BridgeClient(host.address, max_message_bytes=1000) as client,
        pytest.raises(InvalidArgumentError, match="at most 1000"),
    ):
        call(client, "echo", value="x" * 1000)

    assert host.received == []


def test_an_answer_above_the_limit_is_no_reason_to_try_again(host: HostDouble) -> None:
    host.tools["long"] = lambda *_: "x" * 2000

    with (
        BridgeClient(host.address, max_message_bytes=1000) as client,
        pytest.raises(QuotaExceededError) as caught,
    ):
        call(client, "long")

    assert caught.value.retryable is False


def test_tools_are_listed_by_name_with_the_schema_of_their_arguments(
    host: HostDouble, client: BridgeClient
) -> None:
    amount = pb.ParameterSpec(name="amount", type="float", required=True)
    host.offered = [
        pb.ToolSpec(name="validate", description="Check an order.", parameters=[amount]),
        pb.ToolSpec(name="audit"),
    ]

    tools = client.list_tools(session_id="s")

    assert [tool.name for tool in tools] == ["audit", "validate"]
    assert tools[1].description == "Check an order."
    assert tools[1].schema["properties"] == {"amount": {"type": "number"}}
    assert tools[1].schema["required"] == ["amount"]


# --- variables --------------------------------------------------------------


@pytest.mark.parametrize("value", [1, 2**70, 0.5, True, "text", None, [1, "b"], {"a": [None]}])
def test_a_variable_is_created_read_and_changed(client: BridgeClient, value: object) -> None:
    first = set_x(client, value)
    second = set_x(client, value)

    assert second == first + 1
    assert get_x(client) == value
    assert type(get_x(client)) is type(value)


def test_a_special_float_comes_back_as_a_float(client: BridgeClient) -> None:
    set_x(client, -float("inf"))

    assert get_x(client) == -float("inf")


def test_a_missing_variable_is_named(client: BridgeClient) -> None:
    with pytest.raises(VariableError, match="'x'"):
        get_x(client)


def test_variables_are_listed_by_shell_pattern_whatever_the_host_makes_of_it(
    client: BridgeClient,
) -> None:
    for name in ["beta", "alpha", "alpine", "x.alp"]:
        client.set_variable(session_id="s", name=name, value=1)
    client.set_variable(session_id="other", name="alp", value=1)

    listed = client.list_variables(session_id="s", pattern="alp*")
    single = client.list_variables(session_id="s", pattern="[ab]?????")

    assert [(info.name, info.type) for info in listed] == [
        ("alpha", "integer"),
        ("alpine", "integer"),
    ]
    assert listed[0].updated_at is not None
    assert [info.name for info in single] == ["alpine"]
    assert len(client.list_variables(session_id="s")) == 4


def test_deleting_says_whether_there_was_one(client: BridgeClient) -> None:
    set_x(client, 1)

    assert client.delete_variable(session_id="s", name="x") is True
    assert client.delete_variable(session_id="s", name="x") is False


def test_a_value_that_does_not_fit_is_refused_with_the_hosts_reason(client: BridgeClient) -> None:
    set_x(client, 1, type="integer", constraints={"max": 10})

    with pytest.raises(InvalidArgumentError, match="above maximum 10"):
        set_x(client, 11)
    with pytest.raises(InvalidArgumentError, match="Invalid integer"):
        client.set_variable(session_id="s", name="y", value="no", type="integer")

    assert get_x(client) == 1


def test_a_variable_keeps_the_type_it_was_created_with(client: BridgeClient) -> None:
    set_x(client, 1, type="integer", constraints={"max": 10})

    assert set_x(client, 2, type="integer", constraints={"max": 10}) == 2
    with pytest.raises(InvalidArgumentError, match="exists with type 'integer'"):
        set_x(client, 2, type="string")
    with pytest.raises(InvalidArgumentError, match="exists with constraints"):
        set_x(client, 2, constraints={"max": 11})


def test_only_the_expected_version_is_changed(client: BridgeClient) -> None:
    set_x(client, "a")
    version = set_x(client, "b")

    assert set_x(client, "c", expected_version=version) == version + 1
    with pytest.raises(VersionConflictError, match=f"is at version {version + 1}"):
        set_x(client, "d", expected_version=version)
    with pytest.raises(VersionConflictError):
        set_x(client, "d", expected_version=0)
    with pytest.raises(VersionConflictError, match="does not exist"):
        client.set_variable(session_id="s", name="y", value=1, expected_version=3)

    assert get_x(client) == "c"


def test_expecting_no_variable_creates_it(client: BridgeClient) -> None:
    set_x(client, "a", expected_version=0)

    assert get_x(client) == "a"


def test_a_change_in_between_is_noticed_though_the_host_ignores_versions(
    host: HostDouble, client: BridgeClient
) -> None:
    set_x(client, "a")
    version = set_x(client, "b")

    def be_quicker() -> None:
        host.variables["s", "x"].version += 1

    host.before["SetVariable"] = be_quicker

    with pytest.raises(VersionConflictError, match="changed by somebody else"):
        set_x(client, "c", expected_version=version)


def test_two_who_create_the_same_variable_both_succeed(
    host: HostDouble, client: BridgeClient
) -> None:
    def be_quicker() -> None:
        host.before.clear()
        with BridgeClient(host.address) as rival:
            set_x(rival, "theirs")

    host.before["RegisterVariable"] = be_quicker

    version = set_x(client, "ours")

    assert version == 2
    assert get_x(client) == "ours"


def test_a_session_the_host_does_not_know_is_no_missing_variable(
    host: HostDouble, client: BridgeClient
) -> None:
    host.failures["RegisterVariable"].append(grpc.StatusCode.NOT_FOUND)

    with pytest.raises(SessionError):
        set_x(client, 1)


def test_a_host_without_variables_is_recognised() -> None:
    with host_double(keeps_variables=False) as host, BridgeClient(host.address) as client:
        with pytest.raises(WrongCallError, match="does not serve GetVariable") as caught:
            get_x(client)
        with pytest.raises(WrongCallError):
            set_x(client, 1)
        with pytest.raises(WrongCallError):
            client.list_variables(session_id="s")
        with pytest.raises(WrongCallError):
            client.delete_variable(session_id="s", name="x")

    assert "keep the value in Elixir" in caught.value.hint
    assert caught.value.details["status"] == "UNIMPLEMENTED"


# --- failures ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
        (grpc.StatusCode.PERMISSION_DENIED, NotAllowedError),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgumentError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, QuotaExceededError),
        (grpc.StatusCode.UNKNOWN, HostToolError),
        (grpc.StatusCode.INTERNAL, HostToolError),
        (grpc.StatusCode.NOT_FOUND, HostToolError),
        (grpc.StatusCode.UNAVAILABLE, HostUnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, HostUnavailableError),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_status_of_the_host_becomes_an_error_that_says_whose_it_is(
    host: HostDouble, client: BridgeClient, code: grpc.StatusCode, kind: type[BridgeError]
) -> None:
    host.failures["ExecuteElixirTool"].append(code)

    with pytest.raises(kind, match=host.address) as caught:
        call(client, "any")

    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_reading_is_repeated_once_when_the_host_was_lost(
    host: HostDouble, client: BridgeClient
) -> None:
    set_x(client, 1)
    host.received.clear()
    for rpc in ["GetVariable", "ListVariables", "GetExposedElixirTools"]:
        host.failures[rpc].append(grpc.StatusCode.UNAVAILABLE)

    assert get_x(client) == 1
    assert len(client.list_variables(session_id="s")) == 1
    assert client.list_tools(session_id="s") == []

    assert host.counts == {"GetVariable": 2, "ListVariables": 2, "GetExposedElixirTools": 2}


def test_reading_is_not_repeated_for_ever(host: HostDouble, client: BridgeClient) -> None:
    host.failures["GetVariable"].extend([grpc.StatusCode.UNAVAILABLE] * 3)

    with pytest.raises(HostUnavailableError) as caught:
        get_x(client)

    assert host.counts == {"GetVariable": 2}
    assert caught.value.retryable
    assert client.state == "unreachable"


def test_what_changes_something_is_never_repeated(host: HostDouble, client: BridgeClient) -> None:
    for rpc in ["ExecuteElixirTool", "SetVariable", "DeleteVariable"]:
        host.failures[rpc].append(grpc.StatusCode.UNAVAILABLE)

    with pytest.raises(HostUnavailableError, match="look before you repeat it"):
        call(client, "any")
    with pytest.raises(HostUnavailableError):
        set_x(client, 1)
    with pytest.raises(HostUnavailableError):
        client.delete_variable(session_id="s", name="x")

    assert host.counts == {"ExecuteElixirTool": 1, "SetVariable": 1, "DeleteVariable": 1}


def test_a_host_that_is_down_is_named(host: HostDouble) -> None:
    host.stop()

    with (
        BridgeClient(host.address, connect_timeout_s=0.05) as client,
        pytest.raises(HostUnavailableError, match=f"{host.address} cannot be reached") as caught,
    ):
        call(client, "any")

    assert caught.value.retryable
    assert "refused" in str(caught.value)
    assert client.state == "unreachable"


async def test_a_host_that_is_down_is_named_on_the_loop(host: HostDouble) -> None:
    host.stop()

    async with (
        asyncio.timeout(WAIT_S),
        BridgeClient(host.address, connect_timeout_s=0.05) as client,
    ):
        with pytest.raises(HostUnavailableError, match="cannot be reached"):
            await client.acall_tool(session_id="s", tool_name="any", args={})


def test_a_call_waits_for_a_host_that_is_not_up_yet(host: HostDouble) -> None:
    host.tools["echo"] = lambda args, _: args["value"]
    host.stop()

    with BridgeClient(host.address) as client, threads() as pool:
        answer = pool.submit(call, client, "echo", value=1)
        host.start()

        assert answer.result(WAIT_S) == 1

    assert host.counts["ExecuteElixirTool"] == 1


def test_a_host_that_restarts_is_used_again(host: HostDouble, client: BridgeClient) -> None:
    set_x(client, 1)

    host.restart()

    assert get_x(client) == 1
    assert client.state == "connected"


def test_a_tool_that_runs_while_the_host_dies_is_not_called_again(
    host: HostDouble, client: BridgeClient
) -> None:
    slow = host.tools["slow"] = SlowTool()

    with threads() as pool:
        answer = pool.submit(call, client, "slow")
        assert slow.entered.wait(WAIT_S)
        host.restart()
        error = answer.exception(WAIT_S)

    assert isinstance(error, HostUnavailableError)
    assert "look before you repeat it" in error.hint
    assert host.counts["ExecuteElixirTool"] == 1


def test_a_long_call_outlives_the_question_whether_the_host_is_there(host: HostDouble) -> None:
    asked = threading.Event()
    host.before["Ping"] = asked.set
    host.tools["patient"] = lambda *_: asked.wait(WAIT_S)

    with BridgeClient(host.address, connect_timeout_s=0.05) as client:
        assert call(client, "patient") is True


# --- time -------------------------------------------------------------------


def test_a_call_has_the_time_that_is_left_to_its_command(
    host: HostDouble, client: BridgeClient
) -> None:
    with a_command(time_s=20):
        client.list_tools(session_id="s")
    with a_command(time_s=200):
        client.list_tools(session_id="s")
    with a_command():
        client.list_tools(session_id="s")
    client.list_tools(session_id="s")

    remaining = [each.remaining_s or 0 for each in host.received]
    # On the wire a timeout has few digits and is rounded up; the client's own timer is exact.
    assert 10 < remaining[0] < 21
    assert 100 < remaining[1] < 210
    assert 20 < remaining[2] < 31
    assert 20 < remaining[3] < 31


def test_nothing_is_sent_after_the_deadline_of_the_command(
    host: HostDouble, client: BridgeClient
) -> None:
    with a_command(time_s=-1), pytest.raises(CommandDeadlineError):
        call(client, "any")

    assert host.received == []


def test_the_deadline_of_the_command_ends_a_call(host: HostDouble, client: BridgeClient) -> None:
    slow = host.tools["slow"] = SlowTool()

    with a_command(time_s=0.2), pytest.raises(CommandDeadlineError, match="'slow'"):
        call(client, "slow")

    assert slow.ended.wait(WAIT_S)


def test_a_host_that_takes_too_long_is_told_from_a_command_that_is_late(host: HostDouble) -> None:
    slow = host.tools["slow"] = SlowTool()

    with (
        BridgeClient(host.address, default_timeout_s=0.2) as client,
        pytest.raises(HostUnavailableError, match=r"did not run tool 'slow' within 0\.2 s"),
    ):
        call(client, "slow")

    assert slow.ended.wait(WAIT_S)


def test_a_cancelled_command_frees_its_thread_and_ends_the_call_at_the_host(
    host: HostDouble, client: BridgeClient
) -> None:
    slow = host.tools["slow"] = SlowTool()
    under_way: list[Execution] = []

    def command() -> None:
        with a_command() as execution:
            under_way.append(execution)
            call(client, "slow")

    with threads() as pool:
        answer = pool.submit(command)
        assert slow.entered.wait(WAIT_S)
        under_way[0].cancel()
        error = answer.exception(WAIT_S)

    assert isinstance(error, CommandCancelledError)
    assert slow.ended.wait(WAIT_S)


def test_nothing_is_sent_for_a_command_that_was_cancelled(
    host: HostDouble, client: BridgeClient
) -> None:
    with a_command() as execution:
        execution.cancel()
        with pytest.raises(CommandCancelledError):
            call(client, "any")

    assert host.received == []


async def test_cancelling_an_async_call_ends_it_at_the_host(
    host: HostDouble, client: BridgeClient
) -> None:
    slow = host.tools["slow"] = SlowTool()

    async with asyncio.timeout(WAIT_S):
        waiting = asyncio.create_task(client.acall_tool(session_id="s", tool_name="slow", args={}))
        assert await asyncio.to_thread(slow.entered.wait, WAIT_S)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert await asyncio.to_thread(slow.ended.wait, WAIT_S)


async def test_an_async_call_ends_with_its_command(host: HostDouble, client: BridgeClient) -> None:
    slow = host.tools["slow"] = SlowTool()

    async with asyncio.timeout(WAIT_S):
        with a_command() as execution:
            waiting = asyncio.create_task(
                client.acall_tool(session_id="s", tool_name="slow", args={})
            )
            assert await asyncio.to_thread(slow.entered.wait, WAIT_S)
            execution.cancel()
            with pytest.raises(CommandCancelledError):
                await waiting


# --- many at once -----------------------------------------------------------


def test_many_threads_call_at_once(host: HostDouble, client: BridgeClient) -> None:
    """The barrier opens only once all calls wait at it."""
    all_inside = threading.Barrier(MANY)

    def meet(args: dict[str, Any], _: Call) -> int:
        all_inside.wait(WAIT_S)
        return int(args["number"])

    host.tools["meet"] = meet

    with threads() as pool:
        answers = [pool.submit(call, client, "meet", number=number) for number in range(MANY)]

        assert [answer.result(WAIT_S) for answer in answers] == list(range(MANY))


def test_one_client_serves_two_loops_at_once(host: HostDouble, client: BridgeClient) -> None:
    """The barrier opens only once calls from both loops wait at it."""
    both_inside = threading.Barrier(2)

    def meet(args: dict[str, Any], _: Call) -> object:
        both_inside.wait(WAIT_S)
        return args["loop"]

    host.tools["meet"] = meet

    async def on_loop(name: str) -> list[Any]:
        async with asyncio.timeout(WAIT_S):
            return [
                await client.acall_tool(session_id="s", tool_name="meet", args={"loop": name})
                for _ in range(3)
            ]

    with threads() as pool:
        left = pool.submit(asyncio.run, on_loop("left"))
        right = pool.submit(asyncio.run, on_loop("right"))

        assert left.result(WAIT_S) == ["left"] * 3
        assert right.result(WAIT_S) == ["right"] * 3


async def test_the_async_twins_do_what_the_others_do(
    host: HostDouble, client: BridgeClient
) -> None:
    host.tools["echo"] = lambda args, _: args["value"]
    host.offered = [pb.ToolSpec(name="echo")]

    async with asyncio.timeout(WAIT_S):
        assert await client.acall_tool(session_id="s", tool_name="echo", args={"value": 1}) == 1
        assert [tool.name for tool in await client.alist_tools(session_id="s")] == ["echo"]
        first = await client.aset_variable(session_id="s", name="x", value=1)
        second = await client.aset_variable(
            session_id="s", name="x", value=2, type="integer", expected_version=None
        )
        assert second == first + 1
        assert await client.aget_variable(session_id="s", name="x") == 2
        assert [each.name for each in await client.alist_variables(session_id="s")] == ["x"]
        assert await client.adelete_variable(session_id="s", name="x") is True
        with pytest.raises(VariableError):
            await client.aget_variable(session_id="s", name="x")


# --- the rest ---------------------------------------------------------------


def test_the_trace_context_arrives(host: HostDouble, client: BridgeClient) -> None:
    span = trace.NonRecordingSpan(
        trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    )

    with trace.use_span(span):
        client.list_tools(session_id="s")

    assert host.received[0].metadata["traceparent"] == f"00-{0xABC:032x}-{0xDEF:016x}-01"


def test_every_call_carries_the_metadata_of_the_client(host: HostDouble) -> None:
    headers: list[tuple[str, str | bytes]] = [
        ("authorization", "Bearer 1"),
        ("note-bin", b"\xff"),
    ]

    with BridgeClient(host.address, metadata=headers) as client:
        client.list_tools(session_id="s")

    assert host.received[0].metadata["authorization"] == "Bearer 1"
    assert host.received[0].metadata["note-bin"] == b"\xff"


def test_a_host_may_want_credentials() -> None:
    with (
        host_double(credentials=grpc.local_server_credentials()) as host,
        BridgeClient(host.address, credentials=grpc.local_channel_credentials()) as client,
    ):
        assert client.list_tools(session_id="s") == []


async def test_any_other_call_of_the_service_can_be_made(
    host: HostDouble, client: BridgeClient
) -> None:
    async with asyncio.timeout(WAIT_S):
        request = pb.PingRequest(message="hello")

        assert (await client.arequest("Ping", request, timeout_s=3)).message == "hello"
        with pytest.raises(WrongCallError, match="does not serve AddDependency"):
            await asyncio.to_thread(client.request, "AddDependency", pb.AddDependencyRequest())

    assert 0 < (host.received[0].remaining_s or 0) < 4


def test_closing_ends_the_calls_under_way(host: HostDouble) -> None:
    slow = host.tools["slow"] = SlowTool()

    with BridgeClient(host.address) as client, threads() as pool:
        answer = pool.submit(call, client, "slow")
        assert slow.entered.wait(WAIT_S)
        client.close()
        error = answer.exception(WAIT_S)

    assert isinstance(error, HostUnavailableError)
    assert "was closed" in str(error)
    assert error.retryable is False


async def test_a_closed_client_says_so(host: HostDouble) -> None:
    async with BridgeClient(host.address) as client:
        pass
    client.close()

    with pytest.raises(WrongCallError, match="is closed"):
        call(client, "any")
    with pytest.raises(WrongCallError, match="is closed"):
        await client.acall_tool(session_id="s", tool_name="any", args={})


def test_a_new_client_has_not_looked_for_its_host(host: HostDouble) -> None:
    with BridgeClient(host.address) as client:
        assert client.state == "connecting"
        client.list_tools(session_id="s")
        assert client.state == "connected"

    assert client.variables_live_in == "host"
