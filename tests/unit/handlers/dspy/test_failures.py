from __future__ import annotations

import traceback
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode, NotAllowedError, QuotaExceededError
from snakepit_bridge.handlers.dspy.advice import ADVICE, Advice
from snakepit_bridge.handlers.dspy.failures import MAX_ANSWER, MAX_FACT, translated
from tests.unit.handlers.dspy.workshop import CANARY


def translation(error: BaseException, *, hidden: tuple[str, ...] = (), hint: str = "") -> DSPyError:
    with (
        pytest.raises(DSPyError) as caught,
        translated(dspy, "dspy.test", hidden=hidden, details={"ref": "x"}, hint=hint),
    ):
        raise error
    return caught.value


def test_foreign_exceptions_keep_type_message_and_cause() -> None:
    cause = LookupError("no such town: 'Nowhere'")

    error = translation(cause)

    assert error.message == "'dspy.test' raised LookupError: no such town: 'Nowhere'"
    assert error.code is ErrorCode.DSPY_FAILED
    assert error.details == {"ref": "x"}
    assert error.foreign_type == "LookupError"
    assert "no such town" in error.foreign_traceback
    assert error.__cause__ is cause


def test_our_own_errors_pass_as_they_are() -> None:
    ours = NotAllowedError("no")

    with (
        pytest.raises(NotAllowedError) as caught,
        translated(dspy, "dspy.test", hidden=(), details={}),
    ):
        raise ours

    assert caught.value is ours


def test_our_own_errors_are_found_where_dspy_has_wrapped_them() -> None:
    ours = QuotaExceededError("The budget is used up.")
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = ValueError("twice")
    wrapped.__cause__.__cause__ = ours

    with (
        pytest.raises(QuotaExceededError) as caught,
        translated(dspy, "dspy.test", hidden=(), details={}),
    ):
        raise wrapped

    assert caught.value is ours


def test_causes_in_a_circle_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert "first" in translation(first).message


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_none_of_its_business(kind: type[BaseException]) -> None:
    with pytest.raises(kind), translated(dspy, "dspy.test", hidden=(), details={}):
        raise kind


def test_an_argument_that_dspy_refuses_is_the_callers() -> None:
    error = translation(ValueError("Invalid signature"), hint="Write it like this.")

    assert error.code is ErrorCode.INVALID_ARGUMENT
    assert str(error).endswith("Invalid signature. Write it like this.")
    assert translation(OSError("disk"), hint="Write it like this.").code is ErrorCode.DSPY_FAILED


def test_an_unreadable_answer_names_the_fields_and_may_be_tried_again() -> None:
    signature = dspy.Signature("q -> answer: int, sure: bool")

    error = translation(dspy.AdapterParseError("ChatAdapter", signature, "x" * 9000))

    assert "answer, sure" in error.message
    assert error.details["fields"] == ["answer", "sure"]
    assert error.details["adapter"] == "ChatAdapter"
    assert len(error.details["lm_response"]) <= MAX_ANSWER
    assert error.retryable
    assert error.foreign_type == "AdapterParseError"


def test_a_missing_language_model_is_answered_with_the_call_that_sets_one() -> None:
    with (
        pytest.raises(DSPyError) as caught,
        translated(dspy, "dspy.test", hidden=(), details={}),
    ):
        dspy.Predict("q -> a")(q="?")

    assert caught.value.code is ErrorCode.WRONG_CALL
    assert "dspy.configure {'lm': {'model': 'openai/gpt-4o-mini'}}" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "code", "retryable"),
    [
        (dspy.LMAuthError, ErrorCode.DSPY_FAILED, False),
        (dspy.LMNotConfiguredError, ErrorCode.WRONG_CALL, False),
        (dspy.LMTimeoutError, ErrorCode.DSPY_FAILED, True),
        (dspy.LMServerError, ErrorCode.DSPY_FAILED, True),
        (dspy.LMTransportError, ErrorCode.DSPY_FAILED, True),
        (dspy.LMBillingError, ErrorCode.DSPY_FAILED, False),
        (dspy.ContextWindowExceededError, ErrorCode.DSPY_FAILED, False),
        (dspy.LMUnsupportedModelError, ErrorCode.DSPY_FAILED, False),
        (dspy.LMUnexpectedError, ErrorCode.DSPY_FAILED, False),
    ],
)
def test_errors_of_language_models_say_whether_to_try_again(
    kind: Any, code: ErrorCode, *, retryable: bool
) -> None:
    error = translation(kind(message="it failed", model="m", provider="p", status=500))

    assert error.code is code
    assert error.retryable is retryable
    assert error.details["lm_error"] == kind.default_code
    assert error.details["status"] == 500
    assert "request_id" not in error.details


def test_a_rate_limit_says_how_long_to_wait() -> None:
    error = translation(dspy.LMRateLimitError("slow down", retry_after=7.5))

    assert error.code is ErrorCode.QUOTA_EXCEEDED
    assert error.retryable
    assert error.retry_after_s == 7.5


@pytest.mark.parametrize("advice", ADVICE, ids=lambda advice: advice.kind)
def test_every_advice_is_for_a_class_of_dspy_and_reached(advice: Advice) -> None:
    kind = getattr(dspy, advice.kind)

    error = translation(kind(message="it failed"))

    assert error.hint == advice.hint
    assert error.code is advice.code
    assert error.details["lm_error"] == kind.default_code
    assert error.retryable is dspy.is_retryable_lm_error(kind(message=""))


def test_every_error_of_language_models_has_its_own_advice() -> None:
    kinds = {each for each in below(dspy.LMError) if each.__module__.startswith("dspy.")}

    assert len(kinds) >= 17
    assert {dspy.LMError.__name__, *(each.__name__ for each in kinds)} == {
        each.kind for each in ADVICE
    }


def below(kind: Any) -> list[Any]:
    direct: list[Any] = kind.__subclasses__()
    return direct + [each for kind in direct for each in below(kind)]


def test_an_error_dspy_does_not_have_yet_takes_the_advice_of_its_base() -> None:
    class LMTooWarmError(dspy.LMServerError):  # type: ignore[misc]  # dspy ships no types
        default_code = "too_warm"

    error = translation(LMTooWarmError("it is hot"))

    assert error.details["lm_error"] == "too_warm"
    assert error.hint == "The provider failed; try again."
    assert error.retryable


@pytest.mark.parametrize("kind", below(dspy.lm15.LM15Error))
def test_errors_of_engines_are_answered_as_dspy_would_have_put_them(kind: Any) -> None:
    # Some have arguments of their own; nothing but the class counts here.
    raw = kind.__new__(kind, "raw")
    dspy.lm15.LM15Error.__init__(raw, "raw")
    if issubclass(kind, dspy.lm15.CapabilityError):
        raw.feature = "seed"

    error = translation(raw)

    kinds = {each.default_code for each in below(dspy.LMError)}
    assert error.details["lm_error"] in kinds - {"unexpected"}
    assert error.foreign_type == kind.__name__


def test_an_error_of_a_language_model_is_found_where_a_module_has_wrapped_it() -> None:
    wrapped = RuntimeError("Neither way of asking worked.")
    wrapped.__cause__ = dspy.LMRateLimitError("slow down", retry_after=3.0, model="m")

    error = translation(wrapped)

    assert "Neither way of asking worked." in error.message
    assert error.code is ErrorCode.QUOTA_EXCEEDED
    assert error.details["lm_error"] == "rate_limit"
    assert error.details["model"] == "m"
    assert error.retry_after_s == 3.0
    assert error.foreign_type == "RuntimeError"


def test_a_request_that_took_longer_than_the_session_allows_is_answered_with_the_setting() -> None:
    error = dspy.LMTransportError("read timed out; raise it with Timeouts(read=...)")
    error.__cause__ = RuntimeError("of the engine")
    error.__cause__.__cause__ = TimeoutError()

    failure = translation(error)

    assert "raise 'timeout' with 'dspy.configure'" in failure.hint
    assert failure.details["lm_error"] == "transport"
    assert failure.retryable


def test_what_is_not_installed_is_named_with_the_way_to_have_it() -> None:
    error = translation(ImportError("MIPROv2 needs optuna"))

    assert error.code is ErrorCode.WRONG_CALL
    assert "MIPROv2 needs optuna" in error.message
    assert "Install" in error.hint


def test_facts_of_a_provider_are_kept_short() -> None:
    error = translation(
        dspy.LMUnsupportedFeatureError("no", features=["x" * 9000, "seed"], request_id="y" * 9000)
    )

    assert len(error.details["request_id"]) <= MAX_FACT
    assert [len(each) <= MAX_FACT for each in error.details["features"]] == [True, True]
    assert error.details["features"][1] == "seed"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "soon", None])
def test_a_time_to_wait_that_is_none_is_left_out(value: Any) -> None:
    assert translation(dspy.LMRateLimitError("slow", retry_after=value)).retry_after_s is None


def test_secrets_are_in_no_text_of_the_error_nor_of_its_causes() -> None:
    cause = ValueError(f"header: {CANARY}")
    error = dspy.LMAuthError(f"refused {CANARY}", provider_code=CANARY)
    error.__cause__ = cause

    failure = translation(error, hidden=(CANARY,))

    shown = [str(failure), repr(failure), repr(failure.details), failure.foreign_traceback]
    shown += traceback.format_exception(failure)
    assert CANARY not in "".join(shown)
    assert "refused ***" in failure.message
