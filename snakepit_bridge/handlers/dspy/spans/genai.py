"""OpenTelemetry's names for what is done with language models.

Source:
    Semantic conventions for generative AI (``gen_ai.*``), as of version 1.41; names that begin with
    ``dspy.`` are of the bridge, for what the conventions have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHAT = "chat"
EXECUTE_TOOL = "execute_tool"
TEXT_COMPLETION = "text_completion"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
ERROR_TYPE = "error.type"

TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105  (not a password)
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105  (not a password)
"""Histogram, in tokens, by ``TOKEN_TYPE`` and model."""

OPERATION_DURATION = "gen_ai.client.operation.duration"
"""Histogram, in seconds from the request to the whole answer, by model and error."""

TOKEN_BUCKETS = tuple(4**power for power in range(14))
DURATION_BUCKETS = tuple(2**power / 100 for power in range(14))
"""Bounds that the conventions ask for."""

MODULE = "dspy.module"
COST_USD = "dspy.lm.cost_usd"
CACHE_HIT = "dspy.lm.cache_hit"

OTHER = "_OTHER"
"""Stands for what would give a label too many values."""

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "ollama_chat": "ollama",
    "together_ai": "together",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
    **{
        same: same
        for same in (
            *("ai21", "anthropic", "cerebras", "cohere", "databricks", "deepinfra", "deepseek"),
            *("fireworks_ai", "groq", "hosted_vllm", "huggingface", "nvidia_nim", "offline"),
            *("ollama", "openai", "openrouter", "perplexity", "replicate", "sambanova"),
        )
    },
}
"""What the conventions call a provider, by what stands before the model's name."""

_OPTIONS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "n": "gen_ai.request.choice.count",
    "seed": "gen_ai.request.seed",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}


def provider_and_model(name: str) -> tuple[str, str]:
    """``"openai/gpt-4o-mini"`` as the provider and the model it stands for.

    Returns:
        The provider as the conventions write it, ``OTHER`` where it is not known; the model's name
        without it.
    """
    prefix, slash, rest = name.partition("/")
    if not slash:
        return _PROVIDERS.get(name, OTHER), name
    return _PROVIDERS.get(prefix, OTHER), rest


def operation(model_type: str) -> str:
    """What the conventions call a request to a model of this type."""
    return TEXT_COMPLETION if model_type == "text" else CHAT


def request_options(options: Mapping[str, Any]) -> dict[str, int | float]:
    """The options of a request that are numbers, as attributes."""
    return {
        _OPTIONS[name]: value
        for name, value in options.items()
        if name in _OPTIONS and isinstance(value, (int, float))
    }


def finish_reasons(response: Any) -> list[str]:
    """Why a model ended its answers.

    Args:
        response: What DSPy's history has as the response: an answer of ``dspy.lm15``, several, or
            one in OpenAI's form.
    """
    answers = response if isinstance(response, (list, tuple)) else [response]
    choices = [choice for each in answers for choice in getattr(each, "choices", None) or (each,)]
    found = [getattr(choice, "finish_reason", None) for choice in choices]
    return [each for each in found if isinstance(each, str)]
