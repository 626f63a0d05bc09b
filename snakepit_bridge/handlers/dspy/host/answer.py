"""The host's answer to a request to a language model, read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from snakepit_bridge.handlers.dspy.runs import CACHE_HIT_KEY, COST_KEY

MAX_ANSWER = 10_000_000
"""Characters of one answer."""

_Count = Annotated[int, Meta(ge=0)] | None

FINISHED = {
    "stop": "stop",
    "length": "length",
    "tool_call": "tool_call",
    "tool_calls": "tool_call",
    "content_filter": "content_filter",
    "error": "error",
}
"""Why an answer ends, in the words of the host and of DSPy."""


class HostUsage(msgspec.Struct, frozen=True):
    """Tokens; what is ``None`` is not known."""

    input_tokens: _Count = None
    output_tokens: _Count = None
    total_tokens: _Count = None
    cache_read_tokens: _Count = None
    cache_write_tokens: _Count = None
    reasoning_tokens: _Count = None


class HostToolRequest(msgspec.Struct, frozen=True):
    """A tool that the language model wants called."""

    name: Annotated[str, Meta(min_length=1)]
    args: dict[str, Any]
    id: str | None = None


class HostError(msgspec.Struct, frozen=True):
    """Why there is no answer."""

    code: str = "provider"
    message: str = ""
    retry_after: Annotated[float, Meta(ge=0)] | None = None
    """Seconds."""

    status: int | None = None
    """Of HTTP, where it came with one."""


class HostAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the host's tool has answered; members it does not list are ignored."""

    text: Annotated[str, Meta(max_length=MAX_ANSWER)] | None = None
    thinking: Annotated[str, Meta(max_length=MAX_ANSWER)] | None = None
    tool_calls: list[HostToolRequest] = []
    finish_reason: str | None = None
    usage: HostUsage | None = None
    cost_usd: Annotated[float, Meta(ge=0)] | None = None
    model: Annotated[str, Meta(min_length=1)] | None = None
    cache_hit: bool = False
    error: HostError | None = None
    stream: str | int | None = None
    """The id of an answer that is to be asked for in pieces."""

    deltas: list[str | dict[str, Any]] = []
    done: bool = False


_FIELDS = msgspec.structs.fields(HostAnswer)


class MalformedAnswerError(ValueError):
    """An answer that does not follow the protocol; names everything that is wrong."""


def answer_from(value: Any) -> HostAnswer:
    """Read an answer: a text, or an object.

    Raises:
        MalformedAnswerError: It is neither, or members of it are wrong.
    """
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, Mapping):
        text = f"it is neither a text nor an object, but of the type {type(value).__name__!r}"
        raise MalformedAnswerError(text)
    members: dict[str, Any] = {}
    problems: list[str] = []
    for field in _FIELDS:
        given = value.get(field.name)
        if given is None:
            continue
        try:
            members[field.name] = msgspec.convert(given, field.type)
        except msgspec.ValidationError as error:
            problems.append(f"{field.name!r}: {error}")
    answer = HostAnswer(**members)
    problems += _inconsistent(answer)
    if problems:
        raise MalformedAnswerError("; ".join(problems))
    return answer


def checked_whole(answer: HostAnswer) -> HostAnswer:
    """The answer, if it is one as a whole.

    Raises:
        MalformedAnswerError: It has nothing to say.
    """
    if answer.text is None and not answer.tool_calls:
        raise MalformedAnswerError("it has neither 'text' nor 'tool_calls'")
    return answer


def response_from(answer: HostAnswer, request: Any, types: Any) -> Any:
    """The ``dspy.lm15.Response`` of an answer that is whole.

    Args:
        answer: What the host said.
        request: What it was asked.
        types: The module ``dspy.lm15``.
    """
    parts = [] if answer.thinking is None else [types.ThinkingPart(answer.thinking)]
    if answer.text is not None:
        parts.append(types.TextPart(answer.text))
    parts += [
        types.ToolCallPart(id=call.id or f"call_{number}", name=call.name, input=call.args)
        for number, call in enumerate(answer.tool_calls)
    ]
    return types.Response(
        id=None,
        model=answer.model or request.model,
        message=types.Message.assistant(parts),
        finish_reason=finish_reason(answer),
        usage=usage(answer, types),
        provider_data=provider_data(answer),
    )


def finish_reason(answer: HostAnswer) -> str:
    """Why the answer ends, in DSPy's words."""
    if answer.finish_reason is None:
        return "tool_call" if answer.tool_calls else "stop"
    return FINISHED[answer.finish_reason]


def usage(answer: HostAnswer, types: Any) -> Any:
    """The tokens, as DSPy counts them."""
    if answer.usage is None:
        return types.Usage()
    return types.Usage(**msgspec.structs.asdict(answer.usage))


def provider_data(answer: HostAnswer) -> dict[str, Any] | None:
    """What DSPy has no place for: the price, and whether there was one."""
    data: dict[str, Any] = {}
    if answer.cost_usd is not None or answer.cache_hit:
        data[COST_KEY] = answer.cost_usd or 0.0
    if answer.cache_hit:
        data[CACHE_HIT_KEY] = True
    return data or None


def _inconsistent(answer: HostAnswer) -> list[str]:
    problems = []
    if answer.finish_reason is not None and answer.finish_reason not in FINISHED:
        known = ", ".join(map(repr, FINISHED))
        problems.append(f"'finish_reason': {answer.finish_reason!r:.60} is none of {known}")
    if answer.cost_usd is not None and not math.isfinite(answer.cost_usd):
        problems.append("'cost_usd': it is no amount")
    return problems
