"""Values of a real worker's tools in the encodings a caller may ask for, described bytes, refs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.testing.elixir import Binary, ElixirError, FakeElixirHost, FakeWorkerHandle
from snakepit_bridge.values.choice import find_encoding
from snakepit_bridge.values.encoding import Encoded
from tests.integration.field_worker import spawn_field

TIMEOUT_S = 10.0

TAGGED = {"snakepit-encoding": "tagged"}
MSGPACK = {"snakepit-encoding": "msgpack"}

MATRIX = np.arange(6, dtype="<f4").reshape(2, 3)
DESCRIPTION = {"kind": "tensor", "dtype": "float32", "shape": [2, 3]}


@pytest.fixture(scope="module")
def worker() -> Iterator[FakeWorkerHandle]:
    with FakeElixirHost() as host:
        yield spawn_field(host)


def _tag(name: str, **fields: Any) -> dict[str, Any]:
    return {"__type__": name, "__schema__": 1, **fields}


# --- tagged: what Elixir can write and read itself ------------------------------------------------


def test_a_tool_receives_what_a_tag_stands_for(worker: FakeWorkerHandle) -> None:
    value = _tag("tuple", elements=[1, _tag("set", elements=["a"])])

    assert worker.execute("kind", {"value": value}, metadata=TAGGED) == ["tuple", "(1, {'a'})"]
    assert worker.execute("kind", {"value": value})[0] == "dict"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tuple", _tag("tuple", elements=[1, 2])),
        ("set", _tag("set", elements=[1])),
        ("decimal", _tag("decimal", value="1.10")),
        ("nan", _tag("special_float", value="nan")),
        ("nested bytes", [_tag("bytes", data="aGk=")]),
        ("bytes", Binary(b"\x89PNG")),
        ("integer", 42),
        ("none", None),
    ],
)
@pytest.mark.parametrize("tool", ["value", "avalue"])
def test_elixir_receives_tags_for_what_json_lacks(
    worker: FakeWorkerHandle, tool: str, name: str, expected: Any
) -> None:
    assert worker.execute(tool, {"name": name}, metadata=TAGGED) == expected


def test_an_array_is_binary_data_with_their_description(worker: FakeWorkerHandle) -> None:
    array = np.arange(6).reshape(2, 3)

    asked = {**TAGGED, "snakepit-arrays": "binary"}
    plain = worker.execute("value", {"name": "numpy array"})
    binary = worker.execute(
        "value", {"name": "numpy array"}, metadata={"snakepit-arrays": "binary"}
    )
    tagged = worker.execute("value", {"name": "numpy array"}, metadata=asked)

    assert plain == array.tolist()
    expected = Binary(array.tobytes(), {"kind": "tensor", "dtype": "int64", "shape": [2, 3]})
    assert binary == expected
    assert tagged == expected


def test_an_object_is_kept_where_a_caller_wants_it(worker: FakeWorkerHandle) -> None:
    marker = worker.execute("value", {"name": "object"})
    kept = worker.execute("value", {"name": "object"}, metadata={"refs": "on"})
    tagged = worker.execute("value", {"name": "object"}, metadata=TAGGED)

    assert marker["__ffi_unserializable__"]
    assert kept == {**marker, "__ref__": kept["__ref__"]}
    assert tagged["__type__"] == "ref"
    assert tagged["id"]


# --- binary parameters ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [{}, TAGGED], ids=["json", "tagged"])
def test_described_bytes_are_an_array(worker: FakeWorkerHandle, encoding: dict[str, str]) -> None:
    binary = {"value": MATRIX.tobytes()}
    described = {**encoding, "snakepit-blob:value": json.dumps(DESCRIPTION)}

    assert worker.execute("kind", binary_parameters=binary, metadata=encoding)[0] == "bytes"
    kind = worker.execute("kind", binary_parameters=binary, metadata=described)

    assert kind == ["ndarray", repr(MATRIX)]


def test_binary_data_come_back_as_they_went(worker: FakeWorkerHandle) -> None:
    returned = worker.execute(
        "echo",
        binary_parameters={"value": MATRIX.tobytes()},
        metadata={**TAGGED, "snakepit-blob:value": json.dumps(DESCRIPTION)},
    )

    assert returned == Binary(MATRIX.tobytes(), DESCRIPTION)


@pytest.mark.parametrize(
    "description", ["no JSON", '{"kind":"tensor","dtype":"float32","shape":[7]}']
)
def test_a_description_that_does_not_fit_names_the_parameter(
    worker: FakeWorkerHandle, description: str
) -> None:
    with pytest.raises(ElixirError, match="'value'") as caught:
        worker.execute(
            "echo",
            binary_parameters={"value": MATRIX.tobytes()},
            metadata={"snakepit-blob:value": description},
        )

    assert caught.value.python_type == "InvalidArgumentError"


# --- msgpack: for callers that speak gRPC themselves ----------------------------------------------


def test_a_value_of_msgpack_arrives_as_itself(worker: FakeWorkerHandle) -> None:
    message_pack = find_encoding("msgpack")
    value = {"pair": (1, 2.0), 3: {1, 2}, "raw": b"\xff" * 100, "rows": [MATRIX.tolist()] * 3}
    parameters = {
        name: AnyMessage(value=data)
        for name, data in message_pack.encode_args({"value": value}).items()
    }

    with grpc.insecure_channel(f"localhost:{worker.port}") as channel:
        asked = pb.ExecuteToolRequest(
            session_id=worker.session_id, tool_name="echo", parameters=parameters
        )
        answer = BridgeServiceStub(channel).ExecuteTool(
            asked, timeout=TIMEOUT_S, metadata=tuple(MSGPACK.items())
        )

    assert answer.success, answer.error_message
    assert message_pack.decode(Encoded(answer.result.value)) == value


@pytest.mark.parametrize(("encoding", "metadata"), [("tagged", TAGGED), ("msgpack", MSGPACK)])
def test_each_chunk_of_a_stream_is_in_the_encoding(
    worker: FakeWorkerHandle, encoding: str, metadata: dict[str, str]
) -> None:
    name = find_encoding(encoding).encode_args({"name": "values"})["name"]
    asked = pb.ExecuteToolRequest(
        session_id=worker.session_id,
        tool_name="stream",
        parameters={"name": AnyMessage(value=name)},
        metadata=metadata,
    )

    with grpc.insecure_channel(f"localhost:{worker.port}") as channel:
        answers = BridgeServiceStub(channel).ExecuteStreamingTool(asked, timeout=TIMEOUT_S)
        *chunks, last = list(answers)

    items = [find_encoding(encoding).decode(Encoded(chunk.data)) for chunk in chunks]
    assert items[:7] == [None, "hello", 123, 1.5, True, [1], b"\xff\x00"]
    assert items[7] != items[7]  # NaN
    assert last.is_final


def test_an_encoding_that_does_not_exist_lists_those_that_do(worker: FakeWorkerHandle) -> None:
    with pytest.raises(ElixirError, match="json, tagged, msgpack"):
        worker.execute("echo", {"value": 1}, metadata={"snakepit-encoding": "xml"})
