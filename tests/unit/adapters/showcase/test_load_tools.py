from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from snakepit_bridge.adapters.showcase.load_tools import LoadTools
from snakepit_bridge.adapters.showcase.pause import pause
from tests.unit.adapters.showcase.request import Request, abandoned_command, no_wait

TOOLS = LoadTools(no_wait)


def test_a_task_computes_as_long_as_it_is_told_to() -> None:
    answer = TOOLS.cpu_bound_task(Request(), task_id="t", duration_ms=1)

    assert answer.keys() == {"task_id", "result", "actual_duration_ms"}
    assert answer["task_id"] == "t"
    assert answer["result"] > 0
    assert answer["actual_duration_ms"] >= 1


def test_a_task_that_nobody_waits_for_does_not_compute_on() -> None:
    with abandoned_command():
        answer = TOOLS.cpu_bound_task(Request(), task_id=1, duration_ms=3_600_000)

    assert answer["actual_duration_ms"] < 3_600_000


def test_a_task_waits_as_long_as_it_is_told_to() -> None:
    waits: list[float] = []

    answer = LoadTools(waits.append).sleep_task(Request(), duration_ms=250, task_number=7)

    assert answer == {"task_number": 7, "slept_ms": 250}
    assert waits == [0.25]


def test_a_light_task_squares() -> None:
    assert TOOLS.lightweight_task(Request(), iteration=9) == {"iteration": 9, "result": 81}


def test_the_worker_tells_what_it_takes() -> None:
    stats = TOOLS.get_pool_stats(Request())

    assert stats.keys() == {"worker_pid", "memory_mb", "cpu_percent"}
    assert stats["worker_pid"] == os.getpid()
    assert stats["memory_mb"] > 0
    assert stats["cpu_percent"] >= 0


@pytest.mark.defect("D50")
def test_tasks_run_side_by_side() -> None:
    """The barrier opens once all of them wait at it."""
    all_there = threading.Barrier(4)

    def meet(_seconds: float) -> None:
        all_there.wait(5)

    answer: dict[str, Any] = LoadTools(meet).concurrent_demo(task_count=4, delay_ms=100)

    assert answer.keys() == {"task_count", "results", "elapsed_ms", "success"}
    assert (answer["task_count"], answer["success"]) == (4, True)
    assert [each["result"] for each in answer["results"]] == [0, 1, 4, 9]
    assert len({each["thread"] for each in answer["results"]}) == 4


def test_tasks_that_nobody_waits_for_do_not_wait() -> None:
    with abandoned_command():
        answer = LoadTools(pause).concurrent_demo(task_count=2, delay_ms=3_600_000)

    assert len(answer["results"]) == 2


@pytest.mark.parametrize("task_count", [0, 33])
def test_too_few_or_too_many_tasks_are_refused(task_count: int) -> None:
    with pytest.raises(ValueError, match=f"task_count={task_count}"):
        TOOLS.concurrent_demo(task_count=task_count)
