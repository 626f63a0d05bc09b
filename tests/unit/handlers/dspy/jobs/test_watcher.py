from __future__ import annotations

import asyncio
import threading
from copy import deepcopy
from typing import Any

import dspy
import pytest

from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.jobs.progress import Progress
from snakepit_bridge.handlers.dspy.jobs.watcher import Watch, reported
from snakepit_bridge.handlers.dspy.runs import Halt, Run
from tests.unit.handlers.dspy.jobs.test_output import session
from tests.unit.handlers.dspy.programs import Failing, Guide

DEVSET = [dspy.Example(name=name).with_inputs("name") for name in "abc"]


def watching(events: list[Any], *, is_optimizer: bool = True) -> Watch:
    return Watch(Run(session(), Ledger()), Progress(events.append), is_optimizer=is_optimizer)


@pytest.mark.parametrize(
    ("is_optimizer", "metadata", "event"),
    [
        (True, None, "candidate"),
        (True, {"metric_key": "eval_full"}, "candidate"),
        (True, {"metric_key": "eval_minibatch"}, "score"),
        (True, {"disable_logging": True}, "score"),
        (False, None, "score"),
    ],
)
def test_evaluations_are_reported(*, is_optimizer: bool, metadata: Any, event: str) -> None:
    events: list[Any] = []
    watch = watching(events, is_optimizer=is_optimizer)
    with reported(dspy, watch):
        evaluate = dspy.Evaluate(devset=DEVSET, metric=lambda *_: 1.0, num_threads=1)
        evaluate(Guide(), callback_metadata=metadata)

    assert (events[-1]["event"], events[-1]["score"]) == (event, 100.0)
    assert watch.progress.shown()["progress"]["total"] == 3


def test_an_evaluation_that_failed_has_no_score() -> None:
    events: list[Any] = []
    watch = watching(events)
    with reported(dspy, watch), pytest.raises(Exception, match="cancelled due to errors"):
        dspy.Evaluate(devset=DEVSET, metric=lambda *_: 1.0, num_threads=1, max_errors=1)(Failing())

    assert events == []
    assert isinstance(watch.last_error, LookupError)


def test_a_module_does_not_begin_in_a_run_that_has_ended() -> None:
    watch = watching([])
    watch.run.cancel()

    with reported(dspy, watch), pytest.raises(Halt):
        Guide()(name="Ada")


def test_others_who_listen_go_on_listening() -> None:
    heard: list[str] = []

    class Other(dspy.utils.callback.BaseCallback):  # type: ignore[misc]  # dspy ships no types
        def on_module_start(self, **_: Any) -> None:
            heard.append("module")

    with dspy.context(callbacks=[Other()]), reported(dspy, watching([])):
        Guide()(name="Ada")

    assert heard == ["module"]


def test_a_copy_of_the_settings_reports_to_the_same() -> None:
    watch = watching([])
    with reported(dspy, watch):
        (callback,) = dspy.settings.callbacks

        assert deepcopy(callback) is callback


def test_threads_that_dspy_left_are_waited_for() -> None:
    watch, go = watching([]), threading.Event()

    def stay() -> None:
        watch.note_thread()
        noted.set()
        go.wait(5)

    noted = threading.Event()
    thread = threading.Thread(target=stay)
    thread.start()
    noted.wait(5)
    watch.note_thread()  # the one that waits is not waited for
    go.set()
    watch.join()

    assert not thread.is_alive()


async def test_the_thread_of_a_loop_is_nobodys() -> None:
    watch = watching([])
    watch.note_thread()

    assert len(watch._threads) == 0  # noqa: SLF001
    await asyncio.sleep(0)
