from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostUnavailableError,
    InvalidArgumentError,
    SessionError,
    WrongCallError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall
from snakepit_bridge.grpc.host_link import HostLink, Limits, open_channel
from snakepit_bridge.session.context import current_execution
from snakepit_bridge.telemetry.correlation import (
    CORRELATION_HEADER,
    reset_correlation_id,
    set_correlation_id,
)
from snakepit_bridge.testing import FakeClock
from tests.unit.grpc.fake_rpcs import FakeChannel, FakeRpc

LIMITS = Limits(default_timeout_s=30, connect_timeout_s=5, max_message_bytes=1000)

CALL = HostCall(rpc="GetSession", request=pb.GetSessionRequest(session_id="s"), what="find it")


def _link(
    serve: Callable[[str, FakeRpc], None], *, limits: Limits = LIMITS, **more: Any
) -> tuple[HostLink, FakeChannel]:
    channel = FakeChannel(serve)
    return HostLink(channel, address="host:1", limits=limits, **more), channel


def _answer(rpc: str, call: FakeRpc) -> None:
    call.answer(f"answer to {rpc}")


def _fail_with(code: grpc.StatusCode) -> Callable[[str, FakeRpc], None]:
    return lambda _, call: call.fail(code)


@contextmanager
def a_command(clock: FakeClock, *, deadline: float | None = None) -> Iterator[Execution]:
    job = Job(session_id="s", command="c", args={}, deadline=deadline, trace_context={})
    execution = Execution(job, lambda _: None, clock=clock, on_end=lambda: None)
    token = current_execution.set(execution)
    try:
        yield execution
    finally:
        current_execution.reset(token)


@contextmanager
def a_correlation_id(correlation_id: str) -> Iterator[None]:
    token = set_correlation_id(correlation_id)
    try:
        yield
    finally:
        reset_correlation_id(token)


async def test_a_call_waits_for_a_connection_and_returns_the_answer() -> None:
    link, channel = _link(_answer)

    assert link.send(CALL) == "answer to GetSession"
    assert await link.send_async(CALL) == "answer to GetSession"

    assert [sent.wait_for_ready for sent in channel.sent] == [True, True]
    assert channel.sent[0].request is CALL.request


def test_the_time_of_a_call_is_that_of_its_command_or_its_own_or_the_default() -> None:
    link, channel = _link(_answer)
    hasty = HostCall(rpc="Ping", request=pb.PingRequest(), what="answer", timeout_s=2)
    clock = FakeClock()

    link.send(CALL)
    link.send(hasty)
    with a_command(clock):
        link.send(CALL)
    with a_command(clock, deadline=100):
        clock.advance(40)
        link.send(CALL)
        link.send(hasty)
    with a_command(clock, deadline=41):
        link.send(hasty)

    assert [sent.timeout for sent in channel.sent] == [30, 2, 30, 60, 2, 1]


def test_nothing_is_sent_for_a_command_that_is_late_or_cancelled() -> None:
    link, channel = _link(_answer)

    with a_command(FakeClock(), deadline=0), pytest.raises(CommandDeadlineError):
        link.send(CALL)
    with a_command(FakeClock()) as execution:
        execution.cancel()
        with pytest.raises(CommandCancelledError):
            link.send(CALL)

    assert channel.sent == []


def test_a_cancelled_command_ends_its_call() -> None:
    with a_command(FakeClock()) as execution:
        link, _ = _link(lambda *_: execution.cancel())

        with pytest.raises(CommandCancelledError) as caught:
            link.send(CALL)

    assert isinstance(caught.value.__cause__, grpc.FutureCancelledError)


def test_a_call_that_has_ended_is_not_cancelled_by_its_command_any_more() -> None:
    rpcs: list[FakeRpc] = []

    def serve(_: str, call: FakeRpc) -> None:
        rpcs.append(call)
        call.answer()

    link, _ = _link(serve)
    with a_command(FakeClock()) as execution:
        link.send(CALL)
        execution.cancel()

    assert rpcs[0].cancelled is False


def test_the_deadline_of_the_command_is_told_from_a_slow_host() -> None:
    link, _ = _link(_fail_with(grpc.StatusCode.DEADLINE_EXCEEDED))

    with a_command(FakeClock(), deadline=10), pytest.raises(HostUnavailableError, match="10 s"):
        link.send(CALL)
    with pytest.raises(HostUnavailableError, match="within 30 s"):
        link.send(CALL)


def test_the_deadline_of_the_command_ends_its_call() -> None:
    clock = FakeClock()

    def serve(_: str, call: FakeRpc) -> None:
        clock.advance(10)
        call.fail(grpc.StatusCode.DEADLINE_EXCEEDED)

    link, _ = _link(serve)

    with a_command(clock, deadline=10), pytest.raises(CommandDeadlineError):
        link.send(CALL)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (grpc.StatusCode.NOT_FOUND, "connected"),
        (grpc.StatusCode.UNAVAILABLE, "unreachable"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "connecting"),
    ],
)
def test_the_state_is_what_the_latest_call_found(code: grpc.StatusCode, state: str) -> None:
    link, _ = _link(_fail_with(code))

    assert link.state == "connecting"
    with pytest.raises(BridgeError):
        link.send(CALL)

    assert link.state == state


def test_an_answer_means_connected() -> None:
    link, _ = _link(_answer)

    link.send(CALL)

    assert link.state == "connected"


def test_a_status_is_translated_with_its_cause() -> None:
    link, _ = _link(_fail_with(grpc.StatusCode.NOT_FOUND))

    with pytest.raises(SessionError, match="The host at host:1 could not find it") as caught:
        link.send(CALL)

    assert isinstance(caught.value.__cause__, FakeRpc)


def test_a_host_that_is_not_there_is_found_out_by_a_ping_that_does_not_wait() -> None:
    def serve(rpc: str, call: FakeRpc) -> None:
        if rpc == "Ping":
            call.fail(grpc.StatusCode.UNAVAILABLE, "connection refused")

    limits = Limits(default_timeout_s=30, connect_timeout_s=1e-9, max_message_bytes=1000)
    link, channel = _link(serve, limits=limits, metadata=[("authorization", "Bearer 1")])

    with pytest.raises(HostUnavailableError, match=r"to find it: connection refused\."):
        link.send(CALL)

    assert link.state == "unreachable"
    assert channel.sent[1].wait_for_ready is None
    assert channel.sent[1].metadata == (("authorization", "Bearer 1"),)


def test_a_request_that_is_too_large_is_not_sent() -> None:
    link, channel = _link(_answer)
    request = pb.GetSessionRequest(session_id="s" * 1000)

    with pytest.raises(InvalidArgumentError, match="1003 bytes"):
        link.send(HostCall(rpc="GetSession", request=request, what="find it"))

    assert channel.sent == []


def test_a_closed_link_says_so() -> None:
    link, channel = _link(_answer)

    link.close()

    assert channel.closed
    with pytest.raises(WrongCallError, match="host:1 is closed"):
        link.send(CALL)


def test_closing_ends_a_call_without_a_suggestion_to_repeat_it() -> None:
    def serve(_: str, call: FakeRpc) -> None:
        link.close()
        call.fail(grpc.StatusCode.CANCELLED, "Channel closed!")

    link, _ = _link(serve)

    with pytest.raises(HostUnavailableError, match="was closed") as caught:
        link.send(CALL)

    assert caught.value.retryable is False


def test_closing_while_a_call_waits_is_no_fault_of_the_probe() -> None:
    rpcs: list[FakeRpc] = []

    class Closing(FakeChannel):
        def start(self, sent: Any) -> FakeRpc:
            if sent.rpc == "Ping":
                self.close()
                rpcs[0].fail(grpc.StatusCode.UNKNOWN)
            return super().start(sent)

    limits = Limits(default_timeout_s=30, connect_timeout_s=1e-9, max_message_bytes=1000)
    channel = Closing(lambda _, call: rpcs.append(call))
    link = HostLink(channel, address="host:1", limits=limits)

    with pytest.raises(BridgeError):
        link.send(CALL)


def test_a_mistake_of_ours_is_not_taken_for_a_closed_channel() -> None:
    def serve(*_: object) -> None:
        raise ValueError("metadata was invalid")

    link, _ = _link(serve)

    with pytest.raises(ValueError, match="metadata was invalid"):
        link.send(CALL)


@pytest.mark.parametrize(
    "header", [("Authorization", "x"), ("", "x"), ("a", "é"), ("a", "x\n"), ("ä", "x")]
)
def test_a_header_that_grpc_cannot_carry_is_refused_without_showing_its_value(
    header: tuple[str, str],
) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        _link(_answer, metadata=[header])

    assert not str(caught.value).endswith(header[1])


def test_binary_headers_may_have_any_value() -> None:
    link, channel = _link(_answer, metadata=[("note-bin", b"\xff")])

    link.send(CALL)

    assert channel.sent[0].metadata == (("note-bin", b"\xff"),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("default_timeout_s", 0),
        ("connect_timeout_s", -1),
        ("max_message_bytes", 0),
        ("max_message_bytes", 2**31),
    ],
)
def test_impossible_limits_are_refused(name: str, value: int) -> None:
    limits = {"default_timeout_s": 1, "connect_timeout_s": 1, "max_message_bytes": 1}

    with pytest.raises(ValueError, match=name):
        Limits(**{**limits, name: value})


@pytest.mark.parametrize("credentials", [None, grpc.local_channel_credentials()])
def test_opening_a_channel_connects_nowhere(credentials: grpc.ChannelCredentials | None) -> None:
    open_channel("nowhere.invalid:1", LIMITS, credentials).close()


@pytest.mark.defect("D22")
async def test_every_call_carries_the_correlation_id_of_what_it_belongs_to() -> None:
    """Calls to Elixir once did not tell whose they were."""
    link, channel = _link(_answer, metadata=[("authorization", "Bearer 1")])

    link.send(CALL)
    with a_correlation_id("sp-1"):
        link.send(CALL)
        await link.send_async(CALL)

    assert [dict(sent.metadata) for sent in channel.sent] == [
        {"authorization": "Bearer 1"},
        {"authorization": "Bearer 1", CORRELATION_HEADER: "sp-1"},
        {"authorization": "Bearer 1", CORRELATION_HEADER: "sp-1"},
    ]


def test_a_call_with_a_correlation_id_of_its_own_carries_only_that() -> None:
    link, channel = _link(_answer)
    call = HostCall(
        rpc="Ping", request=pb.PingRequest(), what="answer", metadata=[(CORRELATION_HEADER, "own")]
    )

    with a_correlation_id("sp-1"):
        link.send(call)

    assert channel.sent[0].metadata == ((CORRELATION_HEADER, "own"),)


def test_a_correlation_id_that_no_header_can_carry_is_left_out() -> None:
    link, channel = _link(_answer)

    with a_correlation_id("é\n"):
        link.send(CALL)

    assert channel.sent[0].metadata == ()


def test_a_call_may_have_less_patience_than_others() -> None:
    def serve(rpc: str, call: FakeRpc) -> None:
        if rpc == "Ping":
            call.fail(grpc.StatusCode.UNAVAILABLE, "connection refused")

    link, _ = _link(serve)
    hasty = HostCall(
        rpc="GetSession", request=pb.GetSessionRequest(), what="find it", connect_timeout_s=1e-9
    )

    with pytest.raises(HostUnavailableError, match="connection refused"):
        link.send(hasty)


def test_a_forked_process_is_refused_instead_of_waiting_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """gRPC's threads are not in the child, so a call there once never ended."""
    link, channel = _link(_answer)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)

    with pytest.raises(WrongCallError, match=f"belongs to process {parent}.* cannot find it"):
        link.send(CALL)

    assert channel.sent == []
