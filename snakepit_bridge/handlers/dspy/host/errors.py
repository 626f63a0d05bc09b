"""What goes wrong when the host is asked as a language model, in the words of ``dspy.lm15``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostUnavailableError,
)
from snakepit_bridge.handlers.dspy.host.answer import HostError, MalformedAnswerError

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.runs import Run

KINDS: Mapping[str, str] = {
    "auth": "AuthError",
    "billing": "BillingError",
    "rate_limit": "RateLimitError",
    "invalid_request": "InvalidRequestError",
    "context_length": "ContextLengthError",
    "unsupported_model": "UnsupportedModelError",
    "unsupported_feature": "UnsupportedFeatureError",
    "timeout": "TimeoutError",
    "server": "ServerError",
    "not_configured": "NotConfiguredError",
    "transport": "TransportError",
    "provider": "ProviderError",
}
"""The class in ``dspy.lm15`` for each code of the protocol. DSPy tries again after ``rate_limit``,
``server``, ``timeout`` and ``transport``."""

MAX_MESSAGE = 2000
"""Characters kept of what the host says about a failure."""


@contextmanager
def translated(types: Any, run: Run, tool: str) -> Iterator[None]:
    """Raise what the block raises as DSPy expects it of an engine.

    Args:
        types: The module ``dspy.lm15``.
        run: The command under way.
        tool: The host's tool that is the language model.

    Raises:
        lm15.LM15Error: The host failed, or its answer does not follow the protocol.
        Halt: The command has to end.
    """
    try:
        yield
    except (CommandDeadlineError, CommandCancelledError) as error:
        raise run.halt(error) from error
    except HostUnavailableError as error:
        raise types.TransportError(error.message, provider="host") from error
    except BridgeError as error:
        # DSPy tries again after a ServerError, and not after a ProviderError.
        kind = types.ServerError if error.retryable else types.ProviderError
        raise kind(error.message, provider="host", retry_after=error.retry_after_s) from error
    except MalformedAnswerError as error:
        text = f"The answer of the host's tool {tool!r} is no answer of a language model: {error}."
        raise types.ProviderError(text, provider="host") from error


def error_from(told: HostError, types: Any) -> Exception:
    """The error that the host has told of instead of answering."""
    kind = getattr(types, KINDS.get(told.code, KINDS["provider"]))
    message = told.message[:MAX_MESSAGE] or f"The host's language model failed: {told.code}."
    error: Exception = kind(
        message,
        provider="host",
        provider_code=told.code,
        status=told.status,
        retry_after=told.retry_after,
    )
    # Some kinds add advice of their own, about keys and settings that are not here.
    error.message = message  # type: ignore[attr-defined]  # public in lm15, which ships no types
    error.args = (message,)
    return error
