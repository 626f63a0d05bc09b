from __future__ import annotations

import re

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_codec import Call, chunk_from, response_from
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.encoding import Encoded
from snakepit_bridge.values.snakepit.arguments import Binary, Described, Misdescribed, Typed
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


def test_described_bytes_are_a_blob_of_the_call() -> None:
    request = pb.ExecuteToolRequest(
        parameters={"text": AnyMessage(value=b"1")},
        binary_parameters={"image": b"\x00", "raw": b"\x01", "far": b""},
        metadata={
            "snakepit-blob:image": '{"kind":"tensor","dtype":"uint8","shape":[1]}',
            "snakepit-blob:far": '{"kind":"bytes","handle":"h1"}',
            "snakepit-blob:absent": '{"kind":"bytes","handle":"h2"}',
        },
    )

    envelope = Call(request, fake_context()).envelope

    places = {name: each for name, each in envelope.args.items() if isinstance(each, Described)}
    assert envelope.args == {"text": b"1", "raw": Binary(b"\x01"), **places}
    assert {name: envelope.blobs[each.place] for name, each in places.items()} == {
        "image": Blob(kind="tensor", dtype="uint8", shape=(1,), data=b"\x00"),
        "far": Blob(kind="bytes", handle="h1"),
        "absent": Blob(kind="bytes", handle="h2"),
    }
    assert len(envelope.blobs) == 3


@pytest.mark.parametrize(
    ("description", "reason"),
    [("no JSON", "cannot be read"), ('{"kind":"bytes"}', "but no bytes")],
)
def test_a_wrong_description_is_told_with_the_arguments(description: str, reason: str) -> None:
    metadata = {"snakepit-blob:image": description}

    envelope = call(metadata=metadata).envelope

    assert isinstance(envelope.args["image"], Misdescribed)
    assert reason in envelope.args["image"].error.reason
    assert not envelope.blobs


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


@pytest.mark.parametrize("data", [b"\x00\x01", memoryview(b"\x00\x01")])
def test_a_blob_is_the_whole_answer(data: bytes | memoryview) -> None:
    blob = Blob(kind="tensor", dtype="uint8", shape=(2,), data=data)

    response = response_from(Reply(encoded=Encoded(label="map", blobs=[blob])), 0)

    assert response.binary_result == b"\x00\x01"
    assert response.result.value == b'{"kind":"tensor","dtype":"uint8","shape":[2]}'
    assert response.result.type_url == "type.googleapis.com/snakepit.map"


def test_of_a_blob_that_is_kept_the_answer_has_the_handle() -> None:
    blob = Blob(kind="tensor", dtype="uint8", shape=(2,), handle="h1")

    response = response_from(Reply(encoded=Encoded(label="map", blobs=[blob])), 0)

    assert response.binary_result == b""
    expected = b'{"kind":"tensor","dtype":"uint8","shape":[2],"handle":"h1"}'
    assert response.result.value == expected


def test_no_value_at_all_is_nil() -> None:
    assert response_from(Reply(), 0).result.value == b"null"


def test_a_chunk_has_the_data_and_what_the_item_says_about_itself() -> None:
    encoded = Encoded(b"1", metadata={"k": "v"})

    assert chunk_from(encoded, "echo-1", is_final=True) == pb.ToolChunk(
        chunk_id="echo-1", data=b"1", is_final=True, metadata={"k": "v"}
    )
