from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.errors import (
    CommandCancelledError,
    DSPyError,
    ErrorCode,
    HostToolError,
    InvalidArgumentError,
    NotAllowedError,
    PoolFullError,
    QuotaExceededError,
    SessionError,
    WrongCallError,
)
from snakepit_bridge.handlers.dspy.jobs.checkpoint_folder import CheckpointFile
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.host import HostTool
from tests.unit.handlers.dspy.jobs.yard import (
    MATCH,
    ROWS,
    NeverAnsweringEngine,
    ThinkingEngine,
    Yard,
    yard,
)
from tests.unit.handlers.dspy.programs import Failing
from tests.unit.handlers.dspy.workshop import CANARY, RaisingEngine

CHOICES: dict[str, Any] = {
    "LabeledFewShot": {"options": {"k": 3}},
    "BootstrapFewShot": {"metric": MATCH, "options": {"max_bootstrapped_demos": 2}},
    "BootstrapFewShotWithRandomSearch": {"metric": MATCH, "options": {"num_candidate_programs": 1}},
    "COPRO": {"metric": MATCH, "options": {"breadth": 2, "depth": 1}},
    "GEPA": {"metric": MATCH, "options": {"max_metric_calls": 40}, "seed": 1},
    "SIMBA": {
        "metric": MATCH,
        "options": {"bsize": 4, "max_steps": 1, "num_candidates": 2},
        "seed": 1,
    },
    "InferRules": {"metric": MATCH, "options": {"num_candidates": 1}},
    "MIPROv2": {"metric": MATCH, "options": {"num_candidates": 2, "num_trials": 2,
                "minibatch": False}, "seed": 1},
}  # fmt: skip


def choice(name: str) -> Any:
    package = {"MIPROv2": "optuna"}.get(name)
    if package is not None:
        pytest.importorskip(package)
    return CHOICES[name]


# --- evaluating ---------------------------------------------------------------------------------


async def test_an_evaluation_answers_with_the_score_and_every_example() -> None:
    async with yard() as here:
        result = await here.result(here.evaluate())

        assert result["score"] == pytest.approx(
            round(100 * sum(row["score"] for row in result["results"]) / 12, 2)
        )
        assert [row["example"] for row in result["results"]] == ROWS
        assert result["results"][0]["prediction"].keys() == {"answer"}
        assert result["failed"] == 0
        assert result["usage"]["calls"] == here.engine.count == 12


async def test_an_evaluation_tells_how_it_goes() -> None:
    async with yard() as here:
        job = here.evaluate()
        events = await here.events(job)
        status = await here.status(job)

        names = [event["event"] for event in events]
        assert (names[0], names[-1]) == ("started", "done")
        assert names.count("lm") in {0, 12}
        assert "status" not in names
        assert {"progress", "score", "log"} <= set(names)
        last = [event for event in events if event["event"] == "progress"][-1]
        assert (last["done"], last["total"]) == (12, 12)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert (status["state"], status["kind"], status["calls"]) == ("done", "evaluate", 12)
        assert status["progress"] == {"done": 12, "total": 12}
        assert status["events"] == len(events)
        assert status["created_at"] <= status["started_at"] <= status["ended_at"]
        assert await here.events(job, after=len(events) - 1) == events[-1:]


async def test_examples_are_evaluated_on_threads_of_which_none_stays() -> None:
    async with yard() as here:
        before = set(threading.enumerate())
        await here.result(here.evaluate(num_threads=4))
        await asyncio.to_thread(here.handler.board.join)

        new = {thread.name for thread in set(threading.enumerate()) - before}
        assert not [name for name in new if "bridge-job" in name or "ThreadPool" in name]


async def test_what_a_job_prints_reaches_no_stream(capfd: pytest.CaptureFixture[str]) -> None:
    async with yard() as here:
        streams, handlers = (sys.stdout, sys.stderr), list(logging.getLogger("dspy").handlers)
        job = here.optimize("BootstrapRS", metric=MATCH, options={"num_candidate_programs": 1})
        events = await here.events(job)
        await asyncio.to_thread(here.handler.board.join)

        told = [event["text"] for event in events if event["event"] == "log"]
        assert "Will attempt to bootstrap 1 candidate sets." in told
        assert capfd.readouterr() == ("", "")
        assert (sys.stdout, sys.stderr) == streams
        assert logging.getLogger("dspy").handlers == handlers


async def test_a_program_that_always_fails_says_why() -> None:
    async with yard() as here:
        job = here.evaluate(ref=here.kept(Failing()), inputs=["question"], examples=ROWS[:3])

        with pytest.raises(DSPyError, match="no such town"):
            await here.result(job)
        status = await here.status(job)
        assert (status["state"], status["error"]["code"]) == ("failed", "DSPY_FAILED")
        last = (await here.events(job))[-1]
        assert (last["event"], last["code"]) == ("failed", "DSPY_FAILED")


async def test_a_prediction_that_is_no_data_loses_nothing_else() -> None:
    async with yard() as here:
        module = here.dspy.Module

        class Odd(module):  # type: ignore[misc, valid-type]  # dspy ships no types
            def forward(self, question: str) -> Any:
                number = int(question.split()[3][:-1])
                return here.dspy.Prediction(answer=object() if number == 1 else "0")

        result = await here.result(here.evaluate(ref=here.kept(Odd()), examples=ROWS[:3]))

        answers = [row["prediction"]["answer"] for row in result["results"]]
        assert answers == ["0", "<object>", "0"]


async def test_too_many_failures_say_why() -> None:
    async with yard() as here:
        here.use(RaisingEngine(lambda lm15: lm15.AuthError("wrong key")))
        job = here.evaluate(max_errors=2)

        with pytest.raises(DSPyError, match="wrong key") as caught:
            await here.result(job)
        assert "refused the key" in caught.value.hint


async def test_some_failures_count_nothing() -> None:
    def refuse(count: int) -> None:
        if count == 1:
            raise ConnectionError("just once")

    async with yard() as here:
        here.use(ThinkingEngine(refuse))
        result = await here.result(here.evaluate())

        assert result["failed"] == 1
        assert result["results"][0]["prediction"] is None
        assert result["results"][0]["score"] == 0


async def test_without_a_language_model_nothing_begins() -> None:
    async with yard() as here:
        here.session.settings.clear()

        with pytest.raises(DSPyError, match="no language model"):
            here.evaluate()
        # A program without predictors needs none.
        here.evaluate(ref=here.kept(Failing()), inputs=["question"])


@pytest.mark.parametrize(
    ("args", "error", "why"),
    [
        ({"examples": []}, InvalidArgumentError, "empty"),
        ({"examples": [{"answer": 1}]}, InvalidArgumentError, "row 0 lacks 'question'"),
        ({"metric": {"field": "label"}}, InvalidArgumentError, "row 0 .* no 'label'"),
        ({"metric": "os.system"}, NotAllowedError, "os"),
        ({"metric": "dspy.evaluate.EM"}, InvalidArgumentError, "cannot be called"),
        ({"metric": "dspy.evaluate.SemanticF1"}, InvalidArgumentError, "no function"),
        ({"metric": "dspy.make_signature"}, InvalidArgumentError, "no function"),
        ({"metric": "predict-0123456789abcdef"}, SessionError, "No instance"),
        ({"metric": 7}, InvalidArgumentError, "type 'int'"),
        ({"metric": {"tool": "half \ud800"}}, InvalidArgumentError, "half a character"),
        ({"metric": {"tool": "judge", "timeout_s": 0}}, InvalidArgumentError, "timeout_s"),
        ({"ref": "predict-0123456789abcdef"}, DSPyError, "No instance"),
        ({"settings": {"temprature": 1}}, InvalidArgumentError, "temprature"),
        ({"inputs": ["qestion"]}, InvalidArgumentError, "no 'qestion'"),
    ],
)
async def test_wrong_arguments_begin_nothing(
    args: dict[str, Any], error: type[Exception], why: str
) -> None:
    async with yard() as here:
        with pytest.raises(error, match=why):
            here.evaluate(**args)

        assert await here.handler.listed(here.session) == []


async def test_what_is_no_program_is_not_evaluated() -> None:
    async with yard() as here:
        with pytest.raises(DSPyError, match="is no program"):
            here.evaluate(ref=here.kept(here.dspy.ChatAdapter()))


# --- metrics ------------------------------------------------------------------------------------


async def test_a_tool_of_the_host_judges() -> None:
    async with yard() as here:
        asked: list[Any] = []

        def judge(**about: Any) -> Any:
            asked.append(about)
            return {"score": 0.5, "feedback": "half"}

        here.host.offer(judge)
        result = await here.result(here.evaluate(metric="judge"))

        assert result["score"] == 50.0
        assert {(row["score"], row["feedback"]) for row in result["results"]} == {(0.5, "half")}
        assert asked[0]["example"] == ROWS[0]
        assert asked[0]["prediction"].keys() == {"answer"}
        assert (asked[0]["trace"], asked[0]["predictor"]) == (None, None)


async def test_a_function_of_dspy_judges() -> None:
    async with yard() as here:
        result = await here.result(here.evaluate(metric="dspy.evaluate.answer_exact_match"))
        same = await here.result(here.evaluate())

        assert result["score"] == same["score"]


async def test_an_instance_judges() -> None:
    async with yard() as here:
        judge = here.kept(here.dspy.evaluate.SemanticF1())
        rows = [{**row, "response": row["answer"]} for row in ROWS[:2]]
        program = here.kept(here.dspy.Predict("question -> response"))

        result = await here.result(here.evaluate(ref=program, examples=rows, metric=judge))

        assert result["usage"]["calls"] > 2


@pytest.mark.parametrize("answer", ["good", None, {"points": 1}, float("nan"), {"score": [1]}])
async def test_a_metric_that_answers_no_score_ends_the_job(answer: Any) -> None:
    async with yard() as here:
        here.host.offer(lambda **_: answer, _tool("judge"))

        with pytest.raises(DSPyError, match="which is no score"):
            await here.result(here.evaluate(metric="judge"))


async def test_a_tool_that_fails_ends_the_job() -> None:
    async with yard() as here:

        def judge(**_: Any) -> Any:
            raise LookupError("no idea")

        here.host.offer(judge)
        job = here.evaluate(metric={"tool": "judge"}, num_threads=4)

        with pytest.raises(HostToolError, match="no idea"):
            await here.result(job)
        zero = {"tool": "judge", "on_error": "zero"}
        assert (await here.result(here.evaluate(metric=zero)))["score"] == 0


# --- optimizing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHOICES)
async def test_an_optimizer_gives_a_better_program_and_leaves_the_original(name: str) -> None:
    args = choice(name)
    async with yard() as here:
        before = await here.state_of(here.program)
        job = here.optimize(name, **args)
        result = await here.result(job)
        status = await here.status(job)

        assert result["ref"] != here.program
        assert result["class"] == "dspy.predict.predict.Predict"
        assert isinstance(here.found(result["ref"]), here.dspy.Predict)
        assert await here.state_of(here.program) == before
        assert (status["optimizer"], status["state"]) == (name, "done")
        assert result.get("score") == status["best_score"]
        assert not hasattr(here.found(result["ref"]), "candidate_programs")


@pytest.mark.parametrize("name", CHOICES)
async def test_the_same_seed_gives_the_same_program(name: str) -> None:
    args, states = choice(name), []
    for _ in range(2):
        async with yard() as here:
            result = await here.result(here.optimize(name, **args))
            states.append(json.dumps(await here.state_of(result["ref"]), default=str))

    assert states[0] == states[1]


async def test_candidates_are_told() -> None:
    async with yard() as here:
        job = here.optimize("BootstrapRS", **CHOICES["BootstrapFewShotWithRandomSearch"])
        result = await here.result(job)
        candidates = [each for each in await here.events(job) if each["event"] == "candidate"]

        assert [each["number"] for each in candidates] == [1, 2, 3, 4]
        assert max(each["score"] for each in candidates) == result["score"]


async def test_what_was_optimized_can_be_optimized_again() -> None:
    async with yard() as here:
        first = await here.result(here.optimize("BootstrapFewShot", metric=MATCH))
        again = here.optimize("LabeledFewShot", ref=first["ref"], options={"k": 1})
        second = await here.result(again)

        assert len(here.found(second["ref"]).demos) == 1


async def test_a_teacher_and_other_language_models_help() -> None:
    async with yard() as here:
        teacher = here.kept(here.dspy.Predict("question -> answer"))
        job = here.optimize("BootstrapFewShot", metric=MATCH, teacher=teacher)
        await here.result(job)
        copro = here.optimize("COPRO", **choice("COPRO"), prompt_lm="offline")
        await here.result(copro)
        lm = {"model": "offline", "answers": [{"new_instruction": "Think."}]}
        gepa = here.optimize("GEPA", **choice("GEPA"), reflection_lm=lm, validation=ROWS[:3])

        assert (await here.result(gepa))["usage"]["calls"] > 0


@pytest.mark.parametrize(
    ("args", "error", "why"),
    [
        ({"optimizer": None}, InvalidArgumentError, "'optimizer' missing"),
        ({"optimizer": "MIPRO"}, InvalidArgumentError, "no optimizer 'MIPRO'"),
        ({"optimizer": "COPRO"}, InvalidArgumentError, "needs a 'metric'"),
        ({"options": {"max_demos": 1}}, InvalidArgumentError, "'max_demos' is unknown"),
        ({"optimizer": "SIMBA", "metric": MATCH}, InvalidArgumentError, "at least 32 examples"),
        ({"validation": ROWS}, InvalidArgumentError, "takes no 'validation'"),
        (
            {"optimizer": "COPRO", "metric": MATCH, "prompt_lm": {"modle": "x"}},
            InvalidArgumentError,
            "modle",
        ),
        ({"resume": 7}, InvalidArgumentError, "type 'int'"),
        ({"resume": b"nonsense"}, InvalidArgumentError, "first line"),
        ({"resume": "{}"}, InvalidArgumentError, "first line"),
        ({"resume": "job-0123456789abcdef"}, NotAllowedError, "keeps no checkpoints"),
    ],
)
async def test_wrong_arguments_optimize_nothing(
    args: dict[str, Any], error: type[Exception], why: str
) -> None:
    async with yard() as here:
        with pytest.raises(error, match=why):
            here.optimize(**args)


async def test_a_missing_package_is_named() -> None:
    async with yard(installed=lambda _: False) as here:
        with pytest.raises(DSPyError, match="'optuna'") as caught:
            here.optimize("MIPROv2", metric=MATCH)
        assert caught.value.code is ErrorCode.WRONG_CALL
        assert "pip install" in caught.value.hint


async def test_options_that_dspy_refuses_together_fail_the_job() -> None:
    async with yard() as here:
        job = here.optimize("BootstrapRS", metric=MATCH, options={"restrict": [99]})

        with pytest.raises(DSPyError, match="does not match any candidate") as caught:
            await here.result(job)
        assert "options" in caught.value.hint


# --- budgets ------------------------------------------------------------------------------------


async def test_a_budget_ends_the_job_and_says_what_was_spent() -> None:
    async with yard() as here:
        job = here.evaluate(settings={"budget": {"calls": 5}})

        with pytest.raises(DSPyError, match="5 calls of 5 calls") as caught:
            await here.result(job)
        assert caught.value.code is ErrorCode.BUDGET_EXCEEDED
        assert here.engine.count == 5
        assert (await here.status(job))["error"]["code"] == "BUDGET_EXCEEDED"


# --- cancelling ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BootstrapFewShot", "COPRO", "GEPA", "MIPROv2"])
async def test_an_optimization_can_be_cancelled_in_the_midst(name: str) -> None:
    args = choice(name)
    async with yard() as here:
        jobs: list[str] = []

        def judge(**_: Any) -> bool:
            judged.append(1)
            if len(judged) == 3:
                assert here.found(jobs[0]).cancel()
            return False

        judged: list[int] = []
        here.host.offer(judge)
        gate = threading.Event()
        here.use(ThinkingEngine(lambda _: gate.wait(5)))
        jobs.append(here.optimize(name, **{**args, "metric": "judge"}))
        gate.set()

        with pytest.raises(CommandCancelledError):
            await here.result(jobs[0])
        assert len(judged) == 3
        assert (await here.status(jobs[0]))["state"] == "cancelled"
        assert (await here.events(jobs[0]))[-1]["event"] == "cancelled"
        assert not await here.cancel(jobs[0])


@pytest.mark.parametrize("threads", [1, 4])
async def test_a_request_under_way_ends_with_its_job(threads: int) -> None:
    async with yard() as here:
        engine = NeverAnsweringEngine()
        here.use(ThinkingEngine(), async_engine=engine)
        job = here.evaluate(num_threads=threads)
        assert await asyncio.to_thread(engine.asked.wait, 5)

        assert await here.cancel(job)
        with pytest.raises(CommandCancelledError):
            await here.result(job)
        await asyncio.to_thread(here.handler.board.join)


@pytest.mark.parametrize("limit", [{}, {"timeout_s": 60}])
async def test_a_judge_that_never_answers_ends_with_its_job(limit: dict[str, Any]) -> None:
    async with yard() as here:
        asked, gate = threading.Event(), threading.Event()

        def judge(**_: Any) -> bool:
            asked.set()
            return gate.wait(20)

        here.host.offer(judge)
        job = here.evaluate(metric={"tool": "judge", **limit})
        assert await asyncio.to_thread(asked.wait, 5)
        assert await here.cancel(job)

        with pytest.raises(CommandCancelledError):
            await here.result(job)
        await asyncio.to_thread(here.handler.board.join)
        assert not gate.is_set()
        gate.set()


async def test_whoever_stops_waiting_cancels_nothing() -> None:
    async with yard() as here:
        engine = NeverAnsweringEngine()
        here.use(ThinkingEngine(), async_engine=engine)
        job = here.evaluate()
        waiting = asyncio.create_task(here.result(job))
        await asyncio.to_thread(engine.asked.wait, 5)
        waiting.cancel()
        await asyncio.wait({waiting})

        assert (await here.status(job))["state"] == "running"


async def test_a_job_does_not_end_with_the_command_that_began_it() -> None:
    async with yard() as here:

        class Execution:
            command = "dspy.evaluate"
            cancelled = True
            deadline = 0.0
            remaining_s = -1.0

            @property
            def metadata(self) -> dict[str, str]:
                raise NotImplementedError

            @property
            def answer_metadata(self) -> dict[str, str]:
                raise NotImplementedError

            def on_cancel(self, told: Any) -> Any:
                raise NotImplementedError

        session = here.session.seen_by(Execution())
        job = here.handler.evaluate(session, ref=here.program, examples=ROWS, metric=MATCH)

        assert (await here.result(job))["failed"] == 0


# --- resuming -----------------------------------------------------------------------------------


async def _interrupted(here: Yard, name: str, args: dict[str, Any]) -> str:
    """The checkpoint of a job that was cancelled after its 5th judgement."""
    gate, judged, jobs = threading.Event(), [0], [""]

    def judge(*, example: Any, prediction: Any, **_: Any) -> bool:
        gate.wait(5)
        judged[0] += 1
        if judged[0] == 5:
            here.found(jobs[0]).cancel()
        return bool(example["answer"] == prediction["answer"])

    here.host.offer(judge)
    jobs[0] = here.optimize(name, **{**args, "metric": "judge"})
    gate.set()
    with pytest.raises(CommandCancelledError):
        await here.result(jobs[0])
    return await here.handler.checkpoint(here.session, job=jobs[0])


@pytest.mark.parametrize(
    "name", ["BootstrapFewShot", "BootstrapFewShotWithRandomSearch", "GEPA", "MIPROv2"]
)
async def test_a_resumed_job_pays_for_nothing_twice(name: str) -> None:
    args = choice(name)
    async with yard() as here:
        whole = await here.result(here.optimize(name, **args))
        alone = here.engine.count
        checkpoint = await _interrupted(here, name, args)
        first = here.engine.count - alone
        assert 0 < first < alone

        job = here.optimize(None, ref=None, examples=None, resume=checkpoint)
        result = await here.result(job)

        assert here.engine.count - alone == alone
        assert result["usage"]["cache_hits"] == first
        assert result.get("score") == whole.get("score")
        assert await here.state_of(result["ref"]) == await here.state_of(whole["ref"])


async def test_a_checkpoint_is_text_with_everything_but_secrets() -> None:
    secrets = Secrets({"OPENAI_API_KEY": CANARY})
    async with yard(secrets=secrets) as here:
        lm = {"model": "openai/gpt-4o-mini", "api_key": "sk-of-the-caller"}
        job = here.optimize("COPRO", **choice("COPRO"), prompt_lm=lm, settings={"num_threads": 1})
        await here.cancel(job)
        await asyncio.to_thread(here.handler.board.join)
        content = await here.handler.checkpoint(here.session, job=job)

        assert CANARY not in content
        assert "sk-of-the-caller" not in content
        spec = json.loads(content.splitlines()[0])["spec"]
        assert spec["examples"] == ROWS
        assert spec["prompt_lm"]["model"] == "openai/gpt-4o-mini"
        with pytest.raises(InvalidArgumentError, match="whose key is not kept"):
            here.optimize(None, ref=None, examples=None, resume=content)


async def test_a_resumed_job_is_the_same_job() -> None:
    async with yard() as here:
        job = here.optimize("BootstrapFewShot", metric=MATCH)
        await here.result(job)
        text = await here.handler.checkpoint(here.session, job=job)

        with pytest.raises(InvalidArgumentError, match="'seed' is another") as caught:
            here.optimize("COPRO", examples=ROWS[:3], seed=3, resume=text)
        assert "'optimizer'" in caught.value.message
        assert "'examples' are others" in caught.value.message
        other = here.kept(here.dspy.ChainOfThought("question -> answer"))
        with pytest.raises(InvalidArgumentError, match="of another class"):
            here.optimize("BootstrapFewShot", ref=other, resume=text)
        here.found(here.program).demos = [{"question": "?"}]
        with pytest.raises(InvalidArgumentError, match="in another state"):
            here.optimize("BootstrapFewShot", resume=text)


async def test_a_checkpoint_in_the_operators_folder_survives(tmp_path: Path) -> None:
    async with yard(directory=tmp_path) as here:
        await _interrupted(here, "BootstrapFewShot", choice("BootstrapFewShot"))
        (name,) = files_in(tmp_path)
        assert (await here.status(name))["checkpoint"] == name
        first = here.engine.count
    async with yard(directory=tmp_path) as there:  # as after a restart
        there.host.offer(
            lambda *, example, prediction, **_: example["answer"] == prediction["answer"],
            _tool("judge"),
        )
        job = there.optimize(None, examples=None, resume=name)
        result = await there.result(job)

        assert result["usage"]["cache_hits"] == first
        # The one that is done needs none.
        assert files_in(tmp_path) == [name]


async def test_a_job_that_says_too_much_has_no_checkpoint(monkeypatch: Any) -> None:
    async with yard() as here:
        job = here.optimize("LabeledFewShot")
        await here.result(job)
        monkeypatch.setattr(here.found(job).journal, "text", str)

        with pytest.raises(QuotaExceededError, match="more than a checkpoint can say"):
            await here.handler.checkpoint(here.session, job=job)


async def test_an_evaluation_has_no_checkpoint() -> None:
    async with yard() as here:
        job = here.evaluate()

        with pytest.raises(WrongCallError, match="Only optimizations"):
            await here.handler.checkpoint(here.session, job=job)


async def test_the_name_of_a_checkpoint_is_told_to_nobody_else(tmp_path: Path) -> None:
    async with yard(directory=tmp_path) as here:
        await _interrupted(here, "BootstrapFewShot", choice("BootstrapFewShot"))
        (name,) = files_in(tmp_path)
        near = f"{name[:-1]}{'0' if name[-1] != '0' else '1'}"

        with pytest.raises(InvalidArgumentError, match="no checkpoint") as caught:
            here.optimize(None, resume=near)
        assert name not in f"{caught.value} {caught.value.details}"


async def test_a_job_that_never_begins_leaves_no_file(tmp_path: Path) -> None:
    async with yard(directory=tmp_path, max_running=1) as here:
        engine = NeverAnsweringEngine()
        here.use(ThinkingEngine(), async_engine=engine)
        first = here.evaluate()
        later = [here.optimize("LabeledFewShot") for _ in range(3)]
        for job in [*later, first]:
            await here.cancel(job)
        await asyncio.to_thread(here.handler.board.join)

        assert files_in(tmp_path) == []


async def test_a_full_disk_fails_no_optimization(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = CheckpointFile._write  # noqa: SLF001

    def nearly_full(file: CheckpointFile, line: bytes) -> None:
        written.append(len(line))
        if len(written) > 3:
            raise OSError("no space left on device")
        write(file, line)

    monkeypatch.setattr(CheckpointFile, "_write", nearly_full)
    async with yard(directory=tmp_path) as here:
        job = here.optimize("BootstrapFewShot", metric=MATCH)

        assert (await here.result(job))["ref"]
        assert len(written) == 4


async def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    async with yard(directory=tmp_path / "file") as here:
        job = here.optimize("LabeledFewShot")
        await here.result(job)

        assert "checkpoint" not in await here.status(job)


# --- many jobs ----------------------------------------------------------------------------------


async def test_jobs_wait_for_their_turn_until_there_are_too_many() -> None:
    async with yard(max_running=1, max_waiting=2) as here:
        engine = NeverAnsweringEngine()
        here.use(ThinkingEngine(), async_engine=engine)
        jobs = [here.evaluate() for _ in range(3)]
        with pytest.raises(PoolFullError, match="1 jobs run and 2 wait"):
            here.evaluate()
        states = [each["state"] for each in await here.handler.listed(here.session)]
        assert states == ["running", "queued", "queued"]

        assert await here.cancel(jobs[1])
        assert (await here.status(jobs[1]))["state"] == "cancelled"
        here.use(here.engine)
        jobs.append(here.evaluate())
        await here.cancel(jobs[0])
        await here.cancel(jobs[2])

        assert (await here.result(jobs[3]))["failed"] == 0


async def test_the_oldest_ended_jobs_are_forgotten() -> None:
    async with yard(max_ended=2) as here:
        jobs = []
        for _ in range(4):
            jobs.append(here.optimize("LabeledFewShot"))
            await here.result(jobs[-1])
            await asyncio.to_thread(here.handler.board.join)

        assert [each["job"] for each in await here.handler.listed(here.session)] == jobs[2:]
        with pytest.raises(DSPyError, match="No instance"):
            await here.status(jobs[0])


async def test_a_released_job_ends() -> None:
    async with yard() as here:
        engine = NeverAnsweringEngine()
        here.use(ThinkingEngine(), async_engine=engine)
        job = here.evaluate()
        waiting = asyncio.create_task(here.result(job))
        assert await asyncio.to_thread(engine.asked.wait, 5)

        assert here.sessions.instances.release("one", job)
        with pytest.raises(CommandCancelledError):
            await waiting
        assert await here.handler.listed(here.session) == []


async def test_a_job_holds_its_session_and_ends_with_it() -> None:
    async with yard() as here:
        engine = NeverAnsweringEngine()
        here.use(ThinkingEngine(), async_engine=engine)
        job = here.evaluate()
        waiting = asyncio.create_task(here.result(job))
        assert await asyncio.to_thread(engine.asked.wait, 5)
        assert here.session.state.running == 1

        here.sessions.end("one")
        with pytest.raises(CommandCancelledError):
            await waiting
        await asyncio.to_thread(here.handler.board.join)
        assert here.session.state.running == 0


async def test_no_job_begins_when_the_bridge_closes() -> None:
    async with yard() as here:
        here.handler.close()

        with pytest.raises(PoolFullError, match="closing"):
            here.evaluate()
        assert here.session.state.running == 0


async def test_other_sessions_do_not_see_a_job() -> None:
    async with yard() as here:
        job = here.evaluate()
        other = here.sessions.get_or_create("two")

        with pytest.raises(DSPyError, match="another session"):
            await here.handler.status(other, job=job)
        assert await here.handler.listed(other) == []


async def test_a_session_that_ends_with_its_command_has_no_jobs() -> None:
    async with yard() as here:
        session = here.sessions.enter(None)

        with pytest.raises(SessionError, match="ends with its command"):
            here.handler.optimize(session, ref=here.program)


async def test_what_is_no_job_is_said() -> None:
    async with yard() as here:
        with pytest.raises(DSPyError, match="is no job"):
            await here.status(here.program)


async def test_the_commands_are_there_with_their_schemas() -> None:
    async with yard() as here:
        registry = HandlerRegistry()
        registry.register(here.handler)

        assert [entry.command for entry in registry] == [
            "dspy.cancel_job",
            "dspy.evaluate",
            "dspy.job_checkpoint",
            "dspy.job_events",
            "dspy.job_result",
            "dspy.job_status",
            "dspy.list_jobs",
            "dspy.optimize",
        ]
        assert all(entry.description and entry.schema for entry in registry)
        assert registry.find("dspy.job_events").streams


def files_in(folder: Path) -> list[str]:
    return [path.name.partition(".")[0] for path in folder.iterdir()]


def _tool(name: str) -> Any:
    return HostTool(name=name)
