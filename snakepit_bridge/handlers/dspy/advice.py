"""What each error of a language model means to a caller."""

from __future__ import annotations

import msgspec

from snakepit_bridge.errors import ErrorCode


class Advice(msgspec.Struct, frozen=True):
    """What an error of a language model means to a caller."""

    kind: str
    """Name of the class in ``dspy``."""

    hint: str
    code: ErrorCode = ErrorCode.DSPY_FAILED


ADVICE = (
    Advice("LMError", "The message says what the language model's side made of it."),
    Advice(
        "LMNotConfiguredError",
        "Give it a key: dspy.configure {'lm': {'api_key': 'env:OPENAI_API_KEY'}}, "
        "or the variable of your provider.",
        ErrorCode.WRONG_CALL,
    ),
    Advice(
        "LMConfigurationError",
        "Check the name and the options of the model in 'dspy.configure'.",
        ErrorCode.WRONG_CALL,
    ),
    Advice("LMTransportError", "The model cannot be reached; try again, or check 'api_base'."),
    Advice("LMLockTimeoutError", "Another program holds the file with the key; try again."),
    Advice("LMCollectionLimitError", "The answer is too large; ask for less with 'max_tokens'."),
    Advice(
        "LMUnsupportedFeatureError",
        "Leave the option out, or choose another model.",
        ErrorCode.WRONG_CALL,
    ),
    Advice("LMProviderError", "The provider refused; the details have its status and its code."),
    Advice("LMUnexpectedError", "The way to the language model failed; the traceback says where."),
    Advice("LMStreamAssemblyError", "The answer broke off and is not used; ask again."),
    Advice("LMAuthError", "The provider refused the key; set another with 'dspy.configure'."),
    Advice("LMBillingError", "The provider's account is out of credit."),
    Advice("LMRateLimitError", "Wait, then try again.", ErrorCode.QUOTA_EXCEEDED),
    Advice("LMInvalidRequestError", "Check the options of the model in 'dspy.configure'."),
    Advice("ContextWindowExceededError", "Send less text, or choose a model that takes more."),
    Advice("LMUnsupportedModelError", "Check the name of the model in 'dspy.configure'."),
    Advice("LMTimeoutError", "Try again, or raise 'timeout' with 'dspy.configure'."),
    Advice("LMServerError", "The provider failed; try again."),
)
"""One for each class of DSPy; a class that is not here takes the one of its nearest base."""

_BY_KIND = {each.kind: each for each in ADVICE}


def advice_for(kind: type) -> Advice:
    """The advice for a class of errors, or for the nearest of its bases.

    Args:
        kind: ``dspy.LMError``, or a class below it.
    """
    return next(_BY_KIND[each.__name__] for each in kind.__mro__ if each.__name__ in _BY_KIND)
