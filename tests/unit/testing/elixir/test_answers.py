from __future__ import annotations

import base64
import json
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.answers import (
    Binary,
    ElixirError,
    chunk_map,
    status_error,
    tool_error,
    unary_result,
)
from snakepit_bridge.testing.elixir.json_rules import ZeroCopy


def _answer(value: bytes | None, binary: bytes = b"") -> pb.ExecuteToolResponse:
    result = None if value is None else WireValue(type_url="whatever", value=value)
    return pb.ExecuteToolResponse(success=True, result=result, binary_result=binary)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (b"", ""),
        (b"42", 42),
        (b"42.5", 42.5),
        (b'"NaN"', "NaN"),
        (b'{"a":1}', {"a": 1}),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b"\xff\xfe", b"\xff\xfe"),
    ],
)
def test_a_result_is_its_json_or_else_its_bytes(value: bytes | None, expected: Any) -> None:
    result = unary_result(_answer(value))

    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "metadata"),
    [
        (None, None),
        (b"", None),
        (b"null", None),
        (b"{}", None),
        (b'{"content_type":"image/png"}', {"content_type": "image/png"}),
        (b"no json", "no json"),
    ],
)
def test_bytes_come_with_metadata_where_there_are_any(value: bytes | None, metadata: Any) -> None:
    assert unary_result(_answer(value, b"\x89PNG")) == Binary(b"\x89PNG", metadata)


def test_a_map_with_the_mark_is_a_handle() -> None:
    term = base64.b64encode(b"\x83d\x00\x02ok").decode()
    payload = {"__snakepit_zero_copy__": True, "kind": "dlpack", "ref": term}

    handle = unary_result(_answer(json.dumps(payload).encode()))

    assert handle == ZeroCopy({"kind": "dlpack", "ref": term})


@pytest.mark.parametrize("ref", ["not base64!", base64.b64encode(b"no term").decode()])
def test_a_handle_with_a_ref_that_is_no_erlang_term_fails(ref: str) -> None:
    payload = {"__snakepit_zero_copy__": True, "ref": ref}

    with pytest.raises(ElixirError, match="Async gRPC request failed"):
        unary_result(_answer(json.dumps(payload).encode()))


def test_a_handle_needs_no_ref() -> None:
    assert unary_result(_answer(b'{"__snakepit_zero_copy__": true}')) == ZeroCopy({})


def test_a_python_exception_becomes_a_struct() -> None:
    payload = {
        "type": "ValueError",
        "message": "bad",
        "stacktrace": ["Traceback…\n", "ValueError: bad\n"],
        "traceback": "the traceback",
        "context": {"tool_name": "err"},
    }
    answer = pb.ExecuteToolResponse(error_message=json.dumps(payload))

    with pytest.raises(ElixirError) as caught:
        unary_result(answer)

    error = caught.value
    assert (error.kind, error.struct, error.python_type) == (
        "exception",
        "Snakepit.Error.ValueError",
        "ValueError",
    )
    assert error.message == "bad"
    assert error.context == {"tool_name": "err"}
    assert error.stacktrace == payload["stacktrace"]
    assert error.python_traceback == "the traceback"
    assert str(error) == "Snakepit.Error.ValueError: bad"


def test_an_exception_elixir_does_not_know_is_a_python_exception() -> None:
    error = tool_error('{"type": "StopIteration", "message": "", "stacktrace": ["a", "b"]}')

    assert error.struct == "Snakepit.Error.PythonException"
    assert error.python_type == "StopIteration"
    assert error.python_traceback == "ab"
    assert error.context == {}
    assert str(error) == "Snakepit.Error.PythonException"


@pytest.mark.parametrize(
    "text", ["plain text", '{"type": "ValueError"}', '{"type": 1, "message": "m"}', "[1]"]
)
def test_other_errors_are_text(text: str) -> None:
    error = tool_error(text)

    assert (error.kind, error.message, error.struct) == ("text", text, "")
    assert error.stacktrace == []
    assert str(error) == f"text: {text}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "invalid_argument"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "timeout"),
        (grpc.StatusCode.NOT_FOUND, "not_found"),
        (grpc.StatusCode.INTERNAL, "internal"),
        (grpc.StatusCode.UNAVAILABLE, "unavailable"),
    ],
)
def test_a_unary_status_is_an_atom_that_has_lost_its_text(
    status: grpc.StatusCode, kind: str
) -> None:
    error = status_error(status, "details", of_stream=False)

    assert (error.kind, error.message, error.status) == (kind, "", status)


def test_other_statuses_and_all_of_streams_keep_their_text() -> None:
    unary = status_error(grpc.StatusCode.DATA_LOSS, "lost", of_stream=False)
    stream = status_error(grpc.StatusCode.INTERNAL, '{"type": "KeyError"}', of_stream=True)

    assert (unary.kind, unary.message) == ("rpc_error", "lost")
    assert (stream.kind, stream.message) == ("rpc_error", '{"type": "KeyError"}')


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (pb.ToolChunk(data=b'{"i": 1}'), {"i": 1, "is_final": False}),
        (pb.ToolChunk(is_final=True), {"is_final": True}),
        (pb.ToolChunk(data=b'"hello"'), {"data": "hello", "is_final": False}),
        (pb.ToolChunk(data=b"null"), {"data": None, "is_final": False}),
        (pb.ToolChunk(data=b"hello"), {"raw_data_base64": "aGVsbG8=", "is_final": False}),
        (pb.ToolChunk(data=b'{"is_final": 7}'), {"is_final": False}),
        (
            pb.ToolChunk(data=b"1", metadata={"k": "v"}),
            {"data": 1, "is_final": False, "_metadata": {"k": "v"}},
        ),
    ],
)
def test_a_chunk_is_a_map(chunk: pb.ToolChunk, expected: dict[str, Any]) -> None:
    assert chunk_map(chunk) == expected
