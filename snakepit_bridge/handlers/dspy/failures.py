"""What DSPy raises, as errors that say what to do."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from snakepit_bridge.errors import BridgeError, DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.advice import advice_for
from snakepit_bridge.handlers.dspy.configuration import HOW_TO_SET_A_MODEL
from snakepit_bridge.handlers.dspy.secrets import scrub, without_secrets
from snakepit_bridge.handlers.failures import bounded, failure_from

MAX_ANSWER = 2000
"""Characters kept of a language model's answer that did not fit."""

MAX_FACT = 200
"""Characters kept of what a provider says about its own refusal, such as the id of a request."""


HOW_TO_INSTALL = "Install what it needs where the bridge runs, then start the bridge anew."


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


def error_from(
    dspy: Any,
    command: str,
    hidden: Collection[str],
    details: Mapping[str, Any],
    error: BaseException,
) -> BridgeError:
    """What ``translated`` makes of an error that its block raises; arguments as there."""
    try:
        with translated(dspy, command, hidden=hidden, details=details):
            raise error
    except BridgeError as told:
        return told


class _Translation:
    """One exception in the words of the bridge."""

    def __init__(self, dspy: Any, details: Mapping[str, Any], hint: str) -> None:
        self._dspy = dspy
        self._details = details
        self._hint = hint

    def of(self, error: Exception, message: str) -> DSPyError:
        dspy = self._dspy
        telling = self._telling(error)
        if isinstance(telling, dspy.AdapterParseError):
            return self._unreadable(telling)
        if telling is not None:
            return self._language_model(telling, message)
        # DSPy has no class for this one.
        if isinstance(error, ValueError) and "No LM is loaded" in str(error):
            return self._error(
                "The session has no language model.", HOW_TO_SET_A_MODEL, ErrorCode.WRONG_CALL
            )
        if isinstance(error, ImportError):
            return self._error(message, HOW_TO_INSTALL, ErrorCode.WRONG_CALL)
        if self._hint and isinstance(error, (ValueError, TypeError, SyntaxError)):
            return self._error(message, self._hint, ErrorCode.INVALID_ARGUMENT)
        return self._error(message, "")

    def _telling(self, error: Exception) -> Any:
        """The error of a language model that led to this one; adapters and modules wrap them."""
        dspy = self._dspy
        for each in _causes(error):
            if isinstance(each, (dspy.LMError, dspy.AdapterParseError)):
                return each
            if isinstance(each, dspy.lm15.LM15Error):
                # What a language model raises before DSPy's own boundary has seen it.
                return dspy.clients.errors.wrap_error(each, model=getattr(each, "model", None))
        return None

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
        advice = advice_for(self._kind(error))
        failure = self._error(
            message, advice.hint, advice.code, lm_error=error.code, **dict(_facts(error))
        )
        failure.retryable = bool(self._dspy.is_retryable_lm_error(error))
        failure.retry_after_s = _seconds(error.retry_after)
        return failure

    def _kind(self, error: Any) -> type:
        """The class whose advice fits."""
        dspy = self._dspy
        # DSPy's engine counts it among failures of the connection when it waits no longer itself,
        # and the message names a setting that is not ours.
        is_late = any(isinstance(each, TimeoutError) for each in _causes(error))
        late: type = dspy.LMTimeoutError
        return late if is_late and isinstance(error, dspy.LMTransportError) else type(error)

    def _error(
        self, message: str, hint: str, code: ErrorCode = ErrorCode.DSPY_FAILED, **facts: Any
    ) -> DSPyError:
        details = {**self._details, **facts}
        if hint and message[-1:] not in {".", "!", "?"}:
            message = f"{message}."
        return DSPyError(message, {**details, "hint": hint} if hint else details, code=code)


_FACTS = ("model", "provider", "provider_code", "status", "request_id", "features")


def _facts(error: Any) -> Iterator[tuple[str, Any]]:
    for name in _FACTS:
        value = getattr(error, name, None)
        if isinstance(value, int):
            yield name, value
        elif value:
            texts = [bounded(str(each), MAX_FACT) for each in value] if name == "features" else None
            yield name, texts or bounded(str(value), MAX_FACT)


def _seconds(value: Any) -> float | None:
    """A time to wait; providers have been seen to send what is none."""
    is_time = isinstance(value, (int, float)) and math.isfinite(value) and value >= 0
    return float(value) if is_time else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those it was raised from, each once."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        yield each
        seen.add(id(each))
        each = each.__cause__


def _wrapped(error: BaseException) -> BridgeError | None:
    """The error of the bridge that led to this one, such as a refusal inside of a module."""
    return next((each for each in _causes(error) if isinstance(each, BridgeError)), None)
