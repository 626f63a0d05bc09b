from __future__ import annotations

from google.protobuf.any_pb2 import Any as WireValue
from google.protobuf.timestamp_pb2 import Timestamp

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.message_data import as_data


def test_a_message_is_shown_as_what_it_means() -> None:
    request = pb.ExecuteToolRequest(
        session_id="s",
        parameters={"b": WireValue(type_url="x/StringValue", value=b'"hi"')},
        metadata={"z": "1", "a": "2"},
        binary_parameters={"img": b"\x89PNG", "txt": b"plain"},
    )

    assert as_data(request) == {
        "session_id": "s",
        "parameters": {"b": {"type_url": "x/StringValue", "value": '"hi"'}},
        "metadata": {"a": "2", "z": "1"},
        "binary_parameters": {"img": {"base64": "iVBORw=="}, "txt": "plain"},
    }


def test_lists_messages_and_times_are_shown() -> None:
    answer = pb.GetExposedElixirToolsResponse(tools=[pb.ToolSpec(name="t")])
    beat = pb.HeartbeatResponse(server_time=Timestamp(seconds=0), session_valid=True)

    assert as_data(answer) == {"tools": [{"name": "t"}]}
    assert as_data(beat) == {"server_time": "1970-01-01T00:00:00Z", "session_valid": True}
