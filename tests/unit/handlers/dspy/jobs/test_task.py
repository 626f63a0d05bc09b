from __future__ import annotations

from snakepit_bridge.handlers.dspy.jobs.task import ENDED, State


def test_a_job_either_has_ended_or_will() -> None:
    assert {*State} - ENDED == {State.QUEUED, State.RUNNING}
    assert str(State.DONE) == "done"
