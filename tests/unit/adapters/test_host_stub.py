from __future__ import annotations

from typing import Any

import grpc
import pytest

from snakepit_bridge.adapters.host_stub import HostRpcError, HostStub
from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostUnavailableError,
    InvalidArgumentError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.telemetry.correlation import (
    get_correlation_id,
    reset_correlation_id,
    set_correlation_id,
)
from tests.unit.adapters.stubs import ScriptedClient
from tests.unit.grpc.fake_rpcs import FakeChannel, FakeRpc

PING = pb.PingRequest(message="hello")


@pytest.fixture
def client() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture
def stub(client: ScriptedClient) -> HostStub:
    return HostStub(client)


def _failed(code: grpc.StatusCode, details: str | None) -> BridgeError:
    error = HostUnavailableError("The host could not answer.")
    rpc = FakeRpc()
    rpc.fail(code, details)
    error.__cause__ = rpc
    return error


def test_a_stub_has_every_unary_call_of_snakepits_own() -> None:
    def serve(*_: object) -> None:
        raise NotImplementedError

    theirs = BridgeServiceStub(FakeChannel(serve))
    ours = HostStub(ScriptedClient())
    streams = {"ExecuteStreamingTool", "StreamTelemetry", "WatchVariables"}

    assert {name for name in vars(theirs) if not hasattr(ours, name)} == streams


def test_a_call_returns_the_hosts_answer(client: ScriptedClient, stub: HostStub) -> None:
    client.host.say("Ping", pb.PingResponse(message="pong"))

    assert stub.Ping(PING).message == "pong"
    assert stub.Ping.with_call(PING)[0].message == "pong"

    assert [each.request for each in client.host.asked] == [PING, PING]


async def test_async_code_has_a_twin_of_every_call(client: ScriptedClient, stub: HostStub) -> None:
    client.host.say("Ping", pb.PingResponse(message="pong"))

    answer = await stub.Ping.ask(PING, timeout_s=2, metadata=[("a", "b")])

    assert answer.message == "pong"
    assert client.host.asked[0].timeout_s == 2
    assert client.host.asked[0].metadata == [("a", "b")]


def test_time_and_headers_of_a_call_are_passed_on(client: ScriptedClient, stub: HostStub) -> None:
    client.host.say("Ping", pb.PingResponse())

    stub.Ping(PING)
    stub.Ping(PING, timeout=2, metadata=[("a", "b")])
    stub.Ping(PING, 3, None)

    assert [(each.timeout_s, each.metadata) for each in client.host.asked] == [
        (None, ()),
        (2, [("a", "b")]),
        (3, ()),
    ]


def test_what_else_stubs_of_grpc_take_is_taken_too(client: ScriptedClient, stub: HostStub) -> None:
    client.host.say("Ping", pb.PingResponse(message="pong"))

    stub.Ping(PING, wait_for_ready=True, credentials=None)
    stub.Ping.with_call(PING, 2, compression=grpc.Compression.Gzip)

    assert [each.timeout_s for each in client.host.asked] == [None, 2]


def test_a_call_may_be_answered_later(client: ScriptedClient, stub: HostStub) -> None:
    client.host.say("Ping", pb.PingResponse(message="pong"))
    client.host.say("GetSession", _failed(grpc.StatusCode.NOT_FOUND, "no such session"))

    pong = stub.Ping.future(PING, timeout=2)
    failed = stub.GetSession.future(pb.GetSessionRequest())

    assert pong.result(5).message == "pong"
    assert isinstance(failed.exception(5), grpc.RpcError)


def test_a_call_that_is_answered_later_belongs_to_the_same_command() -> None:
    class Correlated(ScriptedClient):
        def request(self, *_: Any, **__: Any) -> Any:
            return get_correlation_id()

    token = set_correlation_id("of the command")
    answer = HostStub(Correlated()).Ping.future(PING)
    reset_correlation_id(token)

    assert answer.result(5) == "of the command"


async def test_a_failure_is_what_users_of_grpc_catch(
    client: ScriptedClient, stub: HostStub
) -> None:
    client.host.say("Ping", _failed(grpc.StatusCode.UNAVAILABLE, "going down"))

    with pytest.raises(grpc.RpcError) as caught:
        stub.Ping(PING)
    with pytest.raises(grpc.RpcError):
        await stub.Ping.ask(PING)

    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "going down"
    assert str(error) == "The host could not answer."
    assert isinstance(error.__cause__, HostUnavailableError)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HostUnavailableError("nobody there"), grpc.StatusCode.UNAVAILABLE),
        (CommandDeadlineError("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (CommandCancelledError("gone"), grpc.StatusCode.CANCELLED),
        (InvalidArgumentError("too large"), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_failure_on_this_side_has_a_status_as_well(
    error: BridgeError, code: grpc.StatusCode
) -> None:
    error.__cause__ = grpc.FutureCancelledError()
    raised = HostRpcError(error)

    assert raised.code() is code
    assert raised.details() == str(error)
    assert raised.initial_metadata() == ()
    assert raised.trailing_metadata() == ()


def test_an_error_of_a_call_has_its_headers_and_trailers() -> None:
    class Ended(FakeRpc):
        def initial_metadata(self) -> Any:
            return (("a", "b"),)

        def trailing_metadata(self) -> Any:
            return (("c", "d"),)

    call = Ended()
    call.fail(grpc.StatusCode.INTERNAL, None)
    error = HostUnavailableError("no")
    error.__cause__ = call

    raised = HostRpcError(error)

    assert raised.initial_metadata() == (("a", "b"),)
    assert raised.trailing_metadata() == (("c", "d"),)
    assert raised.details() == ""


@pytest.mark.defect("D54")
async def test_the_workers_own_session_is_not_ended_by_whoever_asks(
    client: ScriptedClient, stub: HostStub
) -> None:
    """Elixir stopped the worker at the next heartbeat, and put none in its place."""
    client.sessions.adopt(pb.InitializeSessionRequest(session_id="own"))
    request = pb.CleanupSessionRequest(session_id="own")

    assert stub.CleanupSession(request).success
    assert (await stub.CleanupSession.ask(request)).success

    assert client.host.asked == []


def test_other_sessions_are_ended_in_elixir(client: ScriptedClient, stub: HostStub) -> None:
    client.sessions.adopt(pb.InitializeSessionRequest(session_id="own"))
    client.host.say("CleanupSession", pb.CleanupSessionResponse(success=True, resources_cleaned=1))

    answer = stub.CleanupSession(pb.CleanupSessionRequest(session_id="other"))

    assert answer.resources_cleaned == 1


@pytest.mark.defect("D17")
@pytest.mark.parametrize(
    ("worker_id", "given", "sent"),
    [
        ("pool_worker_1", "python-1405", "pool_worker_1"),
        ("pool_worker_1", "", "pool_worker_1"),
        ("pool_worker_1", "chosen", "chosen"),
        ("", "python-1405", "python-1405"),
    ],
)
def test_tools_are_registered_for_the_worker_as_elixir_knows_it(
    client: ScriptedClient, worker_id: str, given: str, sent: str
) -> None:
    """The id of a Python object led nobody back to the worker."""
    client.host.say("RegisterTools", pb.RegisterToolsResponse(success=True))
    request = pb.RegisterToolsRequest(session_id="s", worker_id=given)

    HostStub(client, worker_id=worker_id).RegisterTools(request)

    assert client.host.asked[0].request.worker_id == sent
    assert request.worker_id == given


def test_stubs_and_calls_say_whose_they_are(stub: HostStub) -> None:
    assert repr(stub) == "HostStub(BridgeClient('nowhere:1'))"
    assert repr(stub.Ping) == "<Ping of nowhere:1>"
