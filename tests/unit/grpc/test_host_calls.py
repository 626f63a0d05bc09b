from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import HostUnavailableError, InvalidArgumentError, VariableError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import (
    HostCall,
    HostLostError,
    Operation,
    message,
    repeated,
    run,
    run_async,
)

PING = HostCall(rpc="Ping", request=None, what="answer")


def test_an_operation_gets_the_answers_to_its_calls() -> None:
    def operation() -> Operation[list[str]]:
        first = yield PING
        second = yield PING
        return [first, second]

    answers = iter(["a", "b"])

    assert run(operation(), lambda _: next(answers)) == ["a", "b"]


async def test_an_operation_runs_on_the_loop_as_well() -> None:
    def operation() -> Operation[list[str]]:
        try:
            first = yield PING
        except VariableError as error:
            first = error.message
        return [first, (yield PING)]

    answers = iter([VariableError("none"), "b"])

    async def send(_: HostCall) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await run_async(operation(), send) == ["none", "b"]


def test_an_operation_may_handle_what_a_call_raises() -> None:
    def operation() -> Operation[str]:
        try:
            yield PING
        except VariableError as error:
            return error.message
        raise AssertionError

    def send(_: HostCall) -> Any:
        raise VariableError("none")

    assert run(operation(), send) == "none"


def test_what_an_operation_does_not_handle_reaches_the_caller() -> None:
    def operation() -> Operation[None]:
        yield PING

    def send(_: HostCall) -> Any:
        raise VariableError("none")

    with pytest.raises(VariableError):
        run(operation(), send)


@pytest.mark.parametrize(
    ("error", "calls"), [(HostLostError("gone"), 2), (HostUnavailableError("never there"), 1)]
)
def test_only_a_call_that_got_lost_is_repeated_once(
    error: HostUnavailableError, calls: int
) -> None:
    sent: list[HostCall] = []

    def send(call: HostCall) -> Any:
        sent.append(call)
        raise error

    with pytest.raises(HostUnavailableError):
        run(repeated(PING), send)

    assert len(sent) == calls


@pytest.mark.parametrize("session_id", [7, "\ud800"])
def test_what_does_not_fit_a_request_is_the_callers_mistake(session_id: object) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot be asked") as caught:
        message(pb.GetSessionRequest, session_id=session_id)

    assert caught.value.hint
