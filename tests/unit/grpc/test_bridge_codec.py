from __future__ import annotations

import re

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_codec import Call, chunk_from, response_from
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.snakepit_json import Binary, Typed
from tests.unit.grpc.fake_context import fake_context

FROM_ELIXIR = "type.googleapis.com/google.protobuf.StringValue"


def call(
    *headers: tuple[str, str | bytes],
    metadata: dict[str, str] | None = None,
    remaining_s: float | None = None,
) -> Call:
    request = pb.ExecuteToolRequest(tool_name="echo", session_id="s1", metadata=metadata or {})
    return Call(request, fake_context(*headers, remaining_s=remaining_s))


def test_a_request_says_what_to_do() -> None:
    request = pb.ExecuteToolRequest(
        session_id="s1",
        tool_name="echo",
        parameters={"text": AnyMessage(type_url=FROM_ELIXIR, value=b'"hi"')},
        metadata={"thread_sensitive": "true"},
    )

    envelope = Call(request, fake_context(remaining_s=1.5)).envelope

    assert envelope.command == "echo"
    assert envelope.session_id == "s1"
    assert envelope.session_in_args
    assert envelope.args == {"text": b'"hi"'}
    assert envelope.timeout_s == 1.5
    assert envelope.metadata == {"thread_sensitive": "true"}
    assert envelope.encoding == "json"
    assert envelope.trace_context == {}


def test_a_call_without_a_deadline_has_no_limit() -> None:
    assert call().envelope.timeout_s is None


def test_a_label_travels_along_where_it_says_something() -> None:
    request = pb.ExecuteToolRequest(
        parameters={
            "plain": AnyMessage(value=b"1"),
            "text": AnyMessage(type_url=FROM_ELIXIR, value=b"2"),
            "number": AnyMessage(type_url="type.googleapis.com/snakepit.float", value=b"3"),
        }
    )

    args = Call(request, fake_context()).envelope.args

    assert args == {
        "plain": b"1",
        "text": b"2",
        "number": Typed("type.googleapis.com/snakepit.float", b"3"),
    }


def test_bytes_win_over_a_parameter_of_the_same_name() -> None:
    request = pb.ExecuteToolRequest(
        parameters={"image": AnyMessage(value=b"1")}, binary_parameters={"image": b"\x00"}
    )

    assert Call(request, fake_context()).envelope.args == {"image": Binary(b"\x00")}


# --- headers --------------------------------------------------------------------------------------


def test_the_correlation_id_is_that_of_the_header() -> None:
    asked = call(("x-snakepit-correlation-id", "sp-1"), metadata={"correlation_id": "other"})

    assert asked.correlation_id == "sp-1"
    assert asked.envelope.request_id == "sp-1"


@pytest.mark.parametrize("header", [(), (("x-snakepit-correlation-id", ""),)])
def test_a_call_without_a_correlation_id_gets_one_of_its_own(
    header: tuple[tuple[str, str], ...],
) -> None:
    first, second = call(*header), call(*header)

    assert re.fullmatch("[0-9a-f]{32}", first.correlation_id)
    assert first.correlation_id != second.correlation_id


@pytest.mark.parametrize(
    ("header", "metadata", "encoding"),
    [
        ("tagged", "", "tagged"),
        ("tagged", "msgpack", "tagged"),
        ("", "msgpack", "msgpack"),
        ("", "", "json"),
    ],
)
def test_a_header_names_the_encoding_before_the_metadata_do(
    header: str, metadata: str, encoding: str
) -> None:
    asked = call(("snakepit-encoding", header), metadata={"snakepit-encoding": metadata})

    assert asked.envelope.encoding == encoding


def test_the_span_of_the_caller_is_handed_on_and_nothing_else() -> None:
    asked = call(
        ("traceparent", "00-1-2-01"),
        ("user-agent", "grpc"),
        ("tracestate", b"not text"),
        ("x-snakepit-correlation-id", "sp-1"),
    )

    assert asked.envelope.trace_context == {"traceparent": "00-1-2-01"}


# --- answers --------------------------------------------------------------------------------------


def test_a_value_is_answered_with_its_label() -> None:
    reply = Reply(encoded=Encoded(b"[1]", label="list"), metadata={"run_ms": "1"})

    assert response_from(reply, 12) == pb.ExecuteToolResponse(
        success=True,
        result=AnyMessage(type_url="type.googleapis.com/snakepit.list", value=b"[1]"),
        metadata={"run_ms": "1"},
        execution_time_ms=12,
    )


def test_bytes_are_answered_beside_their_description() -> None:
    reply = Reply(encoded=Encoded(b"{}", label="map", binary=b"\x00"))

    response = response_from(reply, 0)

    assert response.binary_result == b"\x00"
    assert response.result.value == b"{}"


def test_no_value_at_all_is_nil() -> None:
    assert response_from(Reply(), 0).result.value == b"null"


def test_a_chunk_has_the_data_and_what_the_item_says_about_itself() -> None:
    encoded = Encoded(b"1", metadata={"k": "v"})

    assert chunk_from(encoded, "echo-1", is_final=True) == pb.ToolChunk(
        chunk_id="echo-1", data=b"1", is_final=True, metadata={"k": "v"}
    )
