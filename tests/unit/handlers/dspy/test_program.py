from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Mapping
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import QuotaExceededError
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine, offline_lm
from snakepit_bridge.handlers.dspy.runner import Runner
from snakepit_bridge.handlers.dspy.runs import KEY, Run
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.composing import Doubler, Echo, lm_of, program, step


class Meeting(AsyncOfflineEngine):
    """Answers once so many requests are there."""

    def __init__(self, engine: OfflineEngine, number: int) -> None:
        super().__init__(engine)
        self.barrier = asyncio.Barrier(number)

    async def complete(self, request: Any) -> Any:
        await self.barrier.wait()
        return await super().complete(request)


async def awaited(made: Any, number: int, **inputs: Any) -> Mapping[str, Any]:
    engine = OfflineEngine()
    async with asyncio.timeout(20):
        with dspy.context(lm=lm_of(engine, Meeting(engine, number))):
            answer: Mapping[str, Any] = (await made.acall(**inputs)).toDict()
    return answer


async def test_steps_that_do_not_need_each_other_run_at_the_same_time() -> None:
    made = program(
        *(step(f"s{number}", "question -> count: int") for number in range(3)),
        outputs={"counts": {"list": [f"$s{number}.count" for number in range(3)]}},
    )

    assert await awaited(made, 3, question="?") == {"counts": [0, 0, 0]}


async def test_so_do_the_items_of_one_step_as_far_as_they_may() -> None:
    each = step("each", "item -> count: int", over="$.texts", at_once=4)

    assert await awaited(program(each), 4, texts=["x"] * 8) == {"count": [0] * 8}


class Counting(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Knows how many of its calls there were at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.most = 0

    def forward(self, number: int) -> dspy.Prediction:
        raise NotImplementedError

    async def aforward(self, number: int) -> dspy.Prediction:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(10 - number):  # the later ones end first
            await asyncio.sleep(0)
        self.now -= 1
        return dspy.Prediction(number=number)


async def test_no_more_items_than_wanted_are_under_way_and_their_order_is_kept() -> None:
    counting = Counting()
    each = step("each", counting, over="$.n", inputs={"number": "$item"}, at_once=3)
    made = program(each, outputs={"out": "$each.number"})

    answer = await made.acall(n=list(range(9)))

    assert answer.out == list(range(9))
    assert counting.most == 3


class Failing(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def forward(self, number: int = 0) -> dspy.Prediction:
        raise self.error

    async def aforward(self, number: int = 0) -> dspy.Prediction:
        raise self.error


class Stop(BaseException):
    """Not an ``Exception``, as what ends a run."""


@pytest.mark.parametrize("error", [QuotaExceededError("spent"), LookupError("x"), Stop()])
async def test_what_a_step_raises_is_raised_by_the_program(error: BaseException) -> None:
    plain = program(
        step("a", Doubler()),
        step("b", Failing(error), inputs={"number": "$a.number"}),
        step("c", Doubler(), inputs={"number": "$b.number"}),
        outputs={"x": "$c.number"},
    )
    over = program(
        step("b", Failing(error), over="$.n", inputs={"number": "$item"}),
        outputs={"x": "$b.number"},
    )

    for made, inputs in ((plain, {"number": 1}), (over, {"n": [1, 2]})):
        with pytest.raises(type(error)) as caught:
            made(**inputs)
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            await made.acall(**inputs)
        assert caught.value is error


class Waiting(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    def __init__(self) -> None:
        super().__init__()
        self.inside = asyncio.Event()
        self.ended = False

    def forward(self) -> dspy.Prediction:
        raise NotImplementedError

    async def aforward(self) -> dspy.Prediction:
        self.inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


async def test_cancelling_a_program_ends_its_steps() -> None:
    waiting = Waiting()
    made = program(step("w", waiting), outputs={"x": "$w.y"})
    task = asyncio.create_task(made.acall())
    async with asyncio.timeout(20):
        await waiting.inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert waiting.ended


async def test_a_step_that_fails_ends_the_others() -> None:
    waiting = Waiting()
    made = program(step("w", waiting), step("f", Failing(LookupError("x"))), outputs={"x": "$w.y"})

    async with asyncio.timeout(20):
        with pytest.raises(LookupError):
            await made.acall()

    assert waiting.ended


async def test_a_module_that_cannot_be_awaited_runs_on_a_thread() -> None:
    seen = []

    class Where(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def forward(self) -> dspy.Prediction:
            seen.append((threading.current_thread(), dspy.settings.adapter))
            return dspy.Prediction(x=1)

    adapter = dspy.JSONAdapter()
    made = program(step("w", Where()), outputs={"x": "$w.x"})
    with dspy.context(adapter=adapter):
        assert (await made.acall()).x == 1

    thread, used = seen[0]
    assert thread is not threading.main_thread()
    assert used is adapter


# --- as DSPy sees it ------------------------------------------------------------------------------


def pipeline() -> Any:
    """A program of two predictors, and another one for each of some texts."""
    return program(
        step("ask", "question -> query"),
        step("each", "item, question -> note", over="$.texts"),
        step("tell", dspy.ChainOfThought("query, note: list[str] -> answer")),
    )


async def test_the_trace_is_in_the_order_of_the_steps_however_they_end() -> None:
    made = pipeline()
    traces: list[list[Any]] = []
    for run in ("called", "awaited"):
        with dspy.context(lm=offline_lm(), trace=[]):
            inputs = {"question": "?", "texts": ["a", "b", "c"]}
            _ = made(**inputs) if run == "called" else await made.acall(**inputs)
            traces.append(
                [(id(part), inputs.get("item")) for part, inputs, _ in dspy.settings.trace]
            )

    assert traces[0] == traces[1]
    assert [item for _, item in traces[0]] == [None, "a", "b", "c", None]


async def test_a_trace_has_its_limit() -> None:
    with dspy.context(lm=offline_lm(), trace=[], max_trace_size=2):
        await pipeline().acall(question="?", texts=["a", "b", "c"])
        assert len(dspy.settings.trace) == 2


async def test_without_a_trace_nothing_is_traced() -> None:
    with dspy.context(lm=offline_lm(), trace=None):
        answer = await pipeline().acall(question="?", texts=["a"])

    assert "answer" in answer


def test_predictors_are_found_under_their_steps() -> None:
    made = pipeline()

    assert [name for name, _ in made.named_predictors()] == ["ask", "each", "tell.predict"]


def test_copies_have_parts_of_their_own() -> None:
    made = pipeline()

    for copied in (copy.deepcopy(made), made.deepcopy(), made.reset_copy()):
        copied.ask.demos = [dspy.Example(question="a", query="b")]
        assert made.ask.demos == []
        assert copied.plan == made.plan
        with dspy.context(lm=offline_lm()):
            assert (
                copied(question="?", texts=["a"]).toDict()
                == made(question="?", texts=["a"]).toDict()
            )


def test_state_and_language_model_reach_the_parts() -> None:
    made, other = pipeline(), pipeline()
    made.tell.predict.demos = [dspy.Example(query="a", note=["b"], answer="c")]
    model = offline_lm([{"answer": "here"}])

    other.load_state(json.loads(json.dumps(made.dump_state())))
    other.set_lm(model)

    assert other.tell.predict.demos[0]["answer"] == "c"
    assert other(question="?", texts=[]).answer == "here"


def test_an_optimised_copy_has_demonstrations_and_works() -> None:
    made = pipeline()
    examples = [
        dspy.Example(question=f"q{n}", texts=["a"], answer="x").with_inputs("question", "texts")
        for n in range(3)
    ]
    with dspy.context(lm=offline_lm([{"answer": "x"}])):
        optimizer = dspy.BootstrapFewShot(
            metric=lambda example, prediction, _: example.answer == prediction.answer,
            max_bootstrapped_demos=2,
            max_labeled_demos=0,
        )
        better = optimizer.compile(made, trainset=examples)
        answer = better(question="?", texts=["b"])

    assert answer.answer == "x"
    assert [len(each.demos) for each in better.predictors()] == [2, 2, 2]
    assert made.ask.demos == []


def test_usage_is_that_of_all_steps() -> None:
    with dspy.context(lm=offline_lm(), track_usage=True):
        answer = pipeline()(question="?", texts=["a", "b"])

    assert answer.get_lm_usage()["offline"]["total_tokens"] > 0


def test_predictions_keep_only_what_the_program_gives() -> None:
    made = program(step("e", Echo(), inputs={"items": "$.a"}), outputs={"items": "$e.items"})

    answer = made(a=[1])

    assert answer["items"] == [1]
    assert answer.completions is None


# --- a step that ends in a way of its own ---------------------------------------------------------


class Cancelled(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Ends as if somebody had cancelled it."""

    async def aforward(self, text: Any) -> Any:
        raise asyncio.CancelledError


class Exhausted(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Raises what no future takes, and cannot be awaited."""

    def forward(self, text: Any) -> Any:
        raise StopIteration(text)


@pytest.mark.parametrize("over", [None, "$.texts"])
async def test_a_step_that_is_cancelled_by_what_it_calls_has_failed(over: str | None) -> None:
    made = program(
        step("a", Cancelled(), inputs={"text": "$.texts"}, over=over),
        step("b", Echo(), inputs={"given": "$a.result"}),
        step("c", Endless(), inputs={"text": "$.texts"}),
        outputs={"out": "$b.given"},
    )

    async with asyncio.timeout(20):
        with pytest.raises(RuntimeError, match="The step 'a' was cancelled by what it called"):
            await made.acall(texts=["x", "y"])


class Endless(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Runs until it is cancelled."""

    async def aforward(self, text: Any) -> Any:
        await asyncio.Event().wait()


async def test_a_step_that_cannot_be_awaited_may_raise_what_no_future_takes() -> None:
    made = program(step("a", Exhausted(), inputs={"text": "$.text"}), outputs={"o": "$a.result"})
    runner = Runner()
    run = Run(SessionManager(EmbeddedHost()).get_or_create("one"), Ledger(), runner=runner)

    try:
        async with asyncio.timeout(20):
            with (
                dspy.context(**{KEY: run}),
                pytest.raises(RuntimeError, match="StopIteration: 'x'"),
            ):
                await runner.run(made.acall(text="x"))
    finally:
        runner.close()
