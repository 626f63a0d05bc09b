"""A request to a language model as plain data for the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakepit_bridge.handlers.dspy.models.options import HOST

_MEDIA = ("media_type", "data", "url", "file_id")

PARTS: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "thinking": ("text",),
    "refusal": ("text",),
    "citation": ("text", "title", "url"),
    "data": ("value",),
    "image": (*_MEDIA, "detail"),
    "audio": _MEDIA,
    "video": _MEDIA,
    "document": _MEDIA,
    "binary": _MEDIA,
}
"""The attributes of each kind of part that travel under their own names."""

_OPTIONS = (
    *("temperature", "max_tokens", "top_p", "top_k", "stop", "seed", "frequency_penalty"),
    *("presence_penalty", "logprobs", "service_tier", "user_id", "store", "extensions"),
)


def request_data(request: Any, types: Any) -> dict[str, Any]:
    """A ``dspy.lm15.Request`` in data that every language has.

    Args:
        request: What DSPy asks.
        types: The module ``dspy.lm15``.

    Returns:
        ``model`` without the prefix, ``messages``, ``options`` (those that were given), and where
        there are any ``tools``, ``tool_choice``, ``response_format`` and ``reasoning``. The system
        prompt is the first message.

    Raises:
        lm15.UnsupportedFeatureError: A part of a message cannot travel.
    """
    config = request.config
    data: dict[str, Any] = {
        "model": request.model.removeprefix(HOST),
        "messages": _messages(request, types),
        "options": _given(config, _OPTIONS),
    }
    if request.tools:
        data["tools"] = [
            _given(each, ("name", "description", "parameters")) for each in request.tools
        ]
    if config.tool_choice is not None:
        data["tool_choice"] = _given(config.tool_choice, ("mode", "allowed", "parallel"))
    if config.response_format is not None:
        data["response_format"] = config.response_format
    if config.reasoning is not None:
        data["reasoning"] = _given(config.reasoning, ("effort", "thinking_budget", "summary"))
    return data


def _messages(request: Any, types: Any) -> list[dict[str, Any]]:
    messages = [
        {"role": each.role, "content": _content(each.parts, types)} for each in request.messages
    ]
    if request.system is None:
        return messages
    system = request.system
    content = system if isinstance(system, str) else _content(system, types)
    return [{"role": "system", "content": content}, *messages]


def _content(parts: Sequence[Any], types: Any) -> str | list[dict[str, Any]]:
    """A text where there is nothing else, a list of parts otherwise."""
    if len(parts) == 1 and parts[0].type == "text":
        text: str = parts[0].text
        return text
    return [_part(each, types) for each in parts]


def _part(part: Any, types: Any) -> dict[str, Any]:
    kind = part.type
    if kind == "tool_call":
        return {"type": kind, "id": part.id, "name": part.name, "args": part.input}
    if kind == "tool_result":
        return {
            "type": kind,
            **_given(part, ("id", "name")),
            "content": _content(part.content, types),
            "is_error": part.is_error,
        }
    if kind not in PARTS or getattr(part, "path", None) is not None:
        raise types.UnsupportedFeatureError(
            f"The host cannot be sent a part of the kind {kind!r}"
            f"{' that is a file' if kind in PARTS else ''}."
        )
    return {"type": kind, **_given(part, PARTS[kind])}


def _given(thing: Any, names: Sequence[str]) -> dict[str, Any]:
    """What is set; tuples as lists."""
    values = ((name, getattr(thing, name, None)) for name in names)
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values
        if value is not None and value != ()
    }
