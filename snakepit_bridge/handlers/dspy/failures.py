"""What DSPy raises, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from snakepit_bridge.errors import BridgeError, DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.configuration import HOW_TO_SET_A_MODEL
from snakepit_bridge.handlers.dspy.secrets import scrub, without_secrets
from snakepit_bridge.handlers.failures import bounded, failure_from

MAX_ANSWER = 2000
"""Characters kept of a language model's answer that did not fit."""


class Advice(msgspec.Struct, frozen=True):
    """What an error of a language model means to a caller."""

    kind: str
    """Name of the class in ``dspy``."""

    hint: str
    code: ErrorCode = ErrorCode.DSPY_FAILED


ADVICE = (
    Advice(
        "LMNotConfiguredError",
        "Give it a key: dspy.configure {'lm': {'api_key': 'env:OPENAI_API_KEY'}}, "
        "or the variable of your provider.",
        ErrorCode.WRONG_CALL,
    ),
    Advice("LMAuthError", "The provider refused the key; set another with 'dspy.configure'."),
    Advice("LMBillingError", "The provider's account is out of credit."),
    Advice("LMRateLimitError", "Wait, then try again.", ErrorCode.QUOTA_EXCEEDED),
    Advice("LMTimeoutError", "Try again, or raise 'timeout' with 'dspy.configure'."),
    Advice("ContextWindowExceededError", "Send less text, or choose a model that takes more."),
    Advice("LMUnsupportedModelError", "Check the name of the model in 'dspy.configure'."),
    Advice("LMInvalidRequestError", "Check the options of the model in 'dspy.configure'."),
    Advice("LMUnsupportedFeatureError", "Leave the option out, or choose another model."),
    Advice("LMConfigurationError", "Check the options of the model in 'dspy.configure'."),
    Advice("LMTransportError", "The model cannot be reached; try again, or check 'api_base'."),
    Advice("LMServerError", "The provider failed; try again."),
)
"""More special kinds before the general ones they belong to."""


@contextmanager
def translated(
    dspy: Any,
    command: str,
    *,
    hidden: Collection[str],
    details: Mapping[str, Any],
    hint: str = "",
) -> Iterator[None]:
    """Raise whatever the block raises as an error of the bridge.

    Args:
        dspy: The module.
        command: Whose code the block is.
        hidden: Secrets that appear in no message.
        details: Facts for the error.
        hint: What to do about an argument that DSPy refuses.

    Raises:
        DSPyError: In the place of any foreign exception.
        BridgeError: As it was raised, also where DSPy has wrapped it.
    """
    try:
        yield
    except BridgeError:
        raise
    except Exception as error:
        scrub(error, hidden)
        ours = _wrapped(error)
        if ours is not None:
            raise ours from ours.__cause__
        foreign = failure_from(error, command=command)
        message = without_secrets(foreign.message, hidden)
        failure = _Translation(dspy, details, hint).of(error, message)
        failure.foreign_type = foreign.foreign_type
        failure.foreign_traceback = without_secrets(foreign.foreign_traceback, hidden)
        raise failure from error


class _Translation:
    """One exception in the words of the bridge."""

    def __init__(self, dspy: Any, details: Mapping[str, Any], hint: str) -> None:
        self._dspy = dspy
        self._details = details
        self._hint = hint

    def of(self, error: Exception, message: str) -> DSPyError:
        dspy = self._dspy
        if isinstance(error, dspy.AdapterParseError):
            return self._unreadable(error)
        if isinstance(error, dspy.LMError):
            return self._language_model(error, message)
        # DSPy has no class for this one.
        if isinstance(error, ValueError) and "No LM is loaded" in str(error):
            return self._error(
                "The session has no language model.", HOW_TO_SET_A_MODEL, ErrorCode.WRONG_CALL
            )
        if self._hint and isinstance(error, (ValueError, TypeError, SyntaxError)):
            return self._error(message, self._hint, ErrorCode.INVALID_ARGUMENT)
        return self._error(message, "")

    def _unreadable(self, error: Any) -> DSPyError:
        fields = list(error.signature.output_fields)
        failure = self._error(
            f"The language model's answer does not hold the fields {', '.join(fields)} "
            f"as {error.adapter_name} reads them.",
            "Try again, set another adapter with 'dspy.configure', or allow more 'max_tokens'.",
            fields=fields,
            adapter=error.adapter_name,
            lm_response=bounded(str(error.lm_response), MAX_ANSWER),
        )
        failure.retryable = True
        return failure

    def _language_model(self, error: Any, message: str) -> DSPyError:
        dspy = self._dspy
        fitting = (each for each in ADVICE if isinstance(error, getattr(dspy, each.kind)))
        advice = next(fitting, None)
        facts = {name: getattr(error, name, None) for name in _FACTS}
        failure = self._error(
            message,
            advice.hint if advice else "",
            advice.code if advice else ErrorCode.DSPY_FAILED,
            lm_error=error.code,
            **{name: value for name, value in facts.items() if value is not None},
        )
        failure.retryable = bool(self._dspy.is_retryable_lm_error(error))
        failure.retry_after_s = error.retry_after
        return failure

    def _error(
        self, message: str, hint: str, code: ErrorCode = ErrorCode.DSPY_FAILED, **facts: Any
    ) -> DSPyError:
        details = {**self._details, **facts}
        if hint and message[-1:] not in {".", "!", "?"}:
            message = f"{message}."
        return DSPyError(message, {**details, "hint": hint} if hint else details, code=code)


_FACTS = ("model", "provider", "status", "request_id")


def _wrapped(error: BaseException) -> BridgeError | None:
    """The error of the bridge that led to this one, such as a refusal inside of a module."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        if isinstance(each, BridgeError):
            return each
        seen.add(id(each))
        each = each.__cause__
    return None
