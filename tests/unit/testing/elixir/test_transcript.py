from __future__ import annotations

import json

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.transcript import Record, Transcript, as_text, normalised


def test_the_parts_of_a_call_are_written_down() -> None:
    transcript = Transcript()
    headers = {"x-snakepit-correlation-id": "sp-1", "user-agent": "grpc"}

    unary = transcript.call("to_elixir", "Ping", None)
    unary.request(pb.PingRequest(message="m"), headers)
    stream = transcript.call("to_worker", "ExecuteStreamingTool", "w")
    stream.request(pb.ExecuteToolRequest(tool_name="t"), {})
    stream.item(pb.ToolChunk(chunk_id="t-1"))
    unary.answer(pb.PingResponse(message="pong: m"))
    stream.status("INTERNAL", "oops")

    assert [
        (each["call"], each["part"], each["message"], each.get("headers"))
        for each in transcript.records
    ] == [
        (1, "request", {"message": "m"}, {"x-snakepit-correlation-id": "sp-1"}),
        (2, "request", {"tool_name": "t"}, {}),
        (2, "item", {"chunk_id": "t-1"}, None),
        (1, "answer", {"message": "pong: m"}, None),
        (2, "status", {"status": "INTERNAL", "text": "oops"}, None),
    ]
    assert len(transcript.of_worker("w")) == 5
    assert [each["call"] for each in transcript.of_worker("v")] == [1, 1]


def _record(call: int, rpc: str, message: object) -> Record:
    return {
        "call": call,
        "direction": "to_worker",
        "rpc": rpc,
        "part": "request",
        "message": message,
        "headers": {},
        "worker": "default_worker_1_67",
    }


def test_what_differs_from_run_to_run_becomes_tokens() -> None:
    message = {
        "session_id": "session_12_1738900000123456",
        "again": "session_12_1738900000123456 session_13_1738900000123456",
        "correlation_id": "sp-0123456789abcdef01234567",
        "worker_id": "default_worker_1_67",
        "at": "2026-01-11T10:30:00.123Z",
        "address": "127.0.0.1:40123",
        "execution_time_ms": 17,
        "run_ms": "0.5",
        "python_version": "3.11.9",
        "trace": ['File "/somewhere/tool.py", line 12, in err\n'],
        "error_message": '{"type": "E", "traceback": "lines", "at": "2026-01-11T10:30:00Z"}',
        "text": "{no json at 127.0.0.1:40123",
        "data": '{"as":"it is"}',
        "repr": "<T at 0x7f3a2b1c>",
        "kept": 5,
    }

    (record,) = normalised([_record(1, "ExecuteTool", message)])

    assert record == {
        "direction": "to_worker",
        "rpc": "ExecuteTool",
        "part": "request",
        "message": {
            "session_id": "<session 1>",
            "again": "<session 1> <session 2>",
            "correlation_id": "<correlation 1>",
            "worker_id": "<worker 1>",
            "at": "<time>",
            "address": "<address 1>",
            "run_ms": "<measured>",
            "python_version": "<python_version>",
            "trace": ["<frame>, in err\n"],
            "error_message": '{"at": "<time>", "traceback": "<traceback>", "type": "E"}',
            "text": "{no json at <address 1>",
            "data": '{"as":"it is"}',
            "repr": "<T at <pointer>>",
            "kept": 5,
        },
    }


def test_calls_stand_in_the_order_they_began_without_the_periodic_ones() -> None:
    records = [
        _record(2, "ExecuteTool", "second"),
        _record(1, "RegisterTools", "first"),
        _record(3, "Heartbeat", "left out"),
        _record(2, "ExecuteTool", "third"),
    ]

    assert [each["message"] for each in normalised(records)] == ["first", "second", "third"]
    assert len(normalised(records, without=())) == 4


def test_a_transcript_for_a_file_has_a_line_for_each_record() -> None:
    text = as_text([{"b": 1, "a": "é"}, {"c": None}])

    assert text == '[\n{"a": "é", "b": 1},\n{"c": null}\n]\n'
    assert json.loads(text) == [{"b": 1, "a": "é"}, {"c": None}]
