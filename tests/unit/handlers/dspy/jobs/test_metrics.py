from __future__ import annotations

import asyncio
import logging
import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.jobs.examples import input_names
from snakepit_bridge.handlers.dspy.jobs.metric_forms import metric_form
from snakepit_bridge.handlers.dspy.jobs.metrics import Metrics
from snakepit_bridge.handlers.dspy.runs import Halt
from snakepit_bridge.session.host import HostTool
from tests.unit.handlers.dspy.jobs.yard import Yard, yard
from tests.unit.handlers.dspy.programs import Guide


class Judging:
    """A metric as DSPy would call it, from a thread."""

    def __init__(self, here: Yard, sent: Any) -> None:
        self.dspy = here.dspy
        self.scene = here.bench.scene(here.session, "dspy.evaluate", details={})
        self.counted: list[int] = []
        form = metric_form(sent)
        metrics = Metrics(here.bench)
        self.metric = metrics.metric(self.scene, form, lambda: self.counted.append(1))

    async def __call__(self, answer: Any, got: Any, *more: Any) -> Any:
        example = self.dspy.Example(answer=answer)
        prediction = None if got is None else self.dspy.Prediction(answer=got)
        return await asyncio.to_thread(self.metric, example, prediction, *more)


async def test_one_field_is_compared() -> None:
    async with yard() as here:
        exact = Judging(here, {"field": "answer"})
        assert [await exact("a", "a"), await exact("a", "A"), await exact(1, 1)] == [1.0, 0.0, 1.0]
        lenient = Judging(here, {"field": "answer", "normalize": True})
        assert [await lenient(" Linz", "linz "), await lenient("a", "b")] == [1.0, 0.0]
        assert len(lenient.counted) == 2


async def test_what_has_failed_is_worth_nothing() -> None:
    async with yard() as here:
        judging = Judging(here, "judge")

        assert await judging("a", None) == 0.0
        assert len(judging.counted) == 1


async def test_feedback_goes_to_the_optimizer() -> None:
    async with yard() as here:
        here.host.offer(lambda **_: {"score": True, "feedback": "well done"}, tool("judge"))

        answer = await Judging(here, "judge")("a", "a")

        assert (answer.score, answer.feedback) == (1.0, "well done")


async def test_a_function_of_the_caller_gets_one_argument() -> None:
    async with yard() as here:
        asked: list[Any] = []

        def callback(**sent: Any) -> float:
            asked.append(sent)
            return 0.5

        here.host.offer(callback, tool("snakebridge.callback"))
        sent = {"__type__": "callback", "ref_id": "fn-1", "arity": 1}

        assert await Judging(here, sent)("a", "b") == 0.5
        assert asked[0]["callback_id"] == "fn-1"
        assert asked[0]["args"][0]["prediction"] == {"answer": "b"}


async def test_a_trace_is_sent_as_data() -> None:
    async with yard() as here:
        asked: list[Any] = []

        def judge(**sent: Any) -> bool:
            asked.append(sent)
            return True

        here.host.offer(judge)
        predict = here.dspy.Predict("question -> answer")
        trace = [(predict, {"question": "?"}, here.dspy.Prediction(answer="b"))]

        await Judging(here, "judge")("a", "b", trace, "self")

        assert asked[0]["predictor"] == "self"
        assert asked[0]["trace"] == [
            {
                "signature": "question -> answer",
                "inputs": {"question": "?"},
                "outputs": {"answer": "b"},
            }
        ]


async def test_a_tool_has_so_much_time() -> None:
    async with yard() as here:

        async def judge(**_: Any) -> bool:
            await asyncio.Event().wait()
            return True

        async def quick(**_: Any) -> bool:
            return True

        here.host.offer(judge)
        here.host.offer(quick)

        assert await Judging(here, {"tool": "quick", "timeout_s": 5})("a", "b") == 1.0
        with pytest.raises(Halt) as caught:
            await Judging(here, {"tool": "judge", "timeout_s": 0.01})("a", "b")
        assert caught.value.error.code is ErrorCode.DEADLINE_EXCEEDED
        assert "'judge'" in caught.value.error.message


async def test_feedback_is_text() -> None:
    async with yard() as here:
        here.host.offer(lambda **_: {"score": 1, "feedback": 7}, tool("judge"))

        with pytest.raises(Halt, match="no score"):
            await Judging(here, "judge")("a", "a")


async def test_what_a_function_raises_ends_the_run() -> None:
    async with yard() as here:
        judging = Judging(here, "dspy.evaluate.answer_exact_match")

        with pytest.raises(Halt) as caught:
            await judging(7, "a")  # it wants texts
        assert isinstance(caught.value.error, DSPyError)
        assert caught.value.error.details["metric"] == "dspy.evaluate.answer_exact_match"
        assert judging.scene.run is not None
        assert judging.scene.run.error is caught.value.error


async def test_a_halted_run_judges_no_more() -> None:
    async with yard() as here:
        judging = Judging(here, {"field": "answer"})
        assert judging.scene.run is not None
        judging.scene.run.cancel()

        with pytest.raises(Halt):
            await judging("a", "a")
        assert judging.counted == []


def tool(name: str) -> HostTool:
    return HostTool(name=name)


async def test_a_tool_that_never_answers_ends_with_the_job() -> None:
    async with yard() as here:
        asked = threading.Event()

        async def judge(**_: Any) -> bool:
            asked.set()
            await asyncio.Event().wait()
            return True

        here.host.offer(judge)
        judging = Judging(here, "judge")
        waiting = asyncio.create_task(judging("a", "b"))
        assert await asyncio.to_thread(asked.wait, 5)
        assert judging.scene.run is not None
        judging.scene.run.cancel()

        async with asyncio.timeout(5):
            with pytest.raises(Halt, match="cancelled"):
                await waiting


@pytest.mark.parametrize(
    "score", [np.bool_(1), np.float32(1), np.int64(1), Decimal(1), Fraction(1), True]
)
async def test_every_kind_of_number_is_a_score(score: Any) -> None:
    async with yard() as here:
        judging = Judging(here, "judge")
        judging.metric._judge = lambda *_: score  # type: ignore[attr-defined]  # noqa: SLF001

        answer = await judging("a", "b")

        assert (answer, type(answer)) == (1.0, float)


@pytest.mark.parametrize("score", ["1", 10**400, 1j, np.array([1, 2]), float("inf"), b"1"])
async def test_what_is_no_number_is_no_score(score: Any) -> None:
    async with yard() as here:
        judging = Judging(here, "judge")
        judging.metric._judge = lambda *_: score  # type: ignore[attr-defined]  # noqa: SLF001

        with pytest.raises(Halt, match="no score"):
            await judging("a", "b")


async def test_looking_at_a_module_warns_of_nothing() -> None:
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("dspy").addHandler(handler)
    try:
        async with yard() as here:
            judge = here.kept(here.dspy.evaluate.SemanticF1())
            Metrics(here.bench).check(here.session, metric_form(judge))
            assert input_names(here.dspy, Guide(), None) == ["name"]
    finally:
        logging.getLogger("dspy").removeHandler(handler)

    assert heard == []
