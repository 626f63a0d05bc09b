from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    ErrorCode,
    HandlerFailedError,
    InvalidArgumentError,
    NotAllowedError,
    Outcome,
)
from tests.unit.handlers.python.bench import Bench, UnderWay
from tests.unit.handlers.python.packages import workbench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with workbench(tmp_path):
        yield Bench("workbench", "numpy", "math", "builtins", "collections")


def result(index: Any, *path: Any) -> dict[str, Any]:
    tag: dict[str, Any] = {"__type__": "result", "index": index}
    return {**tag, "path": [*path]} if path else tag


def calling(target: str, *args: Any) -> tuple[str, dict[str, Any]]:
    return "call", {"target": target, "args": [*args]}


def test_calls_use_the_results_of_earlier_ones(bench: Bench) -> None:
    results = bench.batch(
        calling("numpy.arange", 6),
        ("call_method", {"ref": result(0), "method": "reshape", "args": [2, 3]}),
        ("get_attribute", {"ref": result(1), "name": "shape"}),
        calling("math.prod", [result(2, 0), result(2, 1), result(1, "ndim")]),
        calling("workbench.give", {"deep": [(result(3),)]}),
    )

    assert results[2:] == [(2, 3), 12, {"deep": [(12,)]}]
    assert bench.instances.count() == 0


def test_a_result_may_be_any_argument(bench: Bench) -> None:
    results = bench.batch(
        calling("workbench.give", {"method": "loud", "names": ["name"], "kwargs": {"size": 4}}),
        ("create", {"target": "workbench.Thing", "kwargs": result(0, "kwargs")}),
        ("get_attribute", {"ref": result(1), "name": result(0, "method")}),
        ("length", {"ref": result(1)}),
        ("set_attribute", {"ref": result(1), "name": "name", "value": result(0, "names", 0)}),
        ("get_attribute", {"ref": result(1), "name": "loud"}),
        ("get_item", {"ref": result(0), "key": "method"}),
        ("release", {"ref": result(1)}),
    )

    assert results[2:] == ["A", 4, None, "NAME", "loud", True]
    assert bench.instances.count() == 0


def test_only_what_is_kept_can_be_released(bench: Bench) -> None:
    with pytest.raises(InvalidArgumentError, match="A ref was expected"):
        bench.batch(calling("workbench.Thing"), ("release", {"ref": result(0)}))


def test_results_are_data_even_where_they_look_like_something_else(bench: Bench) -> None:
    results = bench.batch(
        calling("collections.OrderedDict", [["__type__", "tool"], ["name", "ask"]]),
        calling("workbench.give", result(0)),
    )

    assert results[1] == {"__type__": "tool", "name": "ask"}


def test_fields_of_named_tuples_and_attributes_are_parts(bench: Bench) -> None:
    thing, pair = bench.create("workbench.Thing", "x"), bench.create("workbench.Pair", [7], 8)

    results = bench.batch(
        calling("workbench.give", [{"t": thing}, pair]),
        calling("workbench.give", result(0, 0, "t", "name")),
        calling("workbench.give", result(0, 1, "left", 0)),
        calling("workbench.give", result(0, 1, 0)),
    )

    assert results[1:] == ["x", 7, [7]]


@pytest.mark.parametrize("path", [["x"], [5], [0, "size", 1], [0, 1], [None], [[]]])
def test_a_path_that_leads_nowhere_is_refused(bench: Bench, path: list[Any]) -> None:
    thing = bench.create("workbench.Thing")

    with pytest.raises(InvalidArgumentError) as caught:
        bench.batch(
            calling("workbench.give", [thing]),
            ("call", {"target": "workbench.give", "args": [result(0) | {"path": path}]}),
        )

    assert caught.value.details["index"] == 1


def test_a_path_obeys_the_allow_list(bench: Bench) -> None:
    with pytest.raises(NotAllowedError):
        bench.batch(
            calling("workbench.Thing"),
            calling("workbench.give", result(0, "shell")),
        )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (result(1), r"\$\.calls\[1\]\.args\.args\[0\]\.x\[0\] stands for the result of call 1"),
        (result(2), "Earlier are 0 to 0"),
        (result(-1), "call -1"),
        (result(1.0), "call 1.0"),
        (result("0"), "call '0'"),
        (result(None), "call None"),
        (result(0) | {"path": "name"}, "path that is no list"),
        (result(0) | {"pth": []}, "'pth'"),
    ],
)
def test_a_result_that_cannot_be_there_is_refused_before_anything_runs(
    bench: Bench, wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=told):
        bench.batch(
            calling("workbench.opened.append", 1),
            calling("workbench.give", {"x": (wrong,)}),
        )

    assert bench.instances.count() == 0
    assert bench.read("workbench", "opened") == []


def test_the_first_call_has_nothing_before_it(bench: Bench) -> None:
    with pytest.raises(InvalidArgumentError, match="it is the first"):
        bench.batch(calling("workbench.give", {b"key": [result(0)]}))


@pytest.mark.parametrize("name", ["batch", "iterate", "cal", "nothing_like_it_at_all"])
def test_a_command_that_cannot_be_in_a_batch_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"\$\.calls\[0\]\.command") as caught:
        bench.batch((name, {}))

    assert "python." in caught.value.hint


def test_the_first_failure_ends_the_batch(bench: Bench) -> None:
    with pytest.raises(HandlerFailedError) as caught:
        bench.batch(
            calling("workbench.give", 1),
            calling("workbench.fail", "lost"),
            ("create", {"target": "workbench.Thing"}),
        )

    assert caught.value.details["index"] == 1
    assert caught.value.foreign_type == "LookupError"
    assert bench.instances.count() == 0


def test_failures_may_stand_among_the_results(bench: Bench) -> None:
    results = bench.batch(
        calling("workbench.fail", "lost"),
        calling("os.system", "true"),
        calling("workbench.give", result(0)),
        ("call", {"target": 7}),
        calling("workbench.give", 1),
        stop_on_error=False,
    )

    failed = [each["error"] for each in results[:4]]
    assert [each["code"] for each in failed] == [
        *(ErrorCode.HANDLER_FAILED, ErrorCode.NOT_ALLOWED, ErrorCode.WRONG_CALL),
        ErrorCode.INVALID_ARGUMENT,
    ]
    assert failed[0]["type"] == "LookupError"
    assert "--allow os" in failed[1]["hint"]
    assert "lost" in failed[2]["hint"]
    assert len({each["error_id"] for each in failed}) == 4
    assert results[4] == 1


def test_a_generator_in_a_batch_is_kept(bench: Bench) -> None:
    ref, first = bench.batch(
        calling("workbench.count", 3),
        ("call_method", {"ref": result(0), "method": "__next__"}),
    )

    assert first == 0
    assert bench.items(ref=ref) == [1, 2]


def test_a_batch_that_nobody_waits_for_ends(bench: Bench) -> None:
    execution = UnderWay()
    execution.cancelled = True
    bench.under(execution)

    with pytest.raises(CommandCancelledError) as caught:
        bench.batch(calling("workbench.give", 1), stop_on_error=False)

    assert caught.value.outcome is Outcome.STOPPED


def test_a_batch_ends_at_its_deadline(bench: Bench) -> None:
    execution = UnderWay()
    execution.remaining_s = 0.0
    bench.under(execution)

    with pytest.raises(CommandDeadlineError) as caught:
        bench.batch(calling("workbench.give", 1), stop_on_error=False)

    assert caught.value.outcome is Outcome.STOPPED


def test_a_deadline_within_a_call_ends_the_batch_too(bench: Bench) -> None:
    execution = UnderWay()
    bench.under(execution)

    def late(**_: Any) -> None:
        raise CommandDeadlineError("late")

    bench.host.call_tool = late  # type: ignore[method-assign]  # the test's own double

    with pytest.raises(CommandDeadlineError):
        bench.batch(
            calling("workbench.apply", {"__type__": "tool", "name": "ask"}), stop_on_error=False
        )


def test_a_thousand_calls_are_one_command(bench: Bench) -> None:
    calls = [calling("math.sqrt", 0), *(calling("math.exp", result(n)) for n in range(3))]

    assert len(bench.batch(*calls, *[calling("math.sqrt", 4)] * 996)) == 1000
