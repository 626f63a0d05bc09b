"""Streams of a real worker, read by the double of Elixir."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.testing.elixir import (
    ElixirError,
    FakeElixirHost,
    FakeWorkerHandle,
    Termination,
)
from snakepit_bridge.testing.elixir.json_rules import decoded, wire_value
from tests.integration.field_worker import registered, spawn_field
from tests.integration.golden import assert_golden

FINAL = {"is_final": True}

LARGEST_STATUS_BYTES = 8 * 1024
"""Of the text of a status; from there on clients of gRPC begin to refuse it."""


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeWorkerHandle]:
    with FakeElixirHost() as host:
        yield spawn_field(host)


@pytest.fixture
def worker(shared: FakeWorkerHandle) -> Iterator[FakeWorkerHandle]:
    yield shared
    assert shared.dead == "", "the worker outlives every test"


def _data(*values: Any) -> list[dict[str, Any]]:
    return [*({"data": value, "is_final": False} for value in values), FINAL]


# --- what arrives -----------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["stream", "astream"])
def test_maps_arrive_in_order_before_a_final_chunk(worker: FakeWorkerHandle, tool: str) -> None:
    stream = worker.stream(tool, {"name": "three"})

    assert list(stream) == [*({"i": number, "is_final": False} for number in range(3)), FINAL]
    assert [chunk.chunk_id for chunk in stream.chunks] == [f"{tool}-{n}" for n in range(1, 5)]
    assert stream.chunks[-1].data == b""


@pytest.mark.parametrize("tool", ["stream", "astream"])
def test_an_item_may_say_that_it_is_the_last(worker: FakeWorkerHandle, tool: str) -> None:
    assert list(worker.stream(tool, {"name": "final"})) == [
        {"i": 0, "is_final": False},
        {"i": 1, "is_final": True},
    ]


def test_metadata_of_an_item_arrive_as_text(worker: FakeWorkerHandle) -> None:
    assert list(worker.stream("stream", {"name": "metadata"})) == [
        {"data": 1, "is_final": False, "_metadata": {"k": "1", "2": "None"}},
        FINAL,
    ]


@pytest.mark.defect("D3", "D12")
@pytest.mark.parametrize("tool", ["stream", "astream"])
def test_every_kind_of_item_arrives_as_itself(worker: FakeWorkerHandle, tool: str) -> None:
    assert list(worker.stream(tool, {"name": "values"})) == [
        *_data(*[None, "hello", 123, 1.5, True, [1]])[:-1],
        {"raw_data_base64": "/wA=", "is_final": False},
        *_data("NaN"),
    ]


@pytest.mark.defect("D12")
def test_objects_arrive_by_the_rules_of_results(worker: FakeWorkerHandle) -> None:
    assert list(worker.stream("stream", {"name": "numpy"})) == _data([[0, 1, 2], [3, 4, 5]], 5)
    assert list(worker.stream("stream", {"name": "objects"})) == [
        {"modelled": True, "is_final": False},
        {"__ffi_unserializable__": True, "__type__": "field.Opaque", "is_final": False},
        FINAL,
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("list", _data(1, 2)),
        ("tuple", _data(1, 2)),
        ("empty", [FINAL]),
        ("number", _data(7)),
        pytest.param("none", _data(None), marks=pytest.mark.defect("D12")),
        pytest.param("text", _data("hello"), marks=pytest.mark.defect("D11")),
        pytest.param(
            "dict", [{"a": 1, "b": 2, "is_final": False}, FINAL], marks=pytest.mark.defect("D11")
        ),
        pytest.param(
            "bytes",
            [{"raw_data_base64": "/wA=", "is_final": False}, FINAL],
            marks=pytest.mark.defect("D11"),
        ),
    ],
)
def test_what_is_no_stream_arrives_as_one_or_item_by_item(
    worker: FakeWorkerHandle, name: str, expected: list[dict[str, Any]]
) -> None:
    assert list(worker.stream("stream", {"name": name})) == expected


@pytest.mark.parametrize("tool", ["stream", "astream"])
def test_many_items_arrive_complete(worker: FakeWorkerHandle, tool: str) -> None:
    items = list(worker.stream(tool, {"name": "many"}))

    assert [item["data"] for item in items[:-1]] == list(range(3_000))


def test_a_unary_tool_may_be_streamed(worker: FakeWorkerHandle) -> None:
    assert list(worker.stream("echo", {"value": {"a": 1}})) == [{"a": 1, "is_final": False}, FINAL]


def test_a_streaming_tool_that_is_not_streamed_is_told_so(worker: FakeWorkerHandle) -> None:
    told = worker.execute("stream", {"name": "three"})

    assert told == {"error": "Streaming tool called on non-streaming endpoint."}


# --- what goes wrong ----------------------------------------------------------------------------


def _failure(worker: FakeWorkerHandle, tool: str, args: dict[str, Any]) -> tuple[int, ElixirError]:
    stream = worker.stream(tool, args, timeout_s=5)
    with pytest.raises(ElixirError) as caught:
        list(stream)
    return len(stream.chunks), caught.value


@pytest.mark.parametrize("tool", ["fail_after", "afail_after"])
@pytest.mark.parametrize("items", [0, 3])
@pytest.mark.parametrize(
    ("name", "python_type"),
    [
        ("ValueError", "ValueError"),
        pytest.param("SystemExit", "SystemExit", marks=pytest.mark.defect("D39")),
        pytest.param("KeyboardInterrupt", "KeyboardInterrupt", marks=pytest.mark.defect("D39")),
        # Python itself turns it into that, in generators.
        ("StopIteration", "RuntimeError"),
        ("CancelledError", "CancelledError"),
        ("UnprintableError", "UnprintableError"),
        ("half a pair", "ValueError"),
    ],
)
def test_a_failing_stream_ends_with_what_was_raised(
    worker: FakeWorkerHandle, tool: str, items: int, name: str, python_type: str
) -> None:
    arrived, error = _failure(worker, tool, {"items": items, "name": name})

    payload = decoded(error.message.encode())
    assert (arrived, error.status) == (items, grpc.StatusCode.INTERNAL)
    assert payload["type"] == python_type
    assert set(payload) == {"type", "message", "stacktrace", "traceback", "context"}
    assert payload["context"]["tool_name"] == tool


@pytest.mark.defect("D13")
@pytest.mark.parametrize("tool", ["fail_after", "afail_after"])
def test_a_large_error_fits_into_a_header(worker: FakeWorkerHandle, tool: str) -> None:
    _, error = _failure(worker, tool, {"items": 1, "name": "large"})

    assert error.kind == "rpc_error"
    assert decoded(error.message.encode())["type"] == "ValueError"
    assert len(error.message.encode()) < LARGEST_STATUS_BYTES


@pytest.mark.defect("D14")
@pytest.mark.parametrize("tool", ["stream", "astream"])
def test_an_item_that_cannot_be_sent_ends_the_stream(worker: FakeWorkerHandle, tool: str) -> None:
    arrived, error = _failure(worker, tool, {"name": "unencodable"})

    assert (arrived, error.status) == (1, grpc.StatusCode.INTERNAL)


def test_a_tool_that_is_not_there_ends_the_stream(worker: FakeWorkerHandle) -> None:
    arrived, error = _failure(worker, "no_such_tool", {})

    assert arrived == 0
    assert error.kind == "rpc_error"


# --- who leaves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["endless", "aendless"])
def test_a_caller_that_leaves_ends_the_tool(worker: FakeWorkerHandle, tool: str) -> None:
    with worker.stream(tool, {"mark": f"left {tool}"}) as stream:
        assert list(itertools.islice(stream, 3)) == _data(0, 1, 2)[:-1]

    worker.output.wait_for(f"left {tool} ended")
    assert worker.execute("echo", {"value": 1}) == 1


@pytest.mark.parametrize("tool", ["endless", "aendless"])
def test_a_deadline_ends_the_tool_of_a_caller_that_only_stopped_listening(
    worker: FakeWorkerHandle, tool: str
) -> None:
    stream = worker.stream(tool, {"mark": f"late {tool}"}, timeout_s=0.3)
    assert next(stream) == {"data": 0, "is_final": False}

    stream.halt()

    assert worker.execute("echo", {"value": 1}) == 1
    worker.output.wait_for(f"late {tool} ended")


@pytest.mark.defect("D15")
@pytest.mark.parametrize("tool", ["endless", "aendless"])
def test_a_caller_that_never_reads_holds_up_nobody(tool: str) -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host)
        request = pb.ExecuteToolRequest(
            session_id=worker.session_id,
            tool_name=tool,
            parameters={"mark": wire_value("unread")},
        )
        with grpc.insecure_channel(f"localhost:{worker.port}") as channel:
            call = BridgeServiceStub(channel).ExecuteStreamingTool(request, timeout=60)
            assert next(call).data == b"0"
            assert worker.execute("echo", {"value": 1}) == 1

            call.cancel()

            worker.output.wait_for("unread ended")
        assert worker.terminate() == Termination("SIGTERM", 0)


@pytest.mark.defect("D16")
def test_an_adapter_is_cleaned_up_once_however_its_stream_ends() -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host, "Tidy")

        _failure(worker, "fail_after_one", {})
        worker.output.wait_for("cleaned 1.")
        with worker.stream("endless") as stream:
            next(stream)
        worker.output.wait_for("cleaned 2.")
        assert worker.execute("number") == 3
        worker.output.wait_for("cleaned 3.")

        for number in (1, 2, 3):
            assert worker.output.text().count(f"cleaned {number}.") == 1


def test_what_travels_for_streams_is_as_it_was() -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host, "Small")
        registered(host)

        list(worker.stream("count", {"items": 2}))
        with pytest.raises(ElixirError):
            list(worker.stream("fail", {"text": "no such vase"}))

        assert_golden("streams", worker.transcript)
