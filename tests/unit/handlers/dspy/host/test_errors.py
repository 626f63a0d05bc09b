from __future__ import annotations

from typing import Any

import pytest
from dspy import lm15

from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    HostUnavailableError,
    PoolFullError,
)
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.host.answer import HostError, MalformedAnswerError
from snakepit_bridge.handlers.dspy.host.errors import KINDS, MAX_MESSAGE, error_from, translated
from snakepit_bridge.handlers.dspy.runs import Halt, Run
from tests.unit.handlers.dspy.hosting import Scene


def raised(error: Exception) -> Any:
    run = Run(Scene().session, Ledger())
    with pytest.raises((Halt, lm15.LM15Error)) as caught, translated(lm15, run, "llm"):
        raise error
    return caught.value


@pytest.mark.parametrize("code", KINDS)
def test_every_code_has_its_error(code: str) -> None:
    error: Any = error_from(HostError(code=code, message="So.", retry_after=2, status=418), lm15)

    assert type(error) is getattr(lm15, KINDS[code])
    assert (error.message, error.code) == ("So.", code)
    assert (error.retry_after, error.status) == (2.0, 418)


def test_an_unknown_code_is_kept_beside_the_error() -> None:
    error: Any = error_from(HostError(code="moon_phase"), lm15)

    assert type(error) is lm15.ProviderError
    assert error.provider_code == "moon_phase"
    assert "moon_phase" in error.message


def test_a_long_message_is_cut() -> None:
    error: Any = error_from(HostError(message="x" * 10_000), lm15)

    assert len(error.message) == MAX_MESSAGE


def test_what_may_succeed_later_is_tried_again() -> None:
    away, busy = HostUnavailableError("Gone."), PoolFullError("Full.")
    busy.retry_after_s = 3.0

    transport, server = raised(away), raised(busy)

    assert type(transport) is lm15.TransportError
    assert type(server) is lm15.ServerError
    assert server.retry_after == 3.0
    assert isinstance(transport, lm15.RETRYABLE_ERRORS)
    assert isinstance(server, lm15.RETRYABLE_ERRORS)
    assert (transport.__cause__, server.__cause__) == (away, busy)


def test_a_tool_that_raises_is_not_asked_again() -> None:
    ours = HostToolError("It raised.")

    error = raised(ours)

    assert type(error) is lm15.ProviderError
    assert error.message == "It raised."
    assert error.__cause__ is ours


def test_a_malformed_answer_names_the_tool() -> None:
    error = raised(MalformedAnswerError("'text': wrong"))

    assert type(error) is lm15.ProviderError
    assert "'llm' is no answer of a language model: 'text': wrong." in str(error)


@pytest.mark.parametrize("kind", [CommandDeadlineError, CommandCancelledError])
def test_the_end_of_the_command_is_no_error_of_a_language_model(kind: Any) -> None:
    halt = raised(kind("Over."))

    assert isinstance(halt, Halt)
    assert isinstance(halt.error, kind)


def test_what_is_raised_already_stays() -> None:
    error = lm15.AuthError("no")

    assert raised(error) is error
