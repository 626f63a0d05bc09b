from __future__ import annotations

import logging
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.errors import HostUnavailableError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_values import LABEL
from snakepit_bridge.session_context import SessionContext
from tests.unit.adapters.stubs import Answers, AsyncStub, ScriptedClient, ScriptedStub
from tests.unit.grpc.fake_rpcs import FakeRpc

LISTED = pb.GetExposedElixirToolsResponse(
    tools=[pb.ToolSpec(name="validate", description="Check it."), pb.ToolSpec(name="audit")]
)
NONE_LISTED = pb.GetExposedElixirToolsResponse()
DONE = pb.ExecuteElixirToolResponse(success=True, result=WireValue(value=b"[1]"))


def _host(answers: Answers) -> Answers:
    answers.say("GetExposedElixirTools", LISTED)
    answers.say("ExecuteElixirTool", DONE)
    answers.say("CleanupSession", pb.CleanupSessionResponse(success=True))
    return answers


@pytest.fixture
def stub() -> ScriptedStub:
    stub = ScriptedStub()
    _host(stub)
    return stub


@pytest.fixture
def context(stub: ScriptedStub) -> SessionContext:
    return SessionContext(stub, "s")


@pytest.fixture
def client() -> ScriptedClient:
    client = ScriptedClient()
    _host(client.host)
    return client


def _failed(text: str) -> pb.ExecuteElixirToolResponse:
    return pb.ExecuteElixirToolResponse(error_message=text)


def test_a_context_knows_its_call_and_asks_nothing(stub: ScriptedStub) -> None:
    metadata = {"correlation_id": "sp-1"}

    context = SessionContext(stub, "s", metadata)
    metadata.clear()

    assert context.stub is stub
    assert context.session_id == "s"
    assert context.request_metadata == {"correlation_id": "sp-1"}
    assert repr(context) == "SessionContext(session_id='s')"
    assert stub.asked == []


def test_a_context_without_metadata_has_empty_metadata(context: SessionContext) -> None:
    assert context.request_metadata == {}


def test_an_adapter_may_add_attributes_to_a_context(context: SessionContext) -> None:
    context.cache = {}  # type: ignore[attr-defined]  # what users do

    assert context.cache == {}  # type: ignore[attr-defined]  # what users do


# --- tools --------------------------------------------------------------------


def test_the_tools_of_elixir_are_asked_for_once(
    stub: ScriptedStub, context: SessionContext
) -> None:
    tools = context.elixir_tools

    assert context.elixir_tools is tools
    assert tools["validate"]["description"] == "Check it."
    assert stub.rpcs == ["GetExposedElixirTools"]
    assert stub.asked[0].request.session_id == "s"


def test_a_listing_that_failed_is_logged_and_tried_again(
    stub: ScriptedStub, context: SessionContext, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure was once kept for the rest of the call."""
    stub.say("GetExposedElixirTools", LookupError("no host"), LISTED)

    with caplog.at_level(logging.WARNING):
        assert context.elixir_tools == {}

    assert set(context.elixir_tools) == {"validate", "audit"}
    assert "no host" in caplog.text


async def test_async_code_lists_tools_as_well(caplog: pytest.LogCaptureFixture) -> None:
    stub = AsyncStub()
    stub.say("GetExposedElixirTools", LookupError("no host"), LISTED)
    context = SessionContext(stub, "s")

    assert await context.aelixir_tools() == {}
    tools = await context.aelixir_tools()

    assert set(tools) == {"validate", "audit"}
    assert await context.aelixir_tools() is tools
    assert "no host" in caplog.text


@pytest.mark.defect("D5")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hé", '"hé"'),
        (None, "null"),
        ([1, "a"], '[1,"a"]'),
        ({"a": {}}, '{"a":{}}'),
        (42, "42"),
        (True, "true"),
    ],
)
def test_every_argument_goes_as_json_under_the_label_elixir_uses(
    stub: ScriptedStub, context: SessionContext, value: object, text: str
) -> None:
    """Text, lists, maps and nothing once went as packed messages, which Elixir refused."""
    assert context.call_elixir_tool("validate", value=value) == [1]

    request = stub.asked[-1].request
    assert request.session_id == "s"
    assert request.tool_name == "validate"
    assert request.parameters["value"] == WireValue(type_url=LABEL, value=text.encode())


async def test_async_code_calls_tools_as_well() -> None:
    stub = AsyncStub()
    _host(stub)
    context = SessionContext(stub, "s")

    assert await context.acall_elixir_tool("validate", value=1) == [1]

    assert stub.rpcs == ["GetExposedElixirTools", "ExecuteElixirTool"]


def test_a_listed_tool_and_the_name_of_0_4_call_it_too(
    stub: ScriptedStub, context: SessionContext
) -> None:
    assert context.elixir_tools["audit"](value=1) == [1]
    assert context.call_tool("audit", value=1) == [1]

    assert stub.rpcs == ["GetExposedElixirTools", "ExecuteElixirTool", "ExecuteElixirTool"]
    assert context.register_tool("anything") is None  # type: ignore[func-returns-value]  # 0.4's


def test_an_unknown_tool_is_a_value_error_that_lists_the_others(
    stub: ScriptedStub, context: SessionContext
) -> None:
    with pytest.raises(ValueError, match=r"'validates' not found.*'validate'\? Available: audit"):
        context.call_elixir_tool("validates")

    assert stub.rpcs == ["GetExposedElixirTools"]


def test_a_tool_that_elixir_got_meanwhile_is_found(
    stub: ScriptedStub, context: SessionContext
) -> None:
    stub.say("GetExposedElixirTools", NONE_LISTED, LISTED)
    assert context.elixir_tools == {}

    assert context.call_elixir_tool("validate") == [1]


@pytest.mark.defect("D7")
def test_calls_of_one_session_look_for_a_tool_only_once(client: ScriptedClient) -> None:
    """Every command that called Elixir once listed its tools first."""
    stub = HostStub(client)

    for _ in range(3):
        SessionContext(stub, "s").call_elixir_tool("validate")

    assert client.host.rpcs == ["GetExposedElixirTools", *["ExecuteElixirTool"] * 3]


def test_a_tool_that_elixir_lost_meanwhile_is_unknown(client: ScriptedClient) -> None:
    stub = HostStub(client)
    SessionContext(stub, "s").call_elixir_tool("validate")
    client.host.say("ExecuteElixirTool", _failed("Tool validate not found for session s"))
    client.host.say("GetExposedElixirTools", NONE_LISTED)

    with pytest.raises(ValueError, match="'validate' not found"):
        SessionContext(stub, "s").call_elixir_tool("validate")


def test_a_tool_that_elixir_lists_but_does_not_find_has_failed(
    stub: ScriptedStub, context: SessionContext
) -> None:
    stub.say("ExecuteElixirTool", _failed("Tool validate is not an Elixir tool"))

    with pytest.raises(RuntimeError, match="is not an Elixir tool"):
        context.call_elixir_tool("validate")


@pytest.mark.parametrize(
    ("said", "shown"), [("Tool execution failed: no order", "no order"), ("", "without a reason")]
)
def test_what_a_tool_raised_is_a_runtime_error(
    stub: ScriptedStub, context: SessionContext, said: str, shown: str
) -> None:
    stub.say("ExecuteElixirTool", _failed(said))

    with pytest.raises(RuntimeError, match=f"'validate' failed: .*{shown}"):
        context.call_elixir_tool("validate")


def test_a_call_that_failed_is_a_runtime_error_with_its_cause(
    stub: ScriptedStub, context: SessionContext
) -> None:
    call = FakeRpc()
    call.fail(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    stub.say("ExecuteElixirTool", call)

    with pytest.raises(RuntimeError, match="Deadline Exceeded") as caught:
        context.call_elixir_tool("validate")

    assert caught.value.__cause__ is call


async def test_a_host_that_is_not_there_is_a_runtime_error(client: ScriptedClient) -> None:
    client.host.say("GetExposedElixirTools", HostUnavailableError("nobody there"))
    context = SessionContext(HostStub(client), "s")

    with pytest.raises(RuntimeError, match="nobody there") as caught:
        context.call_elixir_tool("validate")
    with pytest.raises(RuntimeError, match="nobody there"):
        await context.acall_elixir_tool("validate")

    assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_an_argument_without_a_json_form_is_named(context: SessionContext) -> None:
    with pytest.raises(RuntimeError, match="'picture'"):
        context.call_elixir_tool("validate", picture=b"\x89PNG")


def test_a_result_that_is_no_json_is_shown(stub: ScriptedStub, context: SessionContext) -> None:
    answer = pb.ExecuteElixirToolResponse(success=True, result=WireValue(value=b"#PID<0.1.0>"))
    stub.say("ExecuteElixirTool", answer)

    with pytest.raises(RuntimeError, match="#PID"):
        context.call_elixir_tool("validate")


# --- the end ------------------------------------------------------------------


def test_a_context_ends_its_session_with_its_block(stub: ScriptedStub) -> None:
    def fail() -> None:
        with SessionContext(stub, "s") as context:
            raise LookupError(context.session_id)

    with pytest.raises(LookupError, match="s"):
        fail()

    assert stub.rpcs == ["CleanupSession"]
    assert stub.asked[0].request.session_id == "s"


def test_cleaning_up_is_tried_and_no_more(
    stub: ScriptedStub, context: SessionContext, caplog: pytest.LogCaptureFixture
) -> None:
    stub.say("CleanupSession", LookupError("no host"))

    context.cleanup(force=True)

    assert stub.asked[0].request.force
    assert "no host" in caplog.text


@pytest.mark.defect("D54")
def test_a_context_never_ends_the_workers_own_session(client: ScriptedClient) -> None:
    """Leaving such a block cost the worker its place in the pool."""
    client.sessions.adopt(pb.InitializeSessionRequest(session_id="own"))
    stub = HostStub(client)

    with SessionContext(stub, "own"), SessionContext(stub, "made by the adapter"):
        pass

    ended: list[Any] = [each.request.session_id for each in client.host.asked]
    assert ended == ["made by the adapter"]
