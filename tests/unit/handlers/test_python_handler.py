from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    ErrorCode,
    ForeignRefError,
    HandlerFailedError,
    HostToolError,
    InstanceNotFoundError,
    InvalidArgumentError,
    NotAllowedError,
)
from snakepit_bridge.handlers.python_handler import PythonHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.context import Session, current_execution
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from tests.unit.handlers.bridges import call, chunks_of, running
from tests.unit.handlers.python.bench import Bench, UnderWay
from tests.unit.handlers.python.packages import workbench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with workbench(tmp_path):
        yield Bench(
            *("workbench", "numpy", "pandas", "collections", "math", "datetime", "builtins"),
            *("operator", "enum", "hashlib", "functools", "os.path", "itertools"),
        )


# --- calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "args", "result"),
    [
        ("numpy.linalg.norm", [[3, 4]], 5.0),
        ("numpy.sin", [0.0], 0.0),
        ("numpy.float64", [1], 1.0),
        ("numpy.random.randint", [1, 2], 1),
        ("math.sqrt", [4], 2.0),
        ("collections.Counter", ["aab"], {"a": 2, "b": 1}),
        ("collections.abc.Sized.__name__", [], None),
        ("datetime.date.fromisoformat", ["2030-01-02"], date(2030, 1, 2)),
        ("operator.add", [1, 2], 3),
        ("functools.reduce", [{"__type__": "tool", "name": "add"}, [1]], 1),
        ("builtins.len", [[1, 2]], 2),
        ("builtins.sorted", [[2, 1]], [1, 2]),
        ("os.path.join", ["a", "b"], "a/b"),
        ("workbench.add", [1, 2], 3.0),
        ("workbench.half", [1], (2, 0)),
        ("workbench.cached", [1], 2),
        ("workbench.late.here", [], "here"),
        ("workbench.sub.twice", [2], 4),
        ("workbench.Thing.Inner.hello", [None], "hello"),
    ],
)
def test_functions_and_classes_are_called_by_name(
    bench: Bench, target: str, args: list[Any], result: Any
) -> None:
    if result is None:
        with pytest.raises(NotAllowedError):
            bench.call(target)
        return
    assert bench.call(target, *args) == result


def test_arguments_are_positional_or_by_name(bench: Bench) -> None:
    assert bench.call("workbench.add", 1, b=2, scale=2) == 6
    assert bench.handler.call(bench.session, target="builtins.dict") == {}


def test_what_the_code_raises_is_raised(bench: Bench) -> None:
    with pytest.raises(LookupError, match="lost"):
        bench.call("workbench.fail", "lost")
    with pytest.raises(AttributeError, match="deep inside"):
        bench.get(bench.create("workbench.Thing"), "broken")


def test_async_functions_are_awaited(bench: Bench) -> None:
    assert bench.call("workbench.later", 7) == 7


def test_a_misspelt_name_is_answered_with_the_nearest_one(bench: Bench) -> None:
    for target, near in (("math.sqroot", "sqrt"), ("workbench.Thing.name_d", "named")):
        with pytest.raises(InvalidArgumentError, match=near):
            bench.call(target, 1)
    with pytest.raises(InvalidArgumentError, match=r"python\.describe"):
        bench.call("math.zzzzzz")


def test_a_missing_package_says_where_to_install_it() -> None:
    with pytest.raises(InvalidArgumentError, match="Install it where the bridge runs"):
        Bench("not_there_at_all").call("not_there_at_all.f")


@pytest.mark.parametrize("target", ["math.pi", "workbench.sub", "workbench.LIMIT"])
def test_what_cannot_be_called_is_refused_kindly(bench: Bench, target: str) -> None:
    with pytest.raises(InvalidArgumentError):
        bench.call(target)


# --- objects --------------------------------------------------------------------------------------


def test_created_objects_are_kept_and_found_again(bench: Bench) -> None:
    ref = bench.create("workbench.Thing", "b", size=2)

    assert isinstance(ref, Ref)
    assert ref.type_name == "workbench.Thing"
    assert bench.get(ref, "name") == "b"
    assert bench.get(ref, "loud") == "B"
    assert bench.get(ref, "kind") == "thing"
    assert bench.handler.length(bench.session, ref=ref) == 2
    assert bench.method(ref, "__len__") == 2
    assert bench.item(ref, "key") == "key"
    assert bench.method(ref, "itself") is bench.instances.get("s", ref)


def test_even_plain_values_are_kept_when_they_are_created(bench: Bench) -> None:
    ref = bench.create("builtins.list", [3, 1])

    bench.method(ref, "append", 2)
    bench.method(ref, "sort")

    assert bench.call("workbench.give", ref) == [1, 2, 3]


def test_attributes_are_set(bench: Bench) -> None:
    ref, other = bench.create("workbench.Thing"), bench.create("workbench.Plain")

    bench.set(ref, "name", "c")
    bench.set(ref, "other", [other])

    assert bench.get(ref, "name") == "c"
    assert bench.get(ref, "other") == [bench.instances.get("s", other)]
    with pytest.raises(AttributeError):
        bench.set(ref, "loud", "x")


def test_items_are_read_by_slices_of_every_form(bench: Bench) -> None:
    ref = bench.create("numpy.arange", 12)
    ref = bench.keep(bench.method(ref, "reshape", 3, 4))
    tagged = {"__type__": "slice", "start": 1, "stop": 3}

    assert bench.item(ref, (slice(1, 3), 0)).tolist() == [4, 8]
    assert bench.item(ref, {"__type__": "tuple", "elements": [tagged, 0]}).tolist() == [4, 8]
    assert bench.item(ref, (..., 0)).tolist() == [0, 4, 8]
    assert bench.item(ref, [0, 1]).shape == (2, 4)


def test_methods_inherited_from_plain_types_are_fine(bench: Bench) -> None:
    counter = bench.create("collections.Counter", "aab")

    assert bench.method(counter, "most_common", 1) == [("a", 2)]
    assert sorted(bench.method(counter, "items")) == [("a", 2), ("b", 1)]
    assert bench.method(counter, "__getitem__", "a") == 2
    bench.method(counter, "__setitem__", "c", 5)
    assert bench.item(counter, "c") == 5


def test_methods_of_neutral_bases_are_fine(tmp_path: Path) -> None:
    (tmp_path / "neutral_bases.py").write_text(
        "import collections.abc, enum\n"
        "class Shelf(collections.abc.Mapping):\n"
        "    def __getitem__(self, key): return {'a': 1}[key]\n"
        "    def __iter__(self): return iter('a')\n"
        "    def __len__(self): return 1\n"
        "class Color(enum.Enum):\n"
        "    RED = 'red'\n"
    )
    with workbench(tmp_path):
        bench = Bench("neutral_bases")
        shelf = bench.create("neutral_bases.Shelf")
        red = bench.keep(bench.read("neutral_bases.Color", "RED"))

        assert list(bench.method(shelf, "keys")) == ["a"]
        assert bench.method(shelf, "get", "a") == 1
        assert bench.get(red, "value") == "red"
        assert bench.call("neutral_bases.Color", "red").name == "RED"


def test_a_class_is_an_object_too(bench: Bench) -> None:
    ref = bench.keep(bench.read("workbench", "Thing"))

    assert bench.method(ref, "__call__", "z").name == "z"
    assert bench.method(ref, "named", "y").name == "y"
    assert bench.get(ref, "kind") == "thing"


def test_a_function_is_called_by_its_ref_and_has_nothing_else(bench: Bench) -> None:
    ref = bench.keep(bench.read("workbench", "add"))

    assert bench.method(ref, "__call__", 1) == 2
    with pytest.raises(NotAllowedError, match="can only be called"):
        bench.get(ref, "cache_clear")


def test_a_wrong_attribute_is_answered_with_the_nearest_one(bench: Bench) -> None:
    ref = bench.create("workbench.Thing")

    with pytest.raises(InvalidArgumentError, match="itself"):
        bench.method(ref, "itslf")
    with pytest.raises(InvalidArgumentError, match="'name'"):
        bench.get(ref, "nme")


def test_constants_of_modules_are_read(bench: Bench) -> None:
    assert bench.read("workbench", "LIMIT") == 3
    assert bench.read("math", "pi") > 3


def test_either_a_ref_or_a_target_is_needed(bench: Bench) -> None:
    handler, session = bench.handler, bench.session

    with pytest.raises(InvalidArgumentError, match="Either"):
        handler.get_attribute(session, name="x")
    with pytest.raises(InvalidArgumentError, match="Either"):
        handler.describe(session, ref="a", target="math")


def test_objects_are_released_once(bench: Bench) -> None:
    ref = bench.create("workbench.Tape")
    tape = bench.instances.get("s", ref)

    assert bench.handler.release(bench.session, ref={"__type__": "ref", "id": str(ref)}) is True
    assert bench.handler.release(bench.session, ref=ref) is False
    assert tape.is_closed
    with pytest.raises(InstanceNotFoundError):
        bench.get(ref, "at")


def test_a_ref_of_another_session_is_refused(bench: Bench) -> None:
    foreign = bench.instances.register("other", [1])

    with pytest.raises(ForeignRefError):
        bench.method(foreign, "pop")
    with pytest.raises(ForeignRefError):
        bench.call("builtins.len", foreign)


def test_frames_are_used_like_any_object(bench: Bench) -> None:
    frame = bench.create("pandas.DataFrame", {"a": [1, 2], "b": [3, 4]})

    assert bench.get(frame, "shape") == (2, 2)
    assert bench.get(frame, "a").tolist() == [1, 2]
    assert bench.method(frame, "sum").tolist() == [3, 7]
    assert bench.method(frame, "apply", "sum").tolist() == [3, 7]
    assert bench.method(frame, "apply", bench.keep(np.sum)).tolist() == [3, 7]
    loc = bench.keep(bench.get(frame, "loc"))
    assert bench.item(loc, (0, "b")) == 3
    groups = bench.keep(bench.method(frame, "groupby", "a"))
    assert bench.method(groups, "agg", {"b": "mean"})["b"].tolist() == [3, 4]


# --- functions of the host ------------------------------------------------------------------------


def test_a_function_of_the_host_is_called_by_python(bench: Bench) -> None:
    bench.host.answer = 42

    result = bench.call("workbench.apply", HostFunction(tool="ask"), 1, 2, who="ada")

    assert result == 42
    assert bench.host.calls == [("ask", {"who": "ada", "args": [1, 2]})]


def test_arguments_by_name_are_the_arguments_of_the_tool(bench: Bench) -> None:
    bench.call("workbench.apply", {"__type__": "tool", "name": "ask"}, who="ada")

    assert bench.host.calls == [("ask", {"who": "ada"})]


def test_a_callback_gets_its_id_and_a_list(bench: Bench) -> None:
    callback = {"__type__": "callback", "ref_id": "c1", "pid": "<0.1.0>", "arity": 2}

    bench.call("workbench.apply", callback, 1, 2)

    assert bench.host.calls == [("snakebridge.callback", {"callback_id": "c1", "args": [1, 2]})]


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [([1], {}, "takes 2 arguments, but 1 were given"), ([1], {"b": 2}, "no arguments by name")],
)
def test_a_callback_refuses_what_it_does_not_take(
    bench: Bench, args: list[Any], kwargs: dict[str, Any], told: str
) -> None:
    callback = HostFunction(tool="snakebridge.callback", callback_id="c1", arity=2)

    with pytest.raises(TypeError, match=told):
        bench.call("workbench.apply", callback, *args, **kwargs)
    assert bench.host.calls == []


def test_a_tool_cannot_have_args_twice(bench: Bench) -> None:
    with pytest.raises(TypeError, match="as 'args'"):
        bench.call("workbench.apply", HostFunction(tool="ask"), 1, args=[2])


def test_a_host_that_fails_fails_inside_of_python(bench: Bench) -> None:
    bench.host.answer = HostToolError("no")

    with pytest.raises(HostToolError):
        bench.call("workbench.apply", HostFunction(tool="ask"))


def test_the_host_may_answer_with_a_ref(bench: Bench) -> None:
    bench.host.answer = bench.create("workbench.Thing", "kept")

    assert bench.call("workbench.apply", HostFunction(tool="ask")).name == "kept"


def test_functions_of_the_host_can_be_kept_and_told_apart(bench: Bench) -> None:
    function = bench.call("workbench.give", HostFunction(tool="ask"))

    assert function.__name__ == "ask"
    assert repr(function) == "<function 'ask' of the host>"


def test_the_call_belongs_to_the_command_that_runs(bench: Bench) -> None:
    function = bench.call("workbench.give", HostFunction(tool="ask"))
    token = current_execution.set(UnderWay())

    function(1)
    current_execution.reset(token)

    assert bench.host.calls == [("ask", {"args": [1]})]


def test_threads_that_python_starts_may_call_the_host(bench: Bench) -> None:
    function = bench.call("workbench.give", HostFunction(tool="ask"))

    thread = threading.Thread(target=function, kwargs={"who": "ada"})
    thread.start()
    thread.join(5)

    assert bench.host.calls == [("ask", {"who": "ada"})]


# --- streams --------------------------------------------------------------------------------------


def test_items_come_one_by_one_or_in_batches(bench: Bench) -> None:
    ref = bench.create("builtins.list", [1, 2, 3])

    assert bench.items(ref=ref) == [1, 2, 3]
    assert bench.items(target="builtins.range", args=[5], batch=2) == [[0, 1], [2, 3], [4]]
    assert bench.items(target="workbench.count", kwargs={"n": 2}) == [0, 1]
    assert bench.items(target="workbench.slowly", args=[3]) == [0, 1, 2]
    assert bench.items(ref=bench.create("pandas.DataFrame", {"a": [1]})) == ["a"]


def test_items_are_made_when_they_are_asked_for_and_no_more_after_the_end(bench: Bench) -> None:
    opened, closed = bench.read("workbench", "opened"), bench.read("workbench", "closed")
    items = bench.handler.iterate(bench.session, target="workbench.count", args=[100])

    assert [next(items), next(items)] == [0, 1]
    assert opened == [0, 1]
    items.close()
    assert closed == [100]


def test_an_asynchronous_generator_is_closed_on_its_own_loop(bench: Bench) -> None:
    closed = bench.read("workbench", "closed")
    items = bench.handler.iterate(bench.session, target="workbench.slowly", args=[9])

    assert next(items) == 0
    items.close()

    assert closed == [9]


class Cancellable(UnderWay):
    """A command that a test cancels."""

    told: Callable[[], None]

    def on_cancel(self, told: Callable[[], None]) -> Callable[[], None]:
        self.told = told
        return lambda: None

    def cancel(self) -> None:
        self.cancelled = True
        self.told()


def test_an_asynchronous_generator_that_hangs_ends_with_its_command(bench: Bench) -> None:
    waits, ended = threading.Event(), threading.Event()

    async def stuck() -> AsyncIterator[int]:
        try:
            yield 1
            waits.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    execution = Cancellable()
    token = current_execution.set(execution)

    def cancel_it() -> None:
        waits.wait(10)
        execution.cancel()

    helper = threading.Thread(target=cancel_it)
    helper.start()
    try:
        items = bench.handler.iterate(bench.session, ref=bench.keep(stuck()))
        assert next(items) == 1
        with pytest.raises(CommandCancelledError):
            next(items)
    finally:
        current_execution.reset(token)
        helper.join(10)

    assert ended.is_set()


def test_an_asynchronous_generator_ends_at_the_deadline(bench: Bench) -> None:
    closed = bench.read("workbench", "closed")
    execution = UnderWay()
    token = current_execution.set(execution)
    try:
        items = bench.handler.iterate(bench.session, target="workbench.slowly", args=[9])
        assert next(items) == 0
        execution.remaining_s = 0.0
        with pytest.raises(CommandDeadlineError):
            next(items)
    finally:
        current_execution.reset(token)

    assert closed == [9]


def test_a_generator_is_kept_until_it_is_iterated(bench: Bench) -> None:
    ref = bench.call("workbench.count", 3)

    assert isinstance(ref, Ref)
    assert bench.method(ref, "__next__") == 0
    assert bench.items(ref=ref) == [1, 2]


def test_an_object_that_iterates_itself_stays_open(bench: Bench) -> None:
    ref = bench.create("workbench.Tape")

    assert bench.items(ref=ref) == [1, 2, 3]
    assert bench.get(ref, "is_closed") is False


def test_what_has_no_items_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot be iterated"):
        bench.items(target="workbench.Plain")
    with pytest.raises(InvalidArgumentError, match="cannot be iterated"):
        bench.items(ref=bench.keep(bench.read("workbench", "add")))


# --- as commands ----------------------------------------------------------------------------------


async def test_the_commands_run_on_the_engine(bench: Bench) -> None:
    async with running(bench.handler) as commands:
        result = await commands.run(call("python.call", target="math.sqrt", args=[9]))
        chunks = await chunks_of(
            commands, call("python.iterate", target="builtins.range", args=[3])
        )
        with pytest.raises(HandlerFailedError) as caught:
            await commands.run(call("python.call", target="workbench.fail", args=["lost"]))

    assert result.value == 3.0
    assert [chunk.value for chunk in chunks if not chunk.is_final] == [0, 1, 2]
    assert caught.value.code is ErrorCode.HANDLER_FAILED
    assert caught.value.foreign_type == "LookupError"


def test_every_command_has_a_schema() -> None:
    registry = HandlerRegistry()
    registry.register(PythonHandler(Bench().instances))

    shown = {entry.command: sorted(entry.schema["properties"]) for entry in registry}

    assert shown == {
        "python.batch": ["calls", "stop_on_error"],
        "python.call": ["args", "kwargs", "target"],
        "python.call_method": ["args", "kwargs", "method", "ref"],
        "python.create": ["args", "kwargs", "target"],
        "python.describe": ["ref", "target"],
        "python.get_attribute": ["name", "ref", "target"],
        "python.get_item": ["key", "ref"],
        "python.iterate": ["args", "batch", "kwargs", "ref", "target"],
        "python.length": ["ref"],
        "python.release": ["ref"],
        "python.set_attribute": ["name", "ref", "value"],
    }
    assert all(entry.description for entry in registry)


def test_a_session_that_ends_with_its_command_keeps_nothing_of_others(bench: Bench) -> None:
    other = Session("t", bench.host, bench.session.created_at)
    ref = bench.create("workbench.Thing")

    with pytest.raises(ForeignRefError):
        bench.handler.get_attribute(other, ref=ref, name="name")
