"""Tools of a real worker, called by the double of Elixir: values, errors, what travels."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir import (
    Binary,
    ElixirError,
    FakeElixirHost,
    FakeWorkerHandle,
    ZeroCopy,
    orphans_of,
)
from snakepit_bridge.testing.elixir.launch import Launcher
from tests.integration.field_worker import registered, spawn_field
from tests.integration.golden import assert_golden

LARGEST_ERROR_BYTES = 128 * 1024


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeElixirHost, FakeWorkerHandle]]:
    with FakeElixirHost() as host:
        yield host, spawn_field(host)


@pytest.fixture
def host(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeElixirHost:
    return shared[0]


@pytest.fixture
def worker(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> Iterator[FakeWorkerHandle]:
    yield shared[1]
    assert shared[1].dead == "", "the worker outlives every test"


def _marker(type_name: str) -> dict[str, Any]:
    return {"__ffi_unserializable__": True, "__type__": type_name}


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["kind", "akind"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, ["NoneType", "None"]),
        (True, ["bool", "True"]),
        (42, ["int", "42"]),
        (10**29, ["int", str(10**29)]),
        (0.1, ["float", "0.1"]),
        ("hé", ["str", "'hé'"]),
        ("", ["str", "''"]),
        ([1, [None]], ["list", "[1, [None]]"]),
        ({"a": {"b": 1.5}}, ["dict", "{'a': {'b': 1.5}}"]),
    ],
    ids=str,
)
def test_a_tool_receives_what_elixir_sends(
    worker: FakeWorkerHandle, tool: str, value: Any, kind: list[str]
) -> None:
    assert worker.execute(tool, {"value": value}) == kind


def test_a_handle_of_elixir_is_an_object_that_comes_back_unchanged(
    worker: FakeWorkerHandle,
) -> None:
    handle = ZeroCopy({"kind": "dlpack", "device": "cpu", "owner": "elixir", "ref": "g2QAAm9r"})

    assert worker.execute("kind", {"value": handle})[0] == "ZeroCopyRef"
    returned = worker.execute("echo", {"value": handle})

    assert isinstance(returned, ZeroCopy)
    assert {key: returned.fields[key] for key in handle.fields} == handle.fields


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("none", None, marks=pytest.mark.defect("D1")),
        ("true", True),
        pytest.param("integer", 42, marks=pytest.mark.defect("D2")),
        pytest.param("exact integer", 2**53 + 1, marks=pytest.mark.defect("D2")),
        pytest.param("huge integer", 2**70, marks=pytest.mark.defect("D2", "D44")),
        pytest.param("enormous integer", 10**400, marks=pytest.mark.defect("D2", "D44")),
        ("float", 3.5),
        ("whole float", 2.0),
        ("nan", "NaN"),
        ("infinity", "Infinity"),
        ("minus infinity", "-Infinity"),
        ("text", "hé\n"),
        ("list", [1, "a", None]),
        ("map", {"a": {"b": [True]}}),
        pytest.param("tuple", [1, 2], marks=pytest.mark.defect("D1")),
        pytest.param("set", _marker("builtins.set"), marks=pytest.mark.defect("D1")),
        pytest.param("bytes", Binary(b"\x89PNG"), marks=pytest.mark.defect("D1")),
        pytest.param("bytearray", Binary(b"\x00\xff"), marks=pytest.mark.defect("D1")),
        pytest.param("datetime", "2026-01-11T10:30:00", marks=pytest.mark.defect("D1")),
        pytest.param("aware datetime", "2026-01-11T10:30:00+00:00", marks=pytest.mark.defect("D1")),
        ("date", "2026-01-11"),
        ("time", "01:02:03"),
        pytest.param("timedelta", _marker("datetime.timedelta"), marks=pytest.mark.defect("D1")),
        pytest.param("decimal", _marker("decimal.Decimal"), marks=pytest.mark.defect("D1")),
        ("uuid", "00000000-0000-0000-0000-000000000005"),
        pytest.param("enum", "red", marks=pytest.mark.defect("D1", "D44")),
        ("int enum", 3),
        pytest.param(
            "dataclass", {"name": "blue", "height": 0.3}, marks=pytest.mark.defect("D1", "D44")
        ),
        pytest.param("named tuple", {"x": 1, "y": 2}, marks=pytest.mark.defect("D1", "D44")),
        pytest.param("numpy float32", 1.5, marks=pytest.mark.defect("D1")),
        pytest.param("numpy int64", 5, marks=pytest.mark.defect("D1")),
        pytest.param("numpy bool", True, marks=pytest.mark.defect("D1")),
        pytest.param("numpy array", [[0, 1, 2], [3, 4, 5]], marks=pytest.mark.defect("D1")),
        pytest.param("model", {"modelled": True}, marks=pytest.mark.defect("D1")),
        pytest.param("object", _marker("field.Opaque"), marks=pytest.mark.defect("D1")),
        pytest.param("nested nan", ["NaN", {"x": "-Infinity"}], marks=pytest.mark.defect("D3")),
        ("nested bytes", [_marker("builtins.bytes")]),
        ("nested none", {"x": None}),
        pytest.param("number keys", {"1": "one"}, marks=pytest.mark.defect("D44")),
    ],
)
def test_elixir_receives_what_a_tool_returns(
    worker: FakeWorkerHandle, name: str, expected: Any
) -> None:
    result = worker.execute("value", {"name": name})

    assert result == expected
    assert type(result) is type(expected)
    assert worker.execute("avalue", {"name": name}) == expected


def test_a_large_result_arrives_whole(worker: FakeWorkerHandle) -> None:
    assert worker.execute("value", {"name": "large text"}) == "x" * 6_000_000


def test_large_arguments_arrive_whole(worker: FakeWorkerHandle) -> None:
    sizes = worker.execute("size", {}, binary_parameters={"image": bytes(20_000_000)})

    assert sizes == {"image": 20_000_000}
    assert worker.execute("echo", {"value": "x" * 6_000_000}) == "x" * 6_000_000


def test_a_binary_parameter_wins_over_another_of_its_name(worker: FakeWorkerHandle) -> None:
    assert worker.execute("kind", {"value": "text"}, binary_parameters={"value": b"\xff"}) == [
        "bytes",
        r"b'\xff'",
    ]


class _Intruder:
    """Whoever unpickles it starts a program."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


@pytest.mark.defect("D4", "D35")
def test_nothing_is_ever_unpickled(worker: FakeWorkerHandle, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    data = pickle.dumps(_Intruder(trace))
    request = pb.ExecuteToolRequest(
        session_id=worker.session_id,
        tool_name="size",
        binary_parameters={"part": data},
        metadata={"binary_format:part": "pickle"},
    )

    answer = worker.call("ExecuteTool", request)

    assert not trace.exists()
    assert not answer.success or json.loads(answer.result.value) == {"part": len(data)}


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "struct", "message"),
    [
        ("ValueError", "ValueError", "bad"),
        ("KeyError", "KeyError", "'k'"),
        ("RuntimeError", "RuntimeError", "oops"),
        pytest.param("StopIteration", "PythonException", "the end", marks=pytest.mark.defect("D9")),
        ("StopAsyncIteration", "PythonException", "the end"),
        ("GeneratorExit", "PythonException", "left"),
        pytest.param("SystemExit", "PythonException", "5", marks=pytest.mark.defect("D39")),
        pytest.param("KeyboardInterrupt", "PythonException", "", marks=pytest.mark.defect("D39")),
        ("CancelledError", "PythonException", "not really"),
    ],
)
def test_elixir_is_told_what_a_tool_raises(
    worker: FakeWorkerHandle, name: str, struct: str, message: str
) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("fail", {"name": name})

    error = caught.value
    assert (error.struct, error.python_type) == (f"Snakepit.Error.{struct}", name)
    assert error.message == message
    assert "".join(error.stacktrace) == error.python_traceback
    assert error.stacktrace[0] == "Traceback (most recent call last):\n"
    assert name in error.stacktrace[-1]
    assert error.context["tool_name"] == "fail"
    assert error.context["session_id"] == worker.session_id


@pytest.mark.parametrize(
    "name",
    ["ValueError", "StopAsyncIteration", "GeneratorExit", "SystemExit", "KeyboardInterrupt"],
)
def test_elixir_is_told_what_an_async_tool_raises(worker: FakeWorkerHandle, name: str) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("afail", {"name": name})

    assert caught.value.python_type == name


def test_an_async_tool_that_raises_cancelled_is_not_taken_for_a_caller_that_left(
    worker: FakeWorkerHandle,
) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("afail", {"name": "CancelledError"})

    assert (caught.value.kind, caught.value.python_type) == ("exception", "CancelledError")


@pytest.mark.parametrize("tool", ["fail", "afail"])
@pytest.mark.parametrize("name", ["UnprintableError", "half a pair", "group"])
def test_an_exception_that_is_hard_to_show_is_still_an_exception(
    worker: FakeWorkerHandle, tool: str, name: str
) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute(tool, {"name": name})

    assert caught.value.kind == "exception"


@pytest.mark.defect("D36")
@pytest.mark.parametrize("tool", ["fail", "afail"])
def test_a_large_error_is_cut_to_what_people_read(worker: FakeWorkerHandle, tool: str) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute(tool, {"name": "large"})

    error = caught.value
    assert error.struct == "Snakepit.Error.ValueError"
    assert error.message.startswith("xxx")
    assert set(error.payload) == {"type", "message", "stacktrace", "traceback", "context"}
    assert len(json.dumps(error.payload)) < LARGEST_ERROR_BYTES


def test_a_result_that_has_no_end_is_an_error(worker: FakeWorkerHandle) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("value", {"name": "cycle"})

    assert caught.value.kind == "exception"


@pytest.mark.parametrize(
    "tool",
    [
        "no_such_tool",
        pytest.param("__class__", marks=pytest.mark.defect("D25")),
        pytest.param("get_tools", marks=pytest.mark.defect("D25")),
        pytest.param("cleanup", marks=pytest.mark.defect("D25")),
        pytest.param("set_session_context", marks=pytest.mark.defect("D25")),
        pytest.param("_shown", marks=pytest.mark.defect("D25")),
    ],
)
def test_what_is_no_tool_cannot_be_called(worker: FakeWorkerHandle, tool: str) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute(tool)

    assert caught.value.kind == "exception"
    assert tool in caught.value.message


def test_arguments_that_do_not_fit_are_an_error(worker: FakeWorkerHandle) -> None:
    for args in ({}, {"value": 1, "surplus": 2}):
        with pytest.raises(ElixirError) as caught:
            worker.execute("echo", args)
        assert caught.value.kind == "exception"


# --- around a call ----------------------------------------------------------------------------


@pytest.mark.defect("D8")
def test_an_adapter_of_tools_alone_is_enough(worker: FakeWorkerHandle) -> None:
    assert worker.execute("echo", {"value": "hello"}) == "hello"


def test_a_tool_knows_its_call(worker: FakeWorkerHandle) -> None:
    known = worker.execute("where", correlation_id="sp-0123456789abcdef01234567")

    assert known["session_id"] == worker.session_id
    assert known["metadata"]["correlation_id"] == "sp-0123456789abcdef01234567"
    assert known["correlation_id"] == "sp-0123456789abcdef01234567"
    assert known["is_main_thread"] is False


@pytest.mark.defect("D10")
def test_a_thread_sensitive_tool_runs_on_the_main_thread(worker: FakeWorkerHandle) -> None:
    assert worker.execute("where", thread_sensitive=True)["is_main_thread"] is True


def test_a_caller_that_is_out_of_time_leaves_the_worker_free(worker: FakeWorkerHandle) -> None:
    with pytest.raises(ElixirError) as caught:
        worker.execute("linger", {"seconds": 0.5}, timeout_s=0.05)

    assert caught.value.kind == "timeout"
    assert worker.execute("echo", {"value": 1}) == 1


@pytest.mark.defect("D7", "D41")
def test_a_command_costs_elixir_nothing(host: FakeElixirHost, worker: FakeWorkerHandle) -> None:
    registered(host)
    before = len(host.calls)

    for number in range(200):
        assert worker.execute("echo", {"value": number}) == number

    assert [call.rpc for call in host.calls[before:] if call.rpc != "Heartbeat"] == []


@pytest.mark.defect("D38")
def test_an_adapter_is_cleaned_up_once_its_tool_has_returned() -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host, "Tidy")

        with pytest.raises(ElixirError, match="timeout"):
            worker.execute("work", {"seconds": 0.3}, timeout_s=0.1)

        worker.output.wait_for("cleaned 1.")
        lines = [line for line in worker.output.text().splitlines() if line.endswith(("r", "."))]
        assert lines == ["work 1 over", "cleaned 1."]


def test_what_travels_for_calls_is_as_it_was() -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host, "Small")
        registered(host)

        worker.execute("add", {"a": 1, "b": 2.5})
        worker.execute("image", {}, binary_parameters={"raw": b"\x89PNG"})
        with pytest.raises(ElixirError):
            worker.execute("fail", {"text": "no such vase"}, thread_sensitive=True)

        assert_golden("calls", worker.transcript)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("launcher", ["script", "launcher"])
def test_however_it_is_launched_beside_a_rival_a_worker_works_and_is_found(
    launcher: Launcher,
) -> None:
    with FakeElixirHost() as host:
        worker = spawn_field(host, launcher=launcher)

        assert worker.execute("echo", {"value": 1}) == 1
        assert orphans_of(host.run_id) == [worker.pid]
        assert worker.terminate().needed == "SIGTERM"
