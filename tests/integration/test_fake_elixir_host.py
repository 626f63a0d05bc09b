"""The double of Elixir, called by a plain client, calling the least of a worker."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.testing.elixir import (
    Binary,
    BinaryResult,
    ElixirError,
    ElixirThrow,
    FakeElixirHost,
    FakeWorkerHandle,
    HeartbeatRules,
    Rhythm,
    Termination,
    WorkerStartError,
    normalised,
    orphans_of,
)
from snakepit_bridge.testing.elixir.json_rules import wire_value
from snakepit_bridge.testing.elixir.process import Spawned, start_process

STAND_IN = Path(__file__).with_name("stand_in_worker.py")

LABEL = "type.googleapis.com/google.protobuf.StringValue"


@pytest.fixture
def host() -> Iterator[FakeElixirHost]:
    with FakeElixirHost() as host:
        yield host


@pytest.fixture
def stub(host: FakeElixirHost) -> Iterator[BridgeServiceStub]:
    with grpc.insecure_channel(host.address) as channel:
        yield BridgeServiceStub(channel)


def test_a_host_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(RuntimeError, match="write 'with FakeElixirHost"):
        FakeElixirHost().spawn("shop.Shop")


def _nothing(_: dict[str, Any]) -> None:
    """A tool that does nothing."""


def _begin(stub: BridgeServiceStub, session_id: str = "s") -> None:
    stub.InitializeSession(pb.InitializeSessionRequest(session_id=session_id), timeout=5)


def _status(call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=5)
    error = caught.value
    assert isinstance(error, grpc.Call)
    return error.code(), error.details() or ""


# --- what Elixir serves -----------------------------------------------------------------------


def test_ping_is_answered_with_pong(stub: BridgeServiceStub) -> None:
    answer = stub.Ping(pb.PingRequest(message="hello"), timeout=5)

    assert answer.message == "pong: hello"
    assert answer.server_time.seconds > 0


def test_a_session_is_begun_beaten_described_ended(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    begin = pb.InitializeSessionRequest(session_id="s", metadata={"k": "v"})

    for _ in range(2):
        assert stub.InitializeSession(begin, timeout=5).success
    beat = stub.Heartbeat(pb.HeartbeatRequest(session_id="s"), timeout=5)
    described = stub.GetSession(pb.GetSessionRequest(session_id="s"), timeout=5)

    assert (beat.session_valid, beat.server_time.nanos) == (True, 0)
    assert dict(described.metadata) == {"k": "v"}
    assert described.created_at.seconds < 0
    for _ in range(2):
        ended = stub.CleanupSession(pb.CleanupSessionRequest(session_id="s"), timeout=5)
        assert (ended.success, ended.resources_cleaned) == (True, 1)
    assert not stub.Heartbeat(pb.HeartbeatRequest(session_id="s"), timeout=5).session_valid
    assert len(host.sessions) == 0


def test_a_session_that_is_not_there_is_not_found(stub: BridgeServiceStub) -> None:
    request = pb.GetSessionRequest(session_id="s")

    assert _status(stub.GetSession, request) == (
        grpc.StatusCode.NOT_FOUND,
        "Session not found: s",
    )


def test_a_session_may_be_refused(host: FakeElixirHost, stub: BridgeServiceStub) -> None:
    _begin(stub)
    host.sessions.quota = 1

    nameless = _status(stub.InitializeSession, pb.InitializeSessionRequest())
    known = _status(stub.InitializeSession, pb.InitializeSessionRequest(session_id="s"))

    assert nameless == (grpc.StatusCode.INTERNAL, "invalid_id")
    assert known == (grpc.StatusCode.INTERNAL, "session_quota_exceeded")


def test_tools_are_registered_for_a_session_and_outlive_it(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    request = pb.RegisterToolsRequest(
        session_id="s", worker_id="w", tools=[pb.ToolRegistration(name="add")]
    )

    early = stub.RegisterTools(request, timeout=5)
    _begin(stub)
    first = stub.RegisterTools(request, timeout=5)
    stub.CleanupSession(pb.CleanupSessionRequest(session_id="s"), timeout=5)
    _begin(stub)
    second = stub.RegisterTools(request, timeout=5)

    assert (early.success, early.error_message) == (False, "not_found")
    assert (first.success, dict(first.tool_ids)) == (True, {"add": "s:add"})
    assert (second.success, second.error_message) == (False, '{:duplicate_tool, "add"}')
    assert [tool.worker_id for tool in host.tools.registered("s")] == ["w"]


def test_python_is_told_of_exposed_tools(host: FakeElixirHost, stub: BridgeServiceStub) -> None:
    host.tool("shown", _nothing, description="For all to see.")
    host.tool("hidden", _nothing, exposed=False)

    answer = stub.GetExposedElixirTools(pb.GetExposedElixirToolsRequest(session_id="s"), timeout=5)

    assert [(tool.name, tool.description) for tool in answer.tools] == [
        ("shown", "For all to see.")
    ]


def _run(stub: BridgeServiceStub, tool: str, **parameters: Any) -> pb.ExecuteElixirToolResponse:
    request = pb.ExecuteElixirToolRequest(session_id="s", tool_name=tool, parameters=parameters)
    answer: pb.ExecuteElixirToolResponse = stub.ExecuteElixirTool(request, timeout=5)
    return answer


def test_a_tool_of_elixir_takes_json_and_answers_with_json(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    async def later(args: dict[str, Any]) -> list[Any]:
        return [args]

    host.tool("add", lambda args: args["a"] + args["b"])
    host.tool("later", later)
    _begin(stub)

    added = _run(stub, "add", a=wire_value(1), b=wire_value(2))
    waited = _run(stub, "later", text=wire_value("hé"))

    assert (added.success, added.result.type_url, added.result.value) == (True, LABEL, b"3")
    assert added.metadata["execution_time"] == str(added.execution_time_ms)
    assert waited.result.value.decode() == '[{"text":"hé"}]'


def test_a_tool_of_elixir_may_answer_with_bytes(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    host.tool("image", lambda _: BinaryResult(b"\x89PNG", {"width": 3}))
    _begin(stub)

    answer = _run(stub, "image")

    assert (answer.result.value, answer.binary_result) == (b'{"width":3}', b"\x89PNG")


def test_what_goes_wrong_with_a_tool_of_elixir_is_told_in_the_answer(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    def fail(_: dict[str, Any]) -> None:
        raise LookupError("no such vase")

    def stop(_: dict[str, Any]) -> None:
        raise StopIteration("the end")

    host.tool("fail", fail)
    host.tool("stop", stop)
    assert _run(stub, "fail").error_message == "not_found"
    _begin(stub)
    registration = pb.ToolRegistration(name="remote")
    stub.RegisterTools(pb.RegisterToolsRequest(session_id="s", tools=[registration]), timeout=5)

    packed = wire_value(None)
    packed.Pack(StringValue(value="text"))

    assert _run(stub, "fail").error_message == "Tool execution failed: no such vase"
    assert _run(stub, "stop").error_message == "Tool execution failed: the end"
    assert _run(stub, "what").error_message == "Tool what not found for session s"
    assert _run(stub, "remote").error_message == "Tool remote is not an Elixir tool"
    assert _run(stub, "fail", k=packed).error_message.startswith("Invalid parameter k: ")


def test_what_a_tool_throws_ends_the_call(host: FakeElixirHost, stub: BridgeServiceStub) -> None:
    def throw(_: dict[str, Any]) -> None:
        raise ElixirThrow("away")

    host.tool("throw", throw)
    _begin(stub)

    request = pb.ExecuteElixirToolRequest(session_id="s", tool_name="throw")

    assert _status(stub.ExecuteElixirTool, request)[0] is grpc.StatusCode.UNKNOWN


def test_what_elixir_does_not_serve_is_unimplemented(stub: BridgeServiceStub) -> None:
    variable = pb.GetVariableRequest(session_id="s", variable_identifier="v")

    with pytest.raises(grpc.RpcError) as caught:
        next(stub.StreamTelemetry(iter([]), timeout=5))

    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert _status(stub.GetVariable, variable)[0] is grpc.StatusCode.UNIMPLEMENTED


# --- what is recorded -------------------------------------------------------------------------


def test_calls_are_recorded_with_headers_and_deadline(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    headers = (("x-snakepit-correlation-id", "c"),)

    stub.Ping(pb.PingRequest(message="m"), timeout=5, metadata=headers)

    call = host.calls.wait_for(lambda call: call.rpc == "Ping")
    assert call.request.message == "m"
    assert call.metadata["x-snakepit-correlation-id"] == "c"
    assert call.deadline_s is not None
    assert 0 < call.deadline_s <= 5.1  # gRPC rounds it up
    assert [record["part"] for record in host.transcript] == ["request", "answer"]


async def test_an_async_test_waits_for_a_call_while_it_makes_it() -> None:
    async with FakeElixirHost() as host, grpc.aio.insecure_channel(host.address) as channel:
        stub = BridgeServiceStub(channel)
        arrival = asyncio.ensure_future(host.calls.arrival(lambda call: call.rpc == "Ping"))

        await stub.Ping(pb.PingRequest(message="m"), timeout=5)

        async with asyncio.timeout(5):
            assert (await arrival).request.message == "m"


# --- what goes wrong ----------------------------------------------------------------------------


def test_elixir_is_slow_when_it_is_told_to_be(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    host.slow("Ping", 3600)

    with pytest.raises(grpc.RpcError) as caught:
        stub.Ping(pb.PingRequest(), timeout=0.05)

    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_elixir_fails_when_it_is_told_to(host: FakeElixirHost, stub: BridgeServiceStub) -> None:
    host.fail("Ping", grpc.StatusCode.INTERNAL, "oops", times=1)

    assert _status(stub.Ping, pb.PingRequest()) == (grpc.StatusCode.INTERNAL, "oops")
    assert stub.Ping(pb.PingRequest(), timeout=5)
    host.refuse()
    assert _status(stub.Ping, pb.PingRequest())[0] is grpc.StatusCode.UNAVAILABLE
    host.faults.clear()
    assert stub.Ping(pb.PingRequest(), timeout=5)
    assert [each["part"] for each in host.transcript].count("status") == 2


def test_elixir_holds_calls_until_it_lets_them_go(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    with host.hold("Ping"):
        held = stub.Ping.future(pb.PingRequest(), timeout=5)
        host.calls.wait_for(lambda call: call.rpc == "Ping")
        assert not held.done()

    assert held.result(5)


def test_elixir_is_gone_and_comes_back_on_the_same_port(
    host: FakeElixirHost, stub: BridgeServiceStub
) -> None:
    address = host.address

    host.stop_listening()
    gone = _status(stub.Ping, pb.PingRequest())
    host.listen_again()
    host.listen_again()

    assert gone[0] is grpc.StatusCode.UNAVAILABLE
    assert host.address == address
    assert stub.Ping(pb.PingRequest(), timeout=5, wait_for_ready=True)


def test_elixir_may_begin_to_listen_later() -> None:
    with FakeElixirHost(listening=False) as host:
        with grpc.insecure_channel(host.address) as channel:
            stub = BridgeServiceStub(channel)
            waiting = stub.Ping.future(pb.PingRequest(), timeout=5, wait_for_ready=True)

            host.listen_again()

            assert waiting.result(5)
        assert host.port > 0


# --- the variables of Snakepit 0.4 ----------------------------------------------------------------


@pytest.fixture
def old_stub() -> Iterator[BridgeServiceStub]:
    with (
        FakeElixirHost(variables=True) as host,
        grpc.insecure_channel(host.address) as channel,
    ):
        stub = BridgeServiceStub(channel)
        _begin(stub)
        yield stub


def _register(stub: BridgeServiceStub, name: str, value: Any, **fields: Any) -> str:
    request = pb.RegisterVariableRequest(
        session_id="s",
        name=name,
        initial_value=wire_value(value),
        **{"type": "float", "constraints_json": '{"min": 0, "max": 1}', **fields},
    )
    variable_id: str = stub.RegisterVariable(request, timeout=5).variable_id
    return variable_id


def test_a_variable_has_an_id_a_version_a_history_of_one(old_stub: BridgeServiceStub) -> None:
    variable_id = _register(old_stub, "temperature", 0)

    changes = [
        pb.SetVariableRequest(
            session_id="s",
            variable_identifier=identifier,
            value=wire_value(value),
            expected_version=77,
        )
        for identifier, value in (("temperature", 0.5), (variable_id, 1))
    ]
    changed = [old_stub.SetVariable(change, timeout=5) for change in changes]
    found = old_stub.GetVariable(
        pb.GetVariableRequest(session_id="s", variable_identifier="temperature"), timeout=5
    ).variable

    assert variable_id.startswith("var_temperature_")
    assert [(each.success, each.new_version) for each in changed] == [(True, 1), (True, 2)]
    assert (found.type, found.version) == ("float", 2)
    assert (found.value.type_url, found.value.value) == (
        "type.googleapis.com/snakepit.float",
        b"1.0",
    )
    assert {"source", "created_by", "updated_at"} <= set(found.metadata)


def test_variables_are_listed_and_deleted(old_stub: BridgeServiceStub) -> None:
    for name in ("alpha", "beta", "alphabet"):
        _register(old_stub, name, 0)

    def names(pattern: str) -> list[str]:
        request = pb.ListVariablesRequest(session_id="s", pattern=pattern)
        return [each.name for each in old_stub.ListVariables(request, timeout=5).variables]

    assert names("") == ["alpha", "beta", "alphabet"]
    assert names("bet") == ["beta", "alphabet"]
    assert names("a*t") == ["alphabet"]
    gone = pb.DeleteVariableRequest(session_id="s", variable_identifier="alpha")
    assert old_stub.DeleteVariable(gone, timeout=5).success
    assert _status(old_stub.DeleteVariable, gone) == (
        grpc.StatusCode.NOT_FOUND,
        "Variable not found: alpha",
    )


def test_variables_are_read_and_changed_together(old_stub: BridgeServiceStub) -> None:
    for name in ("a", "b"):
        _register(old_stub, name, 0)

    def change(*, atomic: bool) -> pb.BatchSetVariablesResponse:
        request = pb.BatchSetVariablesRequest(
            session_id="s",
            updates={"a": wire_value(1), "b": wire_value(2), "c": wire_value(0)},
            atomic=atomic,
        )
        answer: pb.BatchSetVariablesResponse = old_stub.SetVariables(request, timeout=5)
        return answer

    none, one = change(atomic=True), change(atomic=False)
    read = old_stub.GetVariables(
        pb.BatchGetVariablesRequest(session_id="s", variable_identifiers=["a", "c"]), timeout=5
    )

    assert (none.success, set(none.errors), dict(none.new_versions)) == (False, {"b", "c"}, {})
    assert (one.success, set(one.errors), dict(one.new_versions)) == (False, {"b", "c"}, {"a": 1})
    assert (set(read.variables), list(read.missing_variables)) == ({"a"}, ["c"])


def test_what_is_wrong_with_a_variable_is_a_status(old_stub: BridgeServiceStub) -> None:
    _register(old_stub, "a", 0)
    bad = pb.RegisterVariableRequest(
        session_id="s", name="b", type="map", initial_value=wire_value({})
    )
    twice = pb.RegisterVariableRequest(
        session_id="s", name="a", type="float", initial_value=wire_value(0)
    )
    alien = pb.ListVariablesRequest(session_id="t")

    assert _status(old_stub.RegisterVariable, bad)[0] is grpc.StatusCode.INTERNAL
    assert _status(old_stub.RegisterVariable, twice)[1] == "already_exists"
    assert _status(old_stub.ListVariables, alien) == (
        grpc.StatusCode.NOT_FOUND,
        "Session not found: t",
    )


# --- a worker of Elixir -----------------------------------------------------------------------

SLOW = HeartbeatRules(interval_s=3600)


def _spawn(host: FakeElixirHost, **options: Any) -> FakeWorkerHandle:
    return host.spawn("shop.Shop", script=STAND_IN, **{"rival": False, **options})


@pytest.fixture
def worker(host: FakeElixirHost) -> FakeWorkerHandle:
    return _spawn(host, heartbeat=SLOW)


def test_a_worker_is_greeted_in_elixirs_order(worker: FakeWorkerHandle) -> None:
    worker.events.wait_for(bool)

    asked = [
        (record["rpc"], record["message"])
        for record in normalised(worker.transcript, without=())
        if record["direction"] == "to_worker" and record["part"] == "request"
    ]

    assert asked[:2] == [
        ("Ping", {"message": "connection_test"}),
        (
            "InitializeSession",
            {
                "session_id": "<session 1>",
                "metadata": {"elixir_node": "nonode@nohost", "initialized_at": "<time>"},
                "config": {"enable_caching": True, "cache_ttl_seconds": 60},
            },
        ),
    ]
    assert ("StreamTelemetry", {"toggle": {"enabled": True}}) in asked
    assert [rpc for rpc, _ in asked].count("Heartbeat") == 1
    assert worker.states[0] == "ready"


def test_a_worker_leads_a_group_in_the_folder_of_the_beam(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    told = worker.execute("environment")

    assert told == {
        "cwd": str(host.folders.app.resolve()),
        "group": worker.pid,
        "pid": worker.pid,
    }
    assert list(host.folders.tmp.iterdir()) == []
    assert worker.command_line[1] == str(STAND_IN)
    assert worker.environment["SNAKEPIT_PROCESS_GROUP"] == "1"
    assert worker.exit_code is None


def test_values_go_both_ways(worker: FakeWorkerHandle) -> None:
    args = {"n": 1, "text": "hé", "list": [None, 0.5]}

    assert worker.execute("echo", args) == args
    assert worker.execute("echo", {}, binary_parameters={"raw": b"\xff"}) == {"raw": "ff"}
    assert worker.execute("image") == Binary(b"\x89PNG", {"content_type": "image/png"})


def test_errors_are_translated(worker: FakeWorkerHandle) -> None:
    with pytest.raises(ElixirError, match=r"Snakepit\.Error\.ValueError: no good"):
        worker.execute("fail")
    with pytest.raises(ElixirError, match="invalid_parameter"):
        worker.execute("echo", {"pair": (1, 2)})


def test_one_call_runs_at_a_time(worker: FakeWorkerHandle) -> None:
    hanging = worker.submit("hang")
    worker.output.wait_for("hanging")
    waiting = worker.submit("echo", {"n": 1})

    most_running = worker.execute("release", concurrent=True)

    assert most_running == 2
    assert hanging.result(5) is None
    assert waiting.result(5) == {"n": 1}
    assert worker.execute("release") == 2


def test_a_call_that_is_late_frees_the_worker(worker: FakeWorkerHandle) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("hang", timeout_s=0.05)

    assert caught.value.kind == "timeout"
    assert worker.execute("echo", {"n": 1}) == {"n": 1}


def test_a_call_can_be_given_up(worker: FakeWorkerHandle) -> None:
    hanging = worker.submit("hang")
    worker.output.wait_for("hanging")

    hanging.cancel()

    assert worker.execute("echo", {"n": 1}) == {"n": 1}


def test_chunks_arrive_as_maps(worker: FakeWorkerHandle) -> None:
    stream = worker.stream("count")

    assert list(stream) == [{"i": number, "is_final": False} for number in range(3)]
    assert [chunk.chunk_id for chunk in stream.chunks] == ["count-0", "count-1", "count-2"]
    assert next(stream, "no more") == "no more"


def test_an_error_ends_a_stream_after_what_came_before(worker: FakeWorkerHandle) -> None:
    stream = worker.stream("fail_stream")

    assert next(stream) == {"i": 0, "is_final": False}
    with pytest.raises(ElixirError) as caught:
        next(stream)
    assert (caught.value.kind, caught.value.message) == ("rpc_error", "x" * 10)
    assert next(stream, "no more") == "no more"


def test_halting_a_stream_leaves_it_running_and_the_worker_free(worker: FakeWorkerHandle) -> None:
    with worker.stream("endless") as stream:
        assert next(stream)["i"] == 0

        stream.halt()

        assert next(stream, "no more") == "no more"
        assert worker.execute("echo", {"n": 1}) == {"n": 1}
        assert "endless ended" not in worker.output.text()

    worker.output.wait_for("endless ended")


def test_headers_beyond_elixirs_limit_cost_the_connection_its_telemetry(
    worker: FakeWorkerHandle,
) -> None:
    worker.states.wait_for(lambda state: state == "telemetry open")

    with pytest.raises(ElixirError) as caught:
        list(worker.stream("huge_failure"))

    assert caught.value.kind == "connection_lost"
    worker.states.wait_for(lambda state: state.startswith("telemetry ended"))


def test_events_are_taken_or_dropped_as_elixir_does(worker: FakeWorkerHandle) -> None:
    taken = worker.events.wait_for(bool)

    worker.control_telemetry(pb.TelemetryControl(sampling=pb.TelemetrySamplingUpdate()))

    dropped = worker.dropped_events.wait_for(bool)
    assert taken.name == ("snakepit", "python", "call", "stop")
    assert taken.metadata["python_pid"] == worker.pid
    assert taken.metadata["pool_name"] == "default"
    assert dropped.name == "own.sampling"


def test_the_stream_of_telemetry_ends_at_its_deadline() -> None:
    rhythm = Rhythm(heartbeat=SLOW, telemetry_deadline_s=0.2)
    with FakeElixirHost(rhythm=rhythm) as host:
        worker = _spawn(host)

        assert worker.states.wait_for(lambda state: state.startswith("telemetry ended")) == (
            "telemetry ended: DEADLINE_EXCEEDED"
        )


def test_any_call_can_be_made(worker: FakeWorkerHandle) -> None:
    assert worker.call("Ping", pb.PingRequest(message="m")).message == "stand-in: m"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        worker.call("GetSession", pb.GetSessionRequest(session_id="s"))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# --- how a worker ends --------------------------------------------------------------------------


def test_a_worker_whose_session_is_invalid_is_ended(host: FakeElixirHost) -> None:
    worker = _spawn(host, heartbeat=HeartbeatRules(interval_s=0.05))

    worker.execute("invalid")

    assert worker.wait_until_dead() == "ping_failed (session_valid is false)"
    assert worker.wait_for_exit() == 0
    with pytest.raises(ElixirError, match=f"Worker not found: {worker.worker_id}"):
        worker.execute("echo")
    with pytest.raises(ElixirError, match="Worker not found"):
        list(worker.stream("count"))


def test_a_worker_that_misses_one_heartbeat_is_ended(host: FakeElixirHost) -> None:
    worker = _spawn(host, heartbeat=HeartbeatRules(interval_s=0.05, timeout_s=0.3))

    blocked = worker.submit("block")

    assert worker.wait_until_dead().startswith("ping_failed (DEADLINE_EXCEEDED")
    with pytest.raises(ElixirError, match="Worker shutting down"):
        blocked.result(5)
    worker.kill()


def test_an_independent_worker_may_miss_them(host: FakeElixirHost) -> None:
    rules = HeartbeatRules(interval_s=0.01, dependent=False)
    worker = _spawn(host, heartbeat=rules)
    worker.execute("invalid")
    before = host.transcript[-1]["call"]

    host.transcript.wait_for(
        lambda record: record["rpc"] == "Heartbeat" and record["call"] > before, count=3
    )

    assert worker.dead == ""


def test_a_worker_that_answers_no_health_check_is_ended() -> None:
    rhythm = Rhythm(heartbeat=HeartbeatRules(enabled=False), health_check_s=0.1)
    with FakeElixirHost(rhythm=rhythm) as host:
        worker = _spawn(host)
        host.transcript.wait_for(
            lambda record: record["message"].get("message") == "stand-in: health_check_1"
        )

        worker.submit("block")

        assert worker.wait_until_dead() == "health_check_failed (DEADLINE_EXCEEDED)"
        worker.kill()


def test_what_runs_when_a_worker_dies_is_told_so(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    # The first heartbeat, should it be under way, would notice as well.
    host.transcript.wait_for(
        lambda record: record["rpc"] == "Heartbeat" and record["part"] == "answer"
    )

    with pytest.raises(ElixirError) as caught:
        worker.execute("exit")

    assert (caught.value.kind, caught.value.message) == ("worker_exit", "Worker shutting down")
    assert worker.wait_until_dead() == "exit 3"
    assert worker.exit_code == 3


def test_a_stream_of_a_worker_that_dies_is_told_so(worker: FakeWorkerHandle) -> None:
    stream = worker.stream("endless")
    assert next(stream)["i"] == 0

    worker.kill()

    with pytest.raises(ElixirError, match="Worker shutting down"):
        list(stream)


def test_a_worker_ends_with_sigterm_unless_it_needs_sigkill(host: FakeElixirHost) -> None:
    willing, stubborn = _spawn(host), _spawn(host)
    stubborn.execute("stubborn")

    assert willing.terminate() == Termination("SIGTERM", 0)
    assert stubborn.terminate(grace_s=0.1) == Termination("SIGKILL", -9)
    assert willing.terminate() == Termination("nothing", 0)
    assert willing.dead == "terminated"


def test_signals_reach_the_group(worker: FakeWorkerHandle) -> None:
    worker.send_signal(signal.SIGINT)

    assert worker.wait_for_exit() != 0


def test_a_worker_that_does_not_start_shows_its_output(host: FakeElixirHost) -> None:
    with pytest.raises(WorkerStartError, match="died as it was told") as caught:
        _spawn(host, adapter_args=["--die"])

    assert caught.value.exit_code == 1


async def test_a_worker_that_never_becomes_ready_is_killed(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready"
    ready_file.write_text("not a port")
    command_line = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    process = await start_process(
        Spawned(command_line=command_line, cwd=tmp_path, environment={}, ready_file=ready_file)
    )

    with pytest.raises(WorkerStartError, match="was not ready after") as caught:
        await process.port(within_s=0.2)

    assert caught.value.exit_code is None
    assert process.exit_code == -signal.SIGKILL


def test_the_rival_is_no_use_to_anybody(host: FakeElixirHost) -> None:
    with pytest.raises(WorkerStartError, match="the rival module snakepit_bridge was imported"):
        _spawn(host, rival=True)


def test_a_worker_nobody_started_has_no_process(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    attached = host.attach(worker.port)

    assert attached.execute("echo", {"n": 1}) == {"n": 1}
    with pytest.raises(RuntimeError, match="not started here"):
        _ = attached.pid
    with pytest.raises(RuntimeError, match="not started here"):
        attached.terminate()


def test_who_does_not_answer_is_no_worker(host: FakeElixirHost) -> None:
    with pytest.raises(ElixirError) as caught:
        host.attach(1)

    assert caught.value.kind == "unavailable"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_worker_is_found_by_its_command_line(host: FakeElixirHost, tmp_path: Path) -> None:
    script = tmp_path / "grpc_server.py"
    shutil.copy(STAND_IN, script)
    worker = host.spawn(
        "shop.Shop", script=script, rival=False, env={"PYTHONPATH": os.fspath(Path.cwd())}
    )

    assert orphans_of(host.run_id) == [worker.pid]
    worker.terminate()
    assert orphans_of(host.run_id) == []


# --- Elixir in between --------------------------------------------------------------------------


def _request(worker: FakeWorkerHandle, tool: str, **fields: Any) -> pb.ExecuteToolRequest:
    return pb.ExecuteToolRequest(session_id=worker.session_id, tool_name=tool, **fields)


def test_calls_of_others_are_forwarded(stub: BridgeServiceStub, worker: FakeWorkerHandle) -> None:
    request = _request(
        worker,
        "echo",
        parameters={"n": wire_value(1)},
        binary_parameters={"raw": b"\xff"},
        metadata={"correlation_id": "c", "timeout_ms": "5000", "binary_format:raw": "pickle"},
    )

    answer = stub.ExecuteTool(request, timeout=5)
    image = stub.ExecuteTool(_request(worker, "image"), timeout=5)
    failed = stub.ExecuteTool(_request(worker, "fail"), timeout=5)

    assert (answer.success, answer.result.value) == (True, b'{"n":1,"raw":"ff"}')
    assert answer.metadata["tool_type"] == "remote"
    assert (image.result.value, image.binary_result) == (
        b'{"content_type":"image/png"}',
        b"\x89PNG",
    )
    assert failed.error_message == "Remote tool execution failed: no good"
    (forwarded,) = [
        record
        for record in worker.transcript
        if record["direction"] == "to_worker" and record["message"].get("tool_name") == "echo"
    ]
    assert forwarded["headers"] == {"x-snakepit-correlation-id": "c"}
    assert "binary_format:raw" not in forwarded["message"]["metadata"]


def test_streams_of_others_are_forwarded(stub: BridgeServiceStub, worker: FakeWorkerHandle) -> None:
    final = list(stub.ExecuteStreamingTool(_request(worker, "count_final"), timeout=5))
    synthetic = list(stub.ExecuteStreamingTool(_request(worker, "count"), timeout=5))

    assert [chunk.is_final for chunk in final] == [False, False, True]
    assert final[-1].metadata["worker_id"] == worker.worker_id
    assert len(synthetic) == 4
    assert synthetic[-1].is_final
    assert (synthetic[-1].metadata["synthetic_final"], synthetic[-1].metadata["chunks_sent"]) == (
        "true",
        "3",
    )


def test_streams_that_cannot_be_end_with_a_status(
    host: FakeElixirHost, stub: BridgeServiceStub, worker: FakeWorkerHandle
) -> None:
    host.tool("local", _nothing)

    def status(tool: str, **fields: Any) -> tuple[grpc.StatusCode, str]:
        def first(request: pb.ExecuteToolRequest, timeout: float) -> Any:
            return list(stub.ExecuteStreamingTool(request, timeout=timeout))

        return _status(first, _request(worker, tool, **fields))

    packed = wire_value(None)
    packed.Pack(StringValue(value="text"))

    assert status("local")[0] is grpc.StatusCode.UNIMPLEMENTED
    assert status("echo")[0] is grpc.StatusCode.UNIMPLEMENTED
    assert status("what")[0] is grpc.StatusCode.NOT_FOUND
    assert status("count", parameters={"k": packed})[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert status("fail_stream") == (
        grpc.StatusCode.INTERNAL,
        f"Remote tool execution failed: {'x' * 10}",
    )
    worker.kill()
    worker.wait_until_dead()
    assert status("count")[0] is grpc.StatusCode.INTERNAL


def test_tools_of_elixir_are_run_for_others(host: FakeElixirHost, stub: BridgeServiceStub) -> None:
    host.tool("sizes", lambda args: {name: len(value.data) for name, value in args.items()})
    request = pb.ExecuteToolRequest(
        session_id="s", tool_name="sizes", binary_parameters={"raw": b"123"}
    )

    early = stub.ExecuteTool(request, timeout=5)
    _begin(stub)
    answer = stub.ExecuteTool(request, timeout=5)

    assert early.error_message == "not_found"
    assert answer.result.value == b'{"raw":3}'
    assert answer.metadata["tool_type"] == "local"


def test_a_worker_that_is_not_there_cannot_be_forwarded_to(stub: BridgeServiceStub) -> None:
    _begin(stub)
    tools = [
        pb.ToolRegistration(name="unary"),
        pb.ToolRegistration(name="stream", supports_streaming=True),
    ]
    registration = pb.RegisterToolsRequest(session_id="s", worker_id="python-14", tools=tools)
    stub.RegisterTools(registration, timeout=5)

    unary = stub.ExecuteTool(pb.ExecuteToolRequest(session_id="s", tool_name="unary"), timeout=5)
    unknown = stub.ExecuteTool(pb.ExecuteToolRequest(session_id="s", tool_name="x"), timeout=5)
    stream = _status(
        lambda request, timeout: list(stub.ExecuteStreamingTool(request, timeout=timeout)),
        pb.ExecuteToolRequest(session_id="s", tool_name="stream"),
    )

    text = "Remote tool execution failed: Worker not found: python-14"
    assert unary.error_message == text
    assert unknown.error_message == "Tool x not found for session s"
    assert stream == (grpc.StatusCode.INTERNAL, text)
