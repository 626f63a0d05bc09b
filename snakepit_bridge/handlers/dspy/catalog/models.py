"""How language models are named, how signatures are written: what callers need to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.handlers.dspy.models.options import OFFLINE, LMOptions
from snakepit_bridge.handlers.dspy.secrets import REFERENCE
from snakepit_bridge.handlers.dspy.signature_text import PLAIN_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snakepit_bridge.handlers.dspy.workbench import Workbench

MODEL_FORMS = (
    {
        "form": "PROVIDER/NAME",
        "example": "openai/gpt-4o-mini",
        "description": "A model of a provider, as DSPy and litellm name it.",
    },
    {
        "form": OFFLINE,
        "example": OFFLINE,
        "description": "Asks nobody: answers from 'answers', or values that fit the types.",
    },
    {
        "form": "host/NAME",
        "example": "host/my_model",
        "description": "Asks the host: the tool named by the option 'tool' answers.",
    },
)

SIGNATURE_FORMS = (
    {
        "form": "text",
        "example": "question -> answer",
        "description": "Inputs, an arrow, outputs; what has no type is text.",
    },
    {
        "form": "text with types",
        "example": "text, count: int -> labels: list[str], mood: Literal['good', 'bad']",
        "description": "Types as in Python; classes by their full name, such as dspy.Image.",
    },
    {
        "form": "object",
        "example": {
            "inputs": {"text": "str"},
            "outputs": {
                "labels": {"type": "list[str]", "description": "at most three"},
                "score": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "instructions": "Label the text.",
        },
        "description": "Fields by name: a type as text, a JSON schema, or both with a description.",
    },
    {
        "form": "object around a text",
        "example": {
            "signature": "question -> answer",
            "instructions": "Answer in one word.",
            "fields": {"answer": {"description": "one word"}},
        },
        "description": "A text, with what a text cannot say.",
    },
)


def models_of(workbench: Workbench) -> dict[str, Any]:
    """What ``dspy.configure`` takes as ``lm``, and what the operator has made available."""
    return {
        "forms": list(MODEL_FORMS),
        "options": msgspec.json.schema(LMOptions),
        "keys": [f"{REFERENCE}{name}" for name in workbench.secrets.set_names],
        "cache": workbench.door.cache_dir is not None,
    }


def signatures_of(types: Sequence[str]) -> dict[str, Any]:
    """How to write a signature.

    Args:
        types: Dotted names of DSPy's own types.
    """
    return {
        "forms": list(SIGNATURE_FORMS),
        "types": [*sorted(PLAIN_TYPES), *types],
    }
