from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest

from snakepit_bridge.adapters.base import tools_of
from snakepit_bridge.adapters.threaded_showcase import ThreadedShowcaseAdapter
from tests.unit.adapters.showcase.request import Request, abandoned_command, no_wait


@pytest.fixture
def adapter() -> ThreadedShowcaseAdapter:
    return ThreadedShowcaseAdapter(no_wait)


def _call(adapter: ThreadedShowcaseAdapter, tool_name: str, /, **arguments: Any) -> Any:
    return adapter.execute_tool(tool_name=tool_name, arguments=arguments, context=Request())


def test_its_tools_are_those_of_snakepit() -> None:
    assert set(tools_of(ThreadedShowcaseAdapter)) == {
        "ping",
        "compute_intensive",
        "matrix_multiply",
        "batch_process",
        "get_adapter_stats",
        "stress_test",
        "clear_caches",
        "get_history",
    }


@pytest.mark.defect("D26")
def test_one_object_serves_the_whole_process_on_many_threads() -> None:
    assert ThreadedShowcaseAdapter.adapter_lifetime == "process"
    assert ThreadedShowcaseAdapter.__thread_safe__


def test_it_is_made_without_arguments() -> None:
    assert ThreadedShowcaseAdapter().ping()["message"] == "pong"


def test_ping_tells_the_thread(adapter: ThreadedShowcaseAdapter) -> None:
    answer = _call(adapter, "ping", message="hello")

    assert (answer["message"], answer["thread"]) == ("hello", threading.current_thread().name)
    assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None


@pytest.mark.defect("D26")
def test_what_was_computed_is_computed_once(adapter: ThreadedShowcaseAdapter) -> None:
    first = _call(adapter, "compute_intensive", data=[1, 2.5], iterations=3)
    second = _call(adapter, "compute_intensive", data=[1, 2.5], iterations=3)
    other = _call(adapter, "compute_intensive", data=[1, 2.5], iterations=4)

    assert first.keys() == {
        "result",
        "iterations",
        "input_size",
        "execution_time_ms",
        "thread",
        "cached",
    }
    assert (first["iterations"], first["input_size"]) == (3, 2)
    assert [answer["cached"] for answer in (first, second, other)] == [False, True, False]
    assert first["result"] == second["result"] != other["result"]


def test_what_was_broken_off_is_not_taken_for_the_result(
    adapter: ThreadedShowcaseAdapter,
) -> None:
    with abandoned_command():
        _call(adapter, "compute_intensive", data=[1.0], iterations=50)

    assert not _call(adapter, "compute_intensive", data=[1.0], iterations=50)["cached"]


def test_a_vector_is_multiplied(adapter: ThreadedShowcaseAdapter) -> None:
    answer = _call(adapter, "matrix_multiply", input_vector=[0.5] * 100)

    assert answer.keys() == {
        "output",
        "input_size",
        "output_size",
        "execution_time_ms",
        "thread",
        "model",
    }
    assert (answer["input_size"], answer["output_size"]) == (100, len(answer["output"]))


def test_items_are_processed_one_by_one() -> None:
    waits: list[float] = []
    adapter = ThreadedShowcaseAdapter(waits.append)

    answer = _call(adapter, "batch_process", items=["a", "b"])

    assert answer.keys() == {
        "batch_id",
        "items_processed",
        "results",
        "execution_time_ms",
        "thread",
    }
    assert answer["items_processed"] == 2
    assert [each["item"] for each in answer["results"]] == ["a", "b"]
    assert waits == [0.01, 0.01]


def test_each_batch_has_its_own_name(adapter: ThreadedShowcaseAdapter) -> None:
    names = {_call(adapter, "batch_process", items=[])["batch_id"] for _ in range(3)}

    assert len(names) == 3


def test_a_batch_that_nobody_waits_for_is_left(adapter: ThreadedShowcaseAdapter) -> None:
    with abandoned_command():
        assert _call(adapter, "batch_process", items=[1, 2])["items_processed"] == 0


def test_stress_tells_how_much_got_done(adapter: ThreadedShowcaseAdapter) -> None:
    answer = _call(adapter, "stress_test", duration_ms=0, complexity=10)

    assert answer.keys() == {
        "iterations",
        "target_duration_ms",
        "actual_duration_ms",
        "complexity",
        "thread",
        "ops_per_second",
    }
    assert (answer["iterations"], answer["target_duration_ms"]) == (1, 0)
    assert answer["ops_per_second"] > 0


def test_stress_takes_a_tenth_of_a_second_by_default(adapter: ThreadedShowcaseAdapter) -> None:
    with abandoned_command():
        answer = _call(adapter, "stress_test")

    assert (answer["target_duration_ms"], answer["complexity"]) == (100, 1000)


def test_the_last_calls_are_remembered(adapter: ThreadedShowcaseAdapter) -> None:
    for _ in range(12):
        _call(adapter, "ping")
    _call(adapter, "matrix_multiply", input_vector=[1] * 100)

    last_ten = _call(adapter, "get_history")

    assert last_ten["total"] == 13
    assert [call["tool"] for call in last_ten["history"]] == [*["ping"] * 9, "matrix_multiply"]
    assert len(_call(adapter, "get_history", limit=2)["history"]) == 2
    assert _call(adapter, "get_history", limit=0)["history"] == []


@pytest.mark.defect("D53")
def test_no_more_than_a_thousand_calls_are_remembered(adapter: ThreadedShowcaseAdapter) -> None:
    for _ in range(1001):
        adapter.ping()

    assert _call(adapter, "get_history", limit=5000)["total"] == 1000


def test_caches_can_be_cleared(adapter: ThreadedShowcaseAdapter) -> None:
    _call(adapter, "compute_intensive", data=[1.0], iterations=1)

    cleared = _call(adapter, "clear_caches")

    assert (cleared["results_cleared"], cleared["calls_cleared"]) == (1, 1)
    assert _call(adapter, "get_history")["total"] == 0
    assert not _call(adapter, "compute_intensive", data=[1.0], iterations=1)["cached"]


@pytest.mark.defect("D26")
def test_calls_of_two_threads_are_counted_together() -> None:
    """The barrier opens once both calls are inside their tool."""
    both_inside = threading.Barrier(2)
    meeting = ThreadedShowcaseAdapter(lambda _seconds: _met(both_inside))
    threads = [
        threading.Thread(target=meeting.batch_process, args=([number],)) for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    stats = _call(meeting, "get_adapter_stats")

    assert stats["adapter_class"] == "ThreadedShowcaseAdapter"
    assert stats["thread_safe"] is True
    assert stats["tracker"]["total_requests"] == 3
    assert stats["tracker"]["threads_seen"] == 3
    assert (stats["cache_size"], stats["history_size"]) == (0, 3)


def _met(barrier: threading.Barrier) -> None:
    barrier.wait(5)
