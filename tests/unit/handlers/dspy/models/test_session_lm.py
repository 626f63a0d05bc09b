from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import (
    BudgetExceededError,
    DSPyError,
    InvalidArgumentError,
    NotAllowedError,
)
from snakepit_bridge.handlers.dspy.accounts.spending import Budget, Ledger, Spent
from snakepit_bridge.handlers.dspy.models.session_lm import USAGE_TRACKER, session_lm_class
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine
from snakepit_bridge.handlers.dspy.runs import KEY, Halt, LMCall, Run
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.kept import Kept
from tests.unit.handlers.dspy.workshop import RUNNER, RaisingEngine


def model(engine: OfflineEngine | None = None, **options: Any) -> Any:
    engine = engine or OfflineEngine([{"answer": "42"}])
    given = {"cache": False, "num_retries": 0, **options}
    return session_lm_class(dspy)(
        "offline", engine=engine, async_engine=AsyncOfflineEngine(engine), **given
    )


def memory_cache(folder: Any) -> Any:
    return dspy.clients.Cache(
        enable_disk_cache=False,
        enable_memory_cache=True,
        disk_cache_dir=str(folder),
        disk_size_limit_bytes=0,
        memory_max_entries=10,
    )


def a_run(budget: Budget | None = None, **parts: Any) -> Run:
    session = SessionManager(EmbeddedHost()).get_or_create("s")
    return Run(session, Ledger(budget), **parts)


def under(run: Run | None, lm: Any) -> Any:
    return dspy.context(
        **{KEY: run}, lm=lm, usage_tracker=USAGE_TRACKER, track_usage=True, disable_history=False
    )


def asked(run: Run | None, lm: Any, prompt: str = "Why?", **options: Any) -> Any:
    with under(run, lm):
        return lm(prompt, **options)


WAYS = pytest.mark.parametrize("runner", [None, RUNNER], ids=["here", "on DSPy's loop"])


@WAYS
def test_each_request_is_counted(runner: Any) -> None:
    calls: list[LMCall] = []
    run = a_run(runner=runner, on_lm_call=calls.append)
    lm = model()

    asked(run, lm)
    asked(run, lm, "Why indeed?")

    spent = run.ledger.spent()
    assert (spent.calls, spent.failed, spent.cache_hits, spent.unpriced) == (2, 0, 0, 0)
    assert spent.input_tokens == 3
    assert spent.output_tokens > 0
    assert spent.cost_usd == 0
    assert [each.model for each in calls] == ["offline", "offline"]
    assert all(each.entry and each.duration_s > 0 and not each.cache_hit for each in calls)
    assert lm.history == []


@WAYS
def test_a_failed_request_is_counted_as_such(runner: Any) -> None:
    calls: list[LMCall] = []
    run = a_run(runner=runner, on_lm_call=calls.append)

    with pytest.raises(dspy.LMRateLimitError):
        asked(run, model(RaisingEngine(lambda types: types.RateLimitError("slow down"))))

    assert (run.ledger.spent().calls, run.ledger.spent().failed) == (1, 1)
    assert calls[0].error == "LMRateLimitError"
    assert calls[0].entry == {"messages": None, "prompt": "Why?"}


@WAYS
def test_a_spent_budget_halts_the_run_before_anybody_is_asked(runner: Any) -> None:
    run, engine = a_run(Budget(calls=1), runner=runner), OfflineEngine([{"a": 1}])
    asked(run, model(engine))

    with pytest.raises(Halt) as caught:
        asked(run, model(engine))

    assert isinstance(caught.value.error, BudgetExceededError)
    assert run.error is caught.value.error
    assert engine.requests == 1


def test_requests_of_dspys_cache_cost_nothing(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(dspy, "cache", memory_cache(tmp_path))
    run = a_run(runner=RUNNER)
    lm = model(cache=True)

    first, again = asked(run, lm), asked(run, lm)

    spent = run.ledger.spent()
    assert first == again
    assert (spent.calls, spent.cache_hits) == (2, 1)
    assert spent.input_tokens == 1


@WAYS
def test_each_of_several_answers_is_a_request(runner: Any) -> None:
    run, engine = a_run(Budget(calls=5), runner=runner), OfflineEngine([{"a": 1}])

    assert len(asked(run, model(engine), n=3)) == 3
    spent = run.ledger.spent()
    assert (spent.calls, spent.unpriced, engine.requests) == (3, 0, 3)
    with pytest.raises(Halt):
        asked(run, model(engine, n=3))

    assert engine.requests == 3


def test_only_so_many_answers_are_asked_for_at_once() -> None:
    with pytest.raises(InvalidArgumentError, match="20000 answers"):
        asked(a_run(), model(), n=20_000)


@WAYS
def test_a_call_turns_no_cache_on(runner: Any, tmp_path: Any, monkeypatch: Any) -> None:
    """What somebody's own address answers must not be answered to others."""
    monkeypatch.setattr(dspy, "cache", memory_cache(tmp_path))
    engine = OfflineEngine([{"a": 1}])

    for _ in range(2):
        asked(a_run(runner=runner), model(engine, cache=False), cache=True)

    assert engine.requests == 2


def test_half_a_character_does_not_stop_a_journal() -> None:
    journal = Kept()

    with pytest.raises(ValueError, match="surrogate"):
        asked(a_run(journal=journal), model(), "half \ud800")

    assert journal.entries == {}


def test_without_a_run_nothing_is_counted() -> None:
    lm = model()

    assert asked(None, lm) == asked(None, lm)
    with under(None, lm):
        assert asyncio.run(lm.acall("Why?"))


async def test_code_on_a_loop_asks_from_there() -> None:
    run = a_run(runner=RUNNER)
    with under(run, model()):
        await dspy.settings.lm.acall("Why?")
        # What blocks a loop blocks it; it is counted all the same.
        dspy.settings.lm("Why?")

    assert run.ledger.spent().calls == 2


@WAYS
def test_answers_that_were_paid_for_are_not_paid_again(runner: Any) -> None:
    journal, engine = Kept(), OfflineEngine([{"answer": "first"}, {"answer": "second"}])
    first = a_run(runner=runner, journal=journal)

    paid = [asked(first, model(engine)) for _ in range(2)]
    again = a_run(runner=runner, journal=Kept(journal.entries))
    free = [asked(again, model(RaisingEngine(lambda _: AssertionError()))) for _ in range(2)]

    assert free == paid
    assert again.ledger.spent() == Spent(calls=2, cache_hits=2)
    assert first.ledger.spent().cache_hits == 0


@pytest.mark.parametrize(
    "change",
    [{"prompt": "What?"}, {"temperature": 0.5}, {"max_tokens": 7}],
    ids=["prompt", "option of the call", "option of the model"],
)
def test_another_request_is_another_entry_of_the_journal(change: Mapping[str, Any]) -> None:
    journal = Kept()
    run = a_run(journal=journal)
    asked(run, model())

    options = dict(change)
    own = {"max_tokens": options.pop("max_tokens")} if "max_tokens" in options else {}
    asked(run, model(**own), options.pop("prompt", "Why?"), **options)

    assert len(journal.entries) == 2


def test_outputs_of_the_journal_read_as_the_first_ones_did() -> None:
    outputs = [{"text": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]
    journal = Kept()
    asked(a_run(journal=journal), model())
    earlier = {key: [outputs] for key in journal.entries}

    (found,) = asked(a_run(journal=Kept(earlier)), model())

    assert found["tool_calls"][0].function.name == "f"


@pytest.mark.parametrize(
    "make",
    [
        lambda: dspy.Predict("question -> answer"),
        lambda: dspy.BestOfN(
            dspy.Predict("question -> answer"), N=3, reward_fn=lambda *_: 0.0, threshold=1.0
        ),
        lambda: dspy.Refine(
            dspy.Predict("question -> answer"), N=3, reward_fn=lambda *_: 0.0, threshold=1.0
        ),
    ],
    ids=["Predict", "BestOfN", "Refine"],
)
def test_a_budget_holds_inside_of_modules_that_try_again(make: Callable[[], Any]) -> None:
    run = a_run(Budget(calls=1), runner=RUNNER)
    program = make()

    def twice() -> None:
        for _ in range(2):
            program(question="?")

    with under(run, model()), pytest.raises(Halt):
        twice()

    assert run.ledger.spent().calls == 1


def test_a_budget_holds_inside_of_evaluations_on_threads() -> None:
    run = a_run(Budget(calls=4), runner=RUNNER)
    examples = [
        dspy.Example(question=str(n), answer="42").with_inputs("question") for n in "abcdefgh"
    ]
    evaluate = dspy.Evaluate(devset=examples, metric=lambda *_: 1.0, num_threads=4, max_errors=99)
    with under(run, model()), pytest.raises(Halt):
        evaluate(dspy.Predict("question -> answer"))

    assert run.ledger.spent().calls == 4


def test_what_a_user_tracks_is_still_counted() -> None:
    run = a_run(runner=RUNNER)
    with under(run, model()), dspy.track_usage() as tracked:
        dspy.Predict("question -> answer")(question="?")

    assert run.ledger.spent().output_tokens > 0
    assert tracked.get_total_tokens() == {} or tracked.get_total_tokens()["offline"]


@WAYS
def test_a_single_call_cannot_say_where_it_goes(runner: Any) -> None:
    with pytest.raises(NotAllowedError, match="'api_base'"):
        asked(a_run(runner=runner), model(), api_base="http://elsewhere")
    with pytest.raises(NotAllowedError, match="'api_key'"):
        asyncio.run(model().acall("?", api_key="sk-other"))


def test_errors_of_dspy_stay_what_they_are() -> None:
    assert not issubclass(Halt, DSPyError)


@WAYS
def test_a_refusal_for_good_ends_a_run_that_asks_many_times(runner: Any) -> None:
    run = a_run(runner=runner, refused=lambda error: DSPyError(f"refused: {type(error).__name__}"))

    with pytest.raises(dspy.LMServerError):
        asked(run, model(RaisingEngine(lambda types: types.ServerError("busy"))))
    with pytest.raises(Halt) as caught:
        asked(run, model(RaisingEngine(lambda types: types.AuthError("wrong key"))))

    assert caught.value.error.message == "refused: LMAuthError"
    assert run.error is caught.value.error


@WAYS
def test_a_refusal_is_an_ordinary_error_of_other_runs(runner: Any) -> None:
    with pytest.raises(dspy.LMAuthError):
        asked(
            a_run(runner=runner), model(RaisingEngine(lambda types: types.AuthError("wrong key")))
        )
