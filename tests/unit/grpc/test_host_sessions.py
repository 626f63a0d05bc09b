from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.errors import (
    BridgeError,
    HostToolError,
    HostUnavailableError,
    SessionError,
    VariableError,
)
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_calls import HostCall, HostLostError, run
from snakepit_bridge.grpc.host_sessions import (
    IN_SESSION,
    HostSessions,
    begin_session,
    in_session,
)

BEGUN = pb.InitializeSessionResponse(success=True)
DONE = pb.ExecuteElixirToolResponse(success=True)
UNKNOWN_IN_BAND = pb.ExecuteElixirToolResponse(error_message="not_found")
UNKNOWN = SessionError("no", {"status": "NOT_FOUND", "host_message": "Session not found: s"})
CALL = HostCall(
    rpc="ExecuteElixirTool",
    request=pb.ExecuteElixirToolRequest(session_id="s", tool_name="t"),
    what="run tool 't'",
)


class Script:
    """Answers calls in the order of the script, or raises what stands there."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.sent: list[HostCall] = []

    def __call__(self, call: HostCall) -> Any:
        self.sent.append(call)
        answer = self._answers.pop(0)
        if isinstance(answer, BridgeError):
            raise answer
        return answer

    @property
    def rpcs(self) -> list[str]:
        return [call.rpc for call in self.sent]


def _variable_call(rpc: str = "GetVariable") -> HostCall:
    request = pb.GetVariableRequest(session_id="s", variable_identifier="x")
    return HostCall(rpc=rpc, request=request, what="get variable 'x'")


@pytest.mark.defect("D7")
def test_a_call_in_a_session_that_the_host_knows_is_the_only_call() -> None:
    """Every command once began its session first."""
    script = Script(DONE)

    assert run(in_session(CALL, HostSessions()), script) is DONE

    assert script.sent == [CALL]


@pytest.mark.parametrize(
    "said", ["not_found", ":not_found", " not_found\n", "Session not found: s", "session not found"]
)
def test_a_session_that_the_host_does_not_know_is_begun_and_the_call_made_again(said: str) -> None:
    unknown = pb.ExecuteElixirToolResponse(error_message=said)
    script = Script(unknown, BEGUN, DONE)

    assert run(in_session(CALL, HostSessions()), script) is DONE

    assert script.rpcs == ["ExecuteElixirTool", "InitializeSession", "ExecuteElixirTool"]
    assert script.sent[1].request == pb.InitializeSessionRequest(session_id="s")


def test_a_status_tells_an_unknown_session_as_well() -> None:
    found = pb.GetVariableResponse()
    script = Script(UNKNOWN, BEGUN, found)

    assert run(in_session(_variable_call(), HostSessions()), script) is found

    assert script.rpcs == ["GetVariable", "InitializeSession", "GetVariable"]


def test_the_processs_own_session_is_begun_as_it_was_the_first_time() -> None:
    sessions = HostSessions()
    beginning = pb.InitializeSessionRequest(session_id="s", metadata={"elixir_node": "a@b"})
    sessions.adopt(beginning)
    script = Script(UNKNOWN_IN_BAND, BEGUN, DONE)

    run(in_session(CALL, sessions), script)

    assert script.sent[1].request == beginning


def test_a_call_is_made_again_only_once() -> None:
    script = Script(UNKNOWN_IN_BAND, BEGUN, UNKNOWN_IN_BAND)

    assert run(in_session(CALL, HostSessions()), script) is UNKNOWN_IN_BAND


@pytest.mark.parametrize(
    "said",
    ["", "Tool t not found for session s", "Tool execution failed: row not_found", "not_found_at"],
)
def test_other_failures_of_a_tool_are_no_reason_to_call_it_again(said: str) -> None:
    failed = pb.ExecuteElixirToolResponse(error_message=said)
    script = Script(failed)

    assert run(in_session(CALL, HostSessions()), script) is failed


@pytest.mark.parametrize(
    "error",
    [
        VariableError("no", {"host_message": "Variable not found: x"}),
        HostUnavailableError("nobody there"),
    ],
)
def test_other_errors_are_no_reason_to_call_again(error: BridgeError) -> None:
    script = Script(error)

    with pytest.raises(type(error)):
        run(in_session(_variable_call(), HostSessions()), script)

    assert len(script.sent) == 1


@pytest.mark.parametrize("rpc", ["GetSession", "Heartbeat", "CleanupSession"])
def test_who_asks_about_a_session_does_not_begin_it(rpc: str) -> None:
    script = Script(UNKNOWN)

    with pytest.raises(SessionError):
        run(in_session(_variable_call(rpc), HostSessions()), script)

    assert script.rpcs == [rpc]


def test_an_answer_without_a_verdict_is_an_answer() -> None:
    listed = pb.GetExposedElixirToolsResponse()
    call = HostCall(
        rpc="GetExposedElixirTools",
        request=pb.GetExposedElixirToolsRequest(session_id="s"),
        what="list its tools",
    )

    assert run(in_session(call, HostSessions()), Script(listed)) is listed


def test_an_answer_to_a_batch_says_elsewhere_why_it_failed() -> None:
    failed = pb.BatchSetVariablesResponse(errors={"x": "not_found"})
    request = pb.BatchSetVariablesRequest(session_id="s")
    call = HostCall(rpc="SetVariables", request=request, what="set variables")

    assert run(in_session(call, HostSessions()), Script(failed)) is failed


@pytest.mark.defect("D48")
def test_a_session_that_cannot_be_begun_says_why() -> None:
    """A host that was full once looked like one without the tool."""
    full = HostToolError("The host could not begin session 's': session_quota_exceeded.")

    with pytest.raises(HostToolError, match="session_quota_exceeded"):
        run(in_session(CALL, HostSessions()), Script(UNKNOWN_IN_BAND, full))


def test_a_host_that_refuses_in_band_is_quoted() -> None:
    refused = pb.InitializeSessionResponse(error_message="no more. ")
    silent = pb.InitializeSessionResponse()
    request = pb.InitializeSessionRequest(session_id="s")

    with pytest.raises(SessionError, match=r"begin session 's': no more\."):
        run(begin_session(request), Script(refused))
    with pytest.raises(SessionError, match="did not say why"):
        run(begin_session(request), Script(silent))


def test_a_session_that_has_begun_already_has_begun() -> None:
    exists = HostToolError("no", {"status": "ALREADY_EXISTS"})
    request = pb.InitializeSessionRequest(session_id="s")

    assert run(begin_session(request), Script(exists)).success


def test_beginning_is_tried_once_more_when_the_host_was_lost_on_the_way() -> None:
    script = Script(HostLostError("gone"), BEGUN)
    request = pb.InitializeSessionRequest(session_id="s")

    assert run(begin_session(request, timeout_s=2), script) is BEGUN

    assert [call.timeout_s for call in script.sent] == [2, 2]


def test_the_processs_own_session_is_the_last_that_was_adopted() -> None:
    sessions = HostSessions()
    assert not sessions.owns("")
    assert sessions.own_id == ""

    sessions.adopt(pb.InitializeSessionRequest(session_id="a"))
    sessions.adopt(pb.InitializeSessionRequest(session_id="b"))

    assert sessions.own_id == "b"
    assert sessions.owns("b")
    assert not sessions.owns("a")
    assert sessions.beginning("a") == pb.InitializeSessionRequest(session_id="a")


def test_all_calls_that_need_a_session_name_it() -> None:
    methods = pb.DESCRIPTOR.services_by_name["BridgeService"].methods_by_name

    for rpc in IN_SESSION:
        assert "session_id" in methods[rpc].input_type.fields_by_name
