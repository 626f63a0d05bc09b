from __future__ import annotations

import pickle
import threading
from collections.abc import Callable

import msgspec
import pytest

from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.testing.fakes import FakeClock
from tests.unit.engine.probe import Probe


def _idle(execution: Execution) -> None:
    raise NotImplementedError


# --- the job ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [
        lambda job: pickle.loads(pickle.dumps(job)),
        lambda job: msgspec.msgpack.decode(msgspec.msgpack.encode(job), type=Job),
    ],
    ids=["pickle", "msgpack"],
)
def test_a_job_is_data_that_survives_the_way_to_another_process(
    copied: Callable[[Job], Job],
) -> None:
    job = Job(
        session_id="s",
        command="greet.say",
        args={"name": "Ada", "times": [1, 2]},
        streams=True,
        deadline=12.5,
        trace_context={"traceparent": "00-1-2-01"},
        metadata={"tenant": "a"},
    )

    assert copied(job) == job


# --- cancellation -------------------------------------------------------------------------------


def test_subscribers_are_told_once_however_often_it_is_cancelled() -> None:
    execution, told = Probe(_idle).execution, list[str]()
    execution.on_cancel(lambda: told.append("first"))
    execution.on_cancel(lambda: told.append("second"))
    assert not execution.cancelled

    execution.cancel()
    execution.cancel()

    assert execution.cancelled
    assert told == ["first", "second"]


def test_who_subscribes_after_the_cancellation_is_told_at_once() -> None:
    execution, told = Probe(_idle).execution, list[str]()
    execution.cancel()

    take_back = execution.on_cancel(lambda: told.append("late"))
    take_back()

    assert told == ["late"]


def test_a_subscription_that_is_taken_back_is_not_told() -> None:
    execution, told = Probe(_idle).execution, list[str]()
    take_back = execution.on_cancel(lambda: told.append("gone"))

    take_back()
    take_back()
    execution.cancel()

    assert told == []


def test_every_subscriber_is_told_once_while_threads_subscribe_and_cancel() -> None:
    execution, told = Probe(_idle).execution, list[int]()
    together = threading.Barrier(6, timeout=5)

    def subscribe(number: int) -> None:
        together.wait()
        execution.on_cancel(lambda: told.append(number))

    def cancel() -> None:
        together.wait()
        execution.cancel()

    threads = [threading.Thread(target=subscribe, args=(number,)) for number in range(4)]
    threads += [threading.Thread(target=cancel) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert sorted(told) == [0, 1, 2, 3]


# --- the end ------------------------------------------------------------------------------------


def test_the_end_is_told_once_however_many_threads_tell_it() -> None:
    probe = Probe(_idle)
    together = threading.Barrier(8, timeout=5)

    def end() -> None:
        together.wait()
        probe.execution.end()

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert probe.ends == 1


# --- times --------------------------------------------------------------------------------------


def test_waiting_and_running_are_measured_apart() -> None:
    clock = FakeClock()
    execution = Probe(_idle, clock=clock).execution

    clock.advance(2)
    waiting = (execution.queue_s, execution.run_s)
    execution.begin()
    clock.advance(3)
    running = (execution.queue_s, execution.run_s)
    execution.end()
    clock.advance(5)
    ended = (execution.queue_s, execution.run_s)

    assert waiting == (2, 0)
    assert running == (2, 3)
    assert ended == (2, 3)


def test_the_rest_of_the_time_runs_out_and_further() -> None:
    clock = FakeClock()
    execution = Probe(_idle, clock=clock, timeout_s=10).execution

    clock.advance(4)
    before = execution.remaining_s
    clock.advance(10)

    assert execution.deadline == 10
    assert before == 6
    assert execution.remaining_s == -4


def test_without_a_deadline_there_is_no_rest() -> None:
    execution = Probe(_idle).execution

    assert execution.deadline is None
    assert execution.remaining_s is None
