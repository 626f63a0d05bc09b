"""The wire of Snakepit 0.4, spoken with a real worker: labels, one session, no metadata."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.testing.elixir import FakeElixirHost, FakeWorkerHandle
from tests.ids import shown

_ADAPTER = Path(__file__).with_name("v04_adapter.py")

SESSION = "default_session"
"""Of every call."""


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeElixirHost, FakeWorkerHandle]]:
    with FakeElixirHost(variables=True) as host:
        host.write_adapter("v04_adapter.py", _ADAPTER.read_text(encoding="utf-8"))
        host.tool("check", lambda args: {"checked": args["text"]}, description="Looks at it.")
        yield host, host.spawn("v04_adapter.ShelfHandler")


@pytest.fixture
def host(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeElixirHost:
    return shared[0]


@pytest.fixture
def worker(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> Iterator[FakeWorkerHandle]:
    yield shared[1]
    assert shared[1].dead == "", "the worker outlives every test"


# --- what Elixir wrote ----------------------------------------------------------------------------


_KINDS = {bool: "boolean", int: "integer", float: "float", str: "string"}


def _written(value: Any) -> WireValue:
    """A parameter as Elixir wrote it: with its type, and twice what had none."""
    kind = _KINDS.get(type(value))
    match value:
        case WireValue():
            return value
        case list() if all(type(each) in {int, float} for each in value):
            return _labelled("embedding", [float(each) for each in value])
        case {"shape": _, "data": _}:
            return _labelled("tensor", value)
    return _labelled(kind, value) if kind else _labelled("string", json.dumps(value))


def _labelled(kind: str, value: Any, *, before: str = "type.googleapis.com/snakepit.") -> WireValue:
    return WireValue(type_url=f"{before}{kind}", value=json.dumps(value).encode())


def _request(tool: str, args: Mapping[str, Any]) -> pb.ExecuteToolRequest:
    request = pb.ExecuteToolRequest(session_id=SESSION, tool_name=tool)
    for name, value in args.items():
        request.parameters[name].CopyFrom(_written(value))
    return request


def _answer(worker: FakeWorkerHandle, tool: str, **args: Any) -> pb.ExecuteToolResponse:
    answer: pb.ExecuteToolResponse = worker.call("ExecuteTool", _request(tool, args))
    return answer


def _value(worker: FakeWorkerHandle, tool: str, **args: Any) -> Any:
    answer = _answer(worker, tool, **args)
    assert answer.success, answer.error_message
    return json.loads(answer.result.value)


# --- a worker is ready, a tool answers ------------------------------------------------------------


def test_a_worker_says_on_which_port_it_is_ready(worker: FakeWorkerHandle) -> None:
    worker.output.wait_for(f"GRPC_READY:{worker.port}\n")


def test_the_table_of_an_adapter_comes_before_its_marked_methods(worker: FakeWorkerHandle) -> None:
    assert _value(worker, "ping")["status"] == "ok"
    assert _value(worker, "store", name="n", data=3) == {"success": True, "name": "n"}
    assert _value(worker, "retrieve", name="n") == {"success": True, "result": 3}


def test_an_unknown_name_is_the_business_of_the_adapter(worker: FakeWorkerHandle) -> None:
    answer = _answer(worker, "nothing")

    assert not answer.success
    assert "Unknown tool: nothing" in answer.error_message


def test_the_one_session_is_begun_in_elixir_and_knows_the_tools(
    host: FakeElixirHost, worker: FakeWorkerHandle
) -> None:
    _value(worker, "ping")

    host.calls.wait_for(
        lambda each: each.rpc == "RegisterTools" and each.request.session_id == SESSION
    )
    assert SESSION in host.sessions


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, ["bool", "True"]),
        (3, ["int", "3"]),
        (1.5, ["float", "1.5"]),
        ("text", ["str", "'text'"]),
        ([1, 2], ["list", "[1.0, 2.0]"]),
        ([], ["list", "[]"]),
        ({"a": {"b": None}}, ["str", """'{"a": {"b": null}}'"""]),
        ([1, "a"], ["str", """'[1, "a"]'"""]),
        (_labelled("float", 1, before="dspex.variables/"), ["float", "1.0"]),
        (_labelled("float", "-Infinity"), ["float", "-inf"]),
        (_labelled("integer", 3.0), ["int", "3"]),
        (_labelled("choice", "a"), ["str", "'a'"]),
        (_labelled("", 5, before=""), ["int", "5"]),
    ],
    ids=shown,
)
def test_a_label_says_what_a_parameter_is(
    worker: FakeWorkerHandle, value: Any, kind: list[str]
) -> None:
    assert _value(worker, "kind", value=value) == kind


def test_a_tensor_is_an_array(worker: FakeWorkerHandle) -> None:
    kind, text = _value(worker, "kind", value={"shape": [2, 1], "data": [1, 2]})

    assert kind == "ndarray"
    assert text.split() == ["array([[1],", "[2]])"]


def test_a_map_that_was_written_twice_is_the_adapters_to_read(worker: FakeWorkerHandle) -> None:
    data = {"question": "why?", "depth": [1, {"a": None}]}

    _value(worker, "store", name="map", data=data)

    assert _value(worker, "retrieve", name="map")["result"] == data


@pytest.mark.parametrize(
    ("what", "label", "text"),
    [
        ("int", "float", b"42"),
        ("float", "float", b"0.5"),
        ("nan", "float", b'"NaN"'),
        pytest.param("none", "string", b"null", marks=pytest.mark.defect("D1")),
    ],
)
def test_results_are_labelled(worker: FakeWorkerHandle, what: str, label: str, text: bytes) -> None:
    result = _answer(worker, "give", what=what).result

    assert (result.type_url, result.value) == (f"type.googleapis.com/snakepit.{label}", text)


@pytest.mark.defect("D35")
def test_a_binary_parameter_is_not_unpickled(worker: FakeWorkerHandle) -> None:
    request = _request("kind", {})
    request.binary_parameters["value"] = pickle.dumps([1])

    answer = worker.call("ExecuteTool", request)

    assert json.loads(answer.result.value)[0] == "bytes"


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_ends_with_the_item_that_says_so(worker: FakeWorkerHandle) -> None:
    with grpc.insecure_channel(f"localhost:{worker.port}") as channel:
        stub = BridgeServiceStub(channel)
        chunks = list(stub.ExecuteStreamingTool(_request("count", {"until": 2}), timeout=5))

    assert [(chunk.chunk_id, chunk.data, chunk.is_final) for chunk in chunks] == [
        ("count-1", b'{"number":0}', False),
        ("count-2", b'{"number":1}', True),
    ]


# --- what an adapter asks Elixir ------------------------------------------------------------------


@pytest.mark.defect("D5")
def test_tools_of_elixir_are_called_like_functions(worker: FakeWorkerHandle) -> None:
    checked = {"checked": "text"}

    assert _value(worker, "checked", text="text") == ["check", "Looks at it.", *[checked] * 3]


def test_variables_outlive_the_call_that_made_them(worker: FakeWorkerHandle) -> None:
    _value(worker, "keep_variables")

    assert _value(worker, "read_variables") == {
        "temperature": 0.9,
        "tokens": 201,
        "vector": 2000,
        "name": "of text",
        "on": True,
        "missing": True,
        "too much": "RuntimeError",
        "listed": ["temperature"],
    }
