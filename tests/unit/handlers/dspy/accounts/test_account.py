from __future__ import annotations

from typing import Any

from snakepit_bridge.handlers.dspy.accounts.account import Account, account_of
from snakepit_bridge.handlers.dspy.runs import LMCall
from tests.unit.handlers.dspy.workshop import CANARY, workshop


def ended(**entry: Any) -> LMCall:
    call = LMCall("openai/x")
    call.entry = {"messages": [{"role": "user", "content": "Why?"}], "outputs": ["So."], **entry}
    call.input_tokens, call.output_tokens, call.duration_s = 3, 1, 0.25
    return call


def test_a_session_has_one_account() -> None:
    _, session, sessions = workshop()

    assert account_of(session) is account_of(session)
    assert account_of(session) is not account_of(sessions.get_or_create("two"))


def test_nothing_is_remembered_unless_wanted() -> None:
    account = Account()

    account.record(ended(), ())

    assert account.keeps == 0
    assert account.history(10) == []


def test_the_newest_requests_are_remembered() -> None:
    account = Account()
    account.keep(3)
    for number in range(5):
        account.record(ended(outputs=[str(number)]), ())

    assert [each.outputs for each in account.history(10)] == [["2"], ["3"], ["4"]]
    assert [each.outputs for each in account.history(2)] == [["3"], ["4"]]
    account.keep(1)
    assert [each.outputs for each in account.history(10)] == [["4"]]


def test_requests_that_told_nothing_are_not_remembered() -> None:
    account = Account()
    account.keep(3)
    call = LMCall("openai/x")

    account.record(call, ())

    assert account.history(3) == []


def test_failed_requests_are_remembered_with_what_was_asked() -> None:
    account = Account()
    account.keep(3)
    call = LMCall("openai/x")
    call.entry, call.error = {"prompt": "Why?", "messages": None}, "LMServerError"

    account.record(call, ())
    told = account.history(3)[0].shown(redact=False)

    assert told["messages"] == [{"role": "user", "content": "Why?"}]
    assert (told["outputs"], told["error"]) == ([], "LMServerError")


def test_no_text_is_kept_in_full() -> None:
    account = Account()
    account.keep(3)
    call = ended(outputs=["x" * 1_000_000])

    account.record(call, ())

    assert account.history(1)[0].call.entry is None
    assert call.entry is not None
    assert len(str(account.history(1)[0].shown(redact=False))) < 100_000


def test_a_request_is_told_as_data() -> None:
    account = Account()
    account.keep(1)
    account.record(ended(), ())

    (entry,) = account.history(1)
    told = entry.shown(redact=False)

    assert told.pop("time").endswith("+00:00")
    assert told == {
        "model": "openai/x",
        "messages": [{"role": "user", "content": "Why?"}],
        "outputs": ["So."],
        "usage": {"input_tokens": 3, "output_tokens": 1},
        "cost_usd": None,
        "duration_ms": 250.0,
        "cache_hit": False,
        "error": None,
    }


def test_redacted_requests_tell_only_how_long_they_were() -> None:
    account = Account()
    account.keep(1)
    account.record(ended(outputs=["So.", {"text": "So!", "n": 1}]), ())

    told = account.history(1)[0].shown(redact=True)

    assert (told["messages"], told["outputs"]) == (len("user") + len("Why?"), 6)
    assert "Why?" not in str(told)


def test_secrets_are_remembered_nowhere() -> None:
    account = Account()
    account.keep(1)
    account.record(ended(prompt=None, outputs=[f"the key is {CANARY}"]), (CANARY,))

    assert CANARY not in str(account.history(1)[0].shown(redact=False))
