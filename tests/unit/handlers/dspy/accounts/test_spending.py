from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from snakepit_bridge.errors import BudgetExceededError, DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.accounts.spending import Budget, Ledger, Spent


def test_what_is_spent_is_added_up_here_and_above() -> None:
    session = Ledger(owner="session")
    ledger = Ledger(parent=session)

    ledger.admit()
    ledger.add(Spent(input_tokens=10, output_tokens=3, cost_usd=0.5, lm_s=1.5))
    session.admit()

    assert ledger.spent() == Spent(
        calls=1, input_tokens=10, output_tokens=3, cost_usd=0.5, lm_s=1.5
    )
    assert session.spent().calls == 2
    assert session.spent().tokens == 13


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (Budget(calls=1), "1 calls of 1 calls"),
        (Budget(tokens=12), "13 tokens of 12 tokens"),
        (Budget(cost_usd=0.5), "0.5 US dollars of 0.5 US dollars"),
        (Budget(calls=0), "0 calls of 0 calls"),
    ],
)
def test_a_spent_budget_refuses_and_says_what_was_spent(budget: Budget, told: str) -> None:
    ledger = Ledger(budget)
    if budget.calls != 0:
        ledger.admit()
        ledger.add(Spent(input_tokens=10, output_tokens=3, cost_usd=0.5))

    with pytest.raises(BudgetExceededError) as caught:
        ledger.admit()

    error = caught.value
    assert error.message == f"The budget of this call is spent: {told}."
    assert isinstance(error, DSPyError)
    assert error.code is ErrorCode.BUDGET_EXCEEDED
    assert not error.retryable
    assert error.details["spent"] == ledger.spent().shown()
    assert error.details["budget"] == budget.shown()
    assert "'budget' in its settings" in error.hint


def test_the_budget_of_a_session_is_raised_where_it_was_set() -> None:
    with pytest.raises(BudgetExceededError) as caught:
        Ledger(parent=Ledger(Budget(calls=0), owner="session")).admit()

    assert "of this session" in caught.value.message
    assert "'dspy.configure'" in caught.value.hint


def test_money_cannot_be_limited_where_prices_are_not_known() -> None:
    ledger = Ledger(Budget(cost_usd=5))
    ledger.admit()
    ledger.add(Spent(unpriced=1))

    with pytest.raises(BudgetExceededError, match="nobody knows what 1 of its requests") as caught:
        ledger.admit()

    assert "'tokens' or 'calls'" in caught.value.hint


def test_several_answers_are_as_many_requests() -> None:
    session = Ledger(owner="session")
    ledger = Ledger(Budget(calls=5), parent=session)
    ledger.admit(3)

    with pytest.raises(BudgetExceededError, match="3 calls of 5"):
        ledger.admit(3)
    ledger.admit(2)

    assert (ledger.spent().calls, session.spent().calls) == (5, 5)


def test_a_refused_request_is_counted_nowhere() -> None:
    session = Ledger(owner="session")
    ledger = Ledger(Budget(calls=0), parent=session)

    with pytest.raises(BudgetExceededError):
        ledger.admit()

    assert (ledger.spent(), session.spent()) == (Spent(), Spent())


def test_what_is_left_is_told_for_the_limits_there_are() -> None:
    ledger = Ledger(Budget(tokens=100, cost_usd=0.3))
    assert ledger.left() == {"tokens": 100, "cost_usd": 0.3}

    ledger.admit()
    ledger.add(Spent(input_tokens=90, output_tokens=20, cost_usd=0.1))

    assert ledger.left() == {"tokens": 0, "cost_usd": 0.2}


def test_as_many_requests_begin_at_once_as_may() -> None:
    ledger, together = Ledger(Budget(calls=10)), threading.Barrier(16, timeout=5)

    def ask() -> int:
        together.wait()
        admitted = 0
        for _ in range(5):
            try:
                ledger.admit()
            except BudgetExceededError:
                continue
            admitted += 1
        return admitted

    with ThreadPoolExecutor(16) as pool:
        admitted = sum(pool.map(lambda _: ask(), range(16)))

    assert admitted == ledger.spent().calls == 10


def test_a_budget_is_read_strictly() -> None:
    assert msgspec.convert({"calls": 3}, Budget) == Budget(calls=3)
    for wrong in ({"calls": -1}, {"dollars": 1}, {"tokens": "many"}, {"cost_usd": -0.1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Budget)
