"""The words of prompts, answers, tools as attributes of spans, for operators who want them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.spans import genai
from snakepit_bridge.handlers.dspy.spans.brief import brief
from snakepit_bridge.handlers.dspy.spans.steps import Kind, Step


def content_before(step: Step, hidden: Collection[str]) -> dict[str, str]:
    """The prompt of a request to a language model, or the arguments of a tool."""
    if step.kind is Kind.TOOL:
        return {genai.TOOL_ARGUMENTS: _json(step.inputs.get("kwargs") or {}, hidden)}
    if step.kind is not Kind.LM:
        return {}
    asked = step.inputs.get("messages") or [{"role": "user", "content": step.inputs.get("prompt")}]
    return {genai.INPUT_MESSAGES: _json([_message(each) for each in asked], hidden)}


def content_after(step: Step, outputs: Any, hidden: Collection[str]) -> dict[str, str]:
    """The answer of a language model, or the value of a tool."""
    if step.kind is Kind.TOOL:
        return {genai.TOOL_RESULT: _json(outputs, hidden)}
    if step.kind is not Kind.LM:
        return {}
    answers = outputs if isinstance(outputs, list) else [outputs]
    said = [_message({"role": "assistant", "content": each}) for each in answers]
    return {genai.OUTPUT_MESSAGES: _json(said, hidden)}


def _json(value: Any, hidden: Collection[str]) -> str:
    return msgspec.json.encode(brief(value, hidden)).decode()


def _message(message: Any) -> Any:
    """A message in the form of the conventions: a role, and parts."""
    if not isinstance(message, Mapping):
        return message
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    return {
        "role": message.get("role"),
        "parts": [
            {"type": "text", "content": each} if isinstance(each, str) else each for each in parts
        ],
    }
