"""The shapes of SnakeBridge's adapter, in a real worker: references, tags, callbacks, streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.testing.elixir import ElixirError, FakeElixirHost, FakeWorkerHandle
from snakepit_bridge.testing.elixir.json_rules import LABEL

_ADAPTER = Path(__file__).with_name("library_adapter.py")

FINAL = {"is_final": True}

CALL_STOP = ("snakepit", "python", "call", "stop")

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FakeElixirHost, FakeWorkerHandle]]:
    with FakeElixirHost() as host:
        host.write_adapter("library_adapter.py", _ADAPTER.read_text(encoding="utf-8"))
        host.tool("library.callback", _answered, exposed=False)
        yield (
            host,
            host.spawn(
                "library_adapter.LibraryAdapter",
                env={"SNAKEPIT_THREAD_SENSITIVE": "sqlite3, threading.current_thread"},
            ),
        )


def _answered(args: dict[str, Any]) -> Any:
    """What the callbacks of these tests do in Elixir, by their ids."""
    match args["callback_id"]:
        case "double":
            return args["args"][0] * 2
        case "given":
            return args["args"]
        case "pair":
            return {"__type__": "tuple", "elements": [1, args["args"][0]]}
    raise ValueError("there is no such function")


@pytest.fixture
def host(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> FakeElixirHost:
    return shared[0]


@pytest.fixture
def worker(shared: tuple[FakeElixirHost, FakeWorkerHandle]) -> Iterator[FakeWorkerHandle]:
    yield shared[1]
    assert shared[1].dead == "", "the worker outlives every test"


@pytest.fixture
def call(worker: FakeWorkerHandle) -> Call:
    """Calls ``module.function`` of a library."""

    def called(path: str, *args: Any, **more: Any) -> Any:
        return worker.execute("library.call", _asked(path, *args, **more))

    return called


def _asked(path: str, *args: Any, **more: Any) -> dict[str, Any]:
    module, _, function = path.rpartition(".")
    asked = {"protocol": 1, "session_id": "of a user", "python_module": module}
    return {**asked, "function": function, "args": list(args), **more}


def _tuple(*elements: Any) -> dict[str, Any]:
    return {"__type__": "tuple", "elements": list(elements)}


def _callback(callback_id: str) -> dict[str, Any]:
    return {"__type__": "callback", "id": callback_id}


def _data(*values: Any) -> list[dict[str, Any]]:
    return [*({"data": value, "is_final": False} for value in values), FINAL]


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "args", "value"),
    [
        pytest.param("builtins.len", [[1, 2]], 2, marks=pytest.mark.defect("D2")),
        pytest.param("operator.pow", [2, 70], 2**70, marks=pytest.mark.defect("D2")),
        pytest.param("builtins.print", ["printed"], None, marks=pytest.mark.defect("D1")),
        ("math.sqrt", [16], 4.0),
        ("os.path.join", ["a", "b"], "a/b"),
        ("builtins.divmod", [7, 2], _tuple(3, 1)),
        ("builtins.set", [[2, 1]], {"__type__": "set", "elements": [1, 2]}),
        ("builtins.bytes", [[0, 255]], {"__type__": "bytes", "data": "AP8="}),
        ("builtins.repr", [_tuple(1, {"__type__": "bytes", "data": "AP8="})], "(1, b'\\x00\\xff')"),
    ],
)
def test_values_and_their_tags_arrive_as_they_left(
    call: Call, path: str, args: list[Any], value: object
) -> None:
    answer = call(path, *args)

    assert (answer, type(answer)) == (value, type(value))


# --- references ---------------------------------------------------------------------------------


def test_an_object_stays_behind_and_is_found_by_later_calls(call: Call) -> None:
    shelf = call("collections.deque", [1, 2])

    assert shelf["type_name"] == "deque"
    assert call("collections.append", 3, instance=shelf) is None
    assert call("builtins.list", shelf) == [1, 2, 3]
    assert call("builtins.len", shelf) == 3


def test_arrays_and_their_scalars_stay_behind(call: Call) -> None:
    array = call("numpy.arange", 6)

    assert array["type_name"] == "ndarray"
    assert call("numpy.sum", instance=array)["type_name"] == "int64"
    assert call("numpy.tolist", instance=array) == [0, 1, 2, 3, 4, 5]


def test_references_are_of_one_session_until_that_releases_them(
    call: Call, worker: FakeWorkerHandle
) -> None:
    kept = call("io.StringIO", "text", session_id="leaving")

    with pytest.raises(ElixirError) as of_another:
        call("io.read", instance=kept, session_id="another")
    released = worker.execute("library.release", {"protocol": 1, "session_id": "leaving"})
    with pytest.raises(ElixirError) as gone:
        call("io.read", instance=kept, session_id="leaving")

    assert (released, type(released)) == (1, int)
    for caught in (of_another, gone):
        assert caught.value.struct == "Snakepit.Error.KeyError"
        assert f"Unknown reference: {kept['id']}" in caught.value.message


@pytest.mark.defect("D9")
def test_an_iterator_goes_on_from_call_to_call_until_it_says_that_it_has_ended(call: Call) -> None:
    items = call("builtins.iter", ["a", None])

    assert items["__type__"] == "stream_ref"
    assert [call("builtins.next", items), call("builtins.next", items)] == ["a", None]
    with pytest.raises(ElixirError) as caught:
        call("builtins.next", items)
    assert caught.value.python_type == "StopIteration"


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "args", "python_type"),
    [
        ("operator.getitem", [[], 0], "IndexError"),
        ("math.nothing", [], "AttributeError"),
        ("no_such_library.f", [], "ModuleNotFoundError"),
    ],
)
def test_failures_keep_their_type_and_say_what_was_called(
    call: Call, worker: FakeWorkerHandle, path: str, args: list[Any], python_type: str
) -> None:
    with pytest.raises(ElixirError) as caught:
        call(path, *args)

    module, _, function = path.rpartition(".")
    assert caught.value.python_type == python_type
    assert caught.value.context == {
        "tool_name": "library.call",
        "session_id": worker.session_id,
        "python_module": module,
        "function": function,
    }


def test_an_adapter_judges_versions_and_names_for_itself(worker: FakeWorkerHandle) -> None:
    with pytest.raises(ElixirError, match="mine is 1, yours is 2") as version:
        worker.execute("library.call", {"protocol": 2})
    with pytest.raises(ElixirError, match=r"'library\.other' is not supported") as name:
        worker.execute("library.other", {"protocol": 1})

    assert version.value.python_type == "ProtocolError"
    assert name.value.struct == "Snakepit.Error.AttributeError"


# --- callbacks ------------------------------------------------------------------------------------


def test_a_callback_travels_as_json_in_the_session_of_its_caller(
    host: FakeElixirHost, call: Call
) -> None:
    assert call("functools.reduce", _callback("given"), ["a", None], correlation_id="cb") == [
        "a",
        None,
    ]

    asked = host.calls.matching(
        lambda each: (
            each.metadata.get("x-snakepit-correlation-id") == "cb"
            and each.rpc == "ExecuteElixirTool"
        )
    )
    request = asked[-1].request
    assert request.session_id == "of a user"
    assert {name: (each.type_url, each.value) for name, each in request.parameters.items()} == {
        "callback_id": (LABEL, b'"given"'),
        "args": (LABEL, b'["a", null]'),
    }


def test_a_callback_may_answer_with_a_tag(call: Call) -> None:
    pairs = call("builtins.list", call("builtins.map", _callback("pair"), ["a"]))

    assert pairs == [_tuple(1, "a")]


def test_a_callback_that_fails_in_elixir_raises_in_the_library(call: Call) -> None:
    with pytest.raises(ElixirError, match=r"Callback failed: .*no such function") as caught:
        call("builtins.list", call("builtins.map", _callback("missing"), [1]))

    assert caught.value.struct == "Snakepit.Error.RuntimeError"


def test_a_callback_works_after_the_call_that_brought_it(call: Call) -> None:
    doubled = call("builtins.map", _callback("double"), [1, 2])

    assert [call("builtins.next", doubled), call("builtins.next", doubled)] == [2, 4]


def test_a_callback_works_on_threads_of_the_library(call: Call) -> None:
    threads = call("concurrent.futures.ThreadPoolExecutor", 2)
    doubled = call("concurrent.futures.map", _callback("double"), [1, 2, 3], instance=threads)

    assert call("builtins.list", doubled) == [2, 4, 6]
    assert call("concurrent.futures.shutdown", instance=threads) is None


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.defect("D12")
def test_a_stream_has_every_item_as_it_is(worker: FakeWorkerHandle) -> None:
    items = ["a", None, "", 3, _tuple(1)]

    chunks = list(worker.stream("library.stream", _asked("builtins.iter", items)))

    assert chunks == [
        *_data(*items[:4])[:-1],
        {**_tuple(1), "is_final": False},
        FINAL,
    ]


def test_the_items_of_a_stream_may_come_out_of_callbacks(worker: FakeWorkerHandle) -> None:
    asked = _asked("builtins.map", _callback("double"), [1, 2, 3])

    assert list(worker.stream("library.stream", asked)) == _data(2, 4, 6)


@pytest.mark.defect("D11")
def test_a_reference_in_place_of_a_stream_is_one_chunk(worker: FakeWorkerHandle) -> None:
    """Its keys were once the stream."""
    reference, last = worker.stream("library.stream_whole", _asked("builtins.iter", [1]))

    assert reference["__type__"] == "stream_ref"
    assert last == FINAL


def test_a_stream_that_fails_says_how_after_what_came_before(worker: FakeWorkerHandle) -> None:
    asked = _asked("builtins.int")
    del asked["args"]  # the function itself, not what it returns
    to_int = worker.execute("library.call", asked)

    stream = worker.stream("library.stream", _asked("builtins.map", to_int, ["1", "x"]))

    assert next(stream) == {"data": 1, "is_final": False}
    with pytest.raises(ElixirError, match="invalid literal") as caught:
        next(stream)
    assert json.loads(caught.value.message)["type"] == "ValueError"


# --- threads --------------------------------------------------------------------------------------


def test_a_library_of_one_thread_works_beside_streams_where_it_is_listed(
    worker: FakeWorkerHandle, call: Call
) -> None:
    """SQLite refuses a connection on every thread but the one that made it."""
    with worker.stream("library.stream", _asked("itertools.repeat", 1)) as endless:
        next(endless)
        endless.halt()

        connection = call("sqlite3.connect", ":memory:")
        rows = call("sqlite3.execute", "select 1", instance=connection)
        fetched = call("sqlite3.fetchall", instance=rows)
        closed = call("sqlite3.close", instance=connection)

    assert (fetched, closed) == ([_tuple(1)], None)


def test_a_single_function_may_be_listed_for_the_main_thread(call: Call) -> None:
    assert call("threading.current_thread")["type_name"] == "_MainThread"


# --- telemetry ------------------------------------------------------------------------------------


def test_elixir_hears_of_every_call_into_a_library(worker: FakeWorkerHandle, call: Call) -> None:
    call("math.hypot", 3, 4)

    stop = worker.events.wait_for(
        lambda event: event.name == CALL_STOP and event.metadata["function"] == "hypot"
    )
    assert stop.metadata["library"] == "math"
    assert stop.measurements.keys() == {"duration"}
