from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.errors import DSPyError, InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.job import Job
from snakepit_bridge.handlers.dspy.jobs.orders import Order
from snakepit_bridge.handlers.dspy.jobs.planning import Evaluation, Planner, is_installed
from snakepit_bridge.handlers.dspy.jobs.task import Stage, State
from tests.unit.handlers.dspy.jobs.yard import MATCH, ROWS, Yard, yard


def planner(here: Yard) -> Planner:
    return Planner(here.bench, SystemClock())


def optimization(here: Yard, **changes: Any) -> Stage:
    given = {"ref": here.program, "optimizer": "COPRO", "examples": ROWS, "metric": MATCH}
    _, stage = planner(here).optimization(here.session, Order(**{**given, **changes}))
    return stage


async def told(stage: Stage) -> list[dict[str, Any]]:
    stage.ring.close()
    return [event async for event in stage.ring.follow()]


async def test_nothing_is_asked_before_the_job_begins() -> None:
    async with yard() as here:
        order = Evaluation(ref=here.program, examples=ROWS, metric=MATCH)
        task, stage = planner(here).evaluation(here.session, order)

        assert (task.kind, here.engine.count, stage.ring.last) == ("evaluate", 0, 0)
        assert stage.progress.shown()["progress"] == {"done": 0, "total": 12}


async def test_the_beginning_of_a_request_is_not_told() -> None:
    async with yard() as here:
        stage = optimization(here)
        run = stage.scene.run
        assert run is not None
        for event in ({"event": "status", "message": "Asking"}, {"event": "lm", "phase": "start"}):
            run.tell(event)
        run.tell({"event": "lm", "phase": "end"})

        assert [(each["event"], each["phase"]) for each in await told(stage)] == [("lm", "end")]


async def test_a_full_checkpoint_is_told() -> None:
    async with yard() as here:
        stage = optimization(here)
        assert stage.journal is not None
        stage.journal.keep("a", ["x" * 70 * 2**20])

        (event,) = await told(stage)
        assert (event["event"], event["full"]) == ("checkpoint", True)


async def test_every_key_is_hidden() -> None:
    async with yard() as here:
        lm = {"model": "openai/x", "api_key": "sk-of-the-caller"}
        stage = optimization(here, prompt_lm=lm)

        assert "sk-of-the-caller" in stage.scene.hidden
        assert stage.journal is not None
        assert b"sk-of-the-caller" not in stage.journal.content()


async def test_the_optimizer_says_how_long_it_may_go_on() -> None:
    async with yard() as here:
        stage = optimization(here, optimizer="GEPA", options={"max_metric_calls": 77})

        assert stage.progress.shown()["progress"]["total"] == 77


async def test_validation_and_teacher_are_checked_as_well() -> None:
    async with yard() as here:
        with pytest.raises(InvalidArgumentError, match="'validation': row 0 lacks"):
            optimization(here, optimizer="GEPA", validation=[{"answer": "1"}])
        with pytest.raises(DSPyError, match="No instance"):
            optimization(
                here,
                optimizer="MIPROv2" if is_installed("optuna") else "InferRules",
                teacher="predict-0123456789abcdef",
            )


def test_what_can_be_imported_is_installed() -> None:
    assert is_installed("json")
    assert not is_installed("no_such_package")


@pytest.mark.parametrize("fails", [False, True])
async def test_connections_of_the_jobs_own_models_are_closed(*, fails: bool) -> None:
    async with yard() as here:
        order = Order(
            ref=here.program,
            optimizer="GEPA",
            examples=ROWS,
            metric=MATCH,
            options={"max_metric_calls": 8},
            reflection_lm={"model": "offline"},
        )
        if fails:
            order = replace(order, settings={"budget": {"calls": 1}})
        made, closed = [], threading.Event()
        build = here.bench.models.build

        def built(*args: Any) -> Any:
            made.append(build(*args))
            return made[-1]

        here.bench.models.build = built  # type: ignore[assignment, method-assign]
        task, stage = planner(here).optimization(here.session, order)
        own = made[-1]

        async def aclose() -> None:
            closed.set()

        own.aclose = aclose
        job = Job(task, stage)
        assert not closed.is_set()
        await asyncio.to_thread(job.carry_out)

        assert job.state is (State.FAILED if fails else State.DONE)
        assert await asyncio.to_thread(closed.wait, 5)
