"""What callers may say about a session's language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.secrets import REFERENCE
from snakepit_bridge.nearest import nearest

OFFLINE = "offline"
"""The model that asks nobody."""

HOST = "host/"
"""How the name of a model begins that a tool of the host is."""

_HOST_OPTIONS = ("tool", "stream", "features")

PER_CALL = frozenset({
    *("temperature", "max_tokens", "max_completion_tokens", "top_p", "top_k", "n", "stop", "seed"),
    *("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"),
    *("reasoning_effort", "response_format", "rollout_id", "cache", "prediction", "modalities"),
    *("tools", "tool_choice", "parallel_tool_calls", "prompt", "messages", "request"),
})  # fmt: skip
"""What a single call to a language model may be given; none of it says where the call goes."""

_CONNECTION = ("api_key", "api_base", "timeout", "num_retries", "model_type", "cache")

_PER_REQUEST = frozenset({
    *("temperature", "max_tokens", "top_p", "top_k", "n", "stop", "seed", "presence_penalty"),
    *("frequency_penalty", "logprobs", "top_logprobs", "reasoning_effort"),
})  # fmt: skip


class LMOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of one language model; never shown with its key."""

    model: str
    """As DSPy names it, e.g. ``"openai/gpt-4o-mini"``, or ``"offline"``."""

    api_key: str | UnsetType = UNSET
    """The key itself, or ``"env:NAME"``."""

    api_base: str | UnsetType = UNSET
    timeout: float | UnsetType = UNSET
    """Seconds for one request."""

    num_retries: int | UnsetType = UNSET
    model_type: Literal["chat", "text", "responses"] | UnsetType = UNSET
    cache: bool | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    top_p: float | UnsetType = UNSET
    top_k: int | UnsetType = UNSET
    n: int | UnsetType = UNSET
    stop: str | list[str] | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    logprobs: bool | UnsetType = UNSET
    top_logprobs: int | UnsetType = UNSET
    reasoning_effort: str | UnsetType = UNSET
    answers: list[dict[str, Any] | str] | UnsetType = UNSET
    """What the offline model says, one per request, then round again."""

    tool: str | UnsetType = UNSET
    """The tool of the host that answers for a model of its own."""

    stream: bool | UnsetType = UNSET
    """Whether that tool can answer in pieces."""

    features: list[Literal["tools", "reasoning", "response_format"]] | UnsetType = UNSET
    """What that tool can do beyond text."""

    def given(self) -> dict[str, Any]:
        """The options that were given, the key included."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in values if value is not UNSET}

    def connection(self) -> dict[str, Any]:
        """The options that say where requests go, and how; the key included."""
        return {name: value for name, value in self.given().items() if name not in _PER_REQUEST}

    def per_request(self) -> dict[str, Any]:
        """The options that each request carries."""
        return {name: value for name, value in self.given().items() if name in _PER_REQUEST}

    def shown(self) -> dict[str, Any]:
        """The options that were given, fit to be shown."""
        shown = self.given()
        if isinstance(self.api_key, str) and not self.api_key.startswith(REFERENCE):
            shown["api_key"] = "***"
        return shown

    def __repr__(self) -> str:
        return f"LMOptions({self.shown()})"


def merged(current: LMOptions | None, change: str | Mapping[str, Any]) -> LMOptions:
    """The options after a change.

    A change with a model is a whole new language model: nothing of the old one, least of all its
    key, goes along. Without a model it changes the current one; ``None`` takes an option away.

    Raises:
        InvalidArgumentError: Names every unknown option, or the first wrong one.
    """
    options = {"model": change} if isinstance(change, str) else dict(change)
    _refuse_unknown(options)
    if "model" not in options:
        if current is None:
            raise _wrong("'model' is missing", "E.g.: {'lm': {'model': 'openai/gpt-4o-mini'}}")
        options = {**current.given(), **options}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        new = msgspec.convert(given, LMOptions)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error
    _check_model(new)
    return new


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = LMOptions.__struct_fields__
    unknown = [name for name in options if name not in known]
    if unknown:
        near = [nearest(str(name), known) for name in unknown]
        meant = ", ".join(repr(each) for each in near if each)
        raise _wrong(
            f"unknown are {', '.join(map(repr, unknown))}",
            f"Did you mean {meant}?" if meant else f"Known are: {', '.join(known)}.",
        )


def _check_model(options: LMOptions) -> None:
    model = options.model
    # Some providers' models are addresses, and then the key goes there.
    if "/" not in model and model != OFFLINE and nearest(model, [OFFLINE]):
        raise _wrong(f"there is no model {model!r}", f"Did you mean {OFFLINE!r}?")
    if not model or "://" in model or any(each.isspace() for each in model):
        raise _wrong(f"the model {model!r} is no name", "E.g. 'openai/gpt-4o-mini'.")
    # An empty key would be taken for none at all, and one be looked for in the environment.
    if isinstance(options.api_key, str) and not options.api_key.strip():
        raise _wrong("'api_key' is empty", "Leave it out, or send null to take it away.")
    given = options.given()
    if model != OFFLINE and "answers" in given:
        raise _wrong("'answers' belongs to the model 'offline' alone")
    is_host = model.startswith(HOST)
    if is_host and "tool" not in given:
        raise _wrong(f"the model {model!r} needs 'tool'", "Name the tool of the host that answers.")
    needless = [name for name in _HOST_OPTIONS if name in given]
    if needless and not is_host:
        listed = ", ".join(map(repr, needless))
        raise _wrong(f"{listed} belong to models of the host", f"Their names begin with {HOST!r}.")
    needless = [
        name for name in _CONNECTION if name in given and not (is_host and name == "num_retries")
    ]
    if needless and (is_host or model == OFFLINE):
        listed = ", ".join(map(repr, needless))
        raise _wrong(f"the model {model!r} has no connection, so it takes no {listed}")


def _wrong(why: str, hint: str = "") -> InvalidArgumentError:
    return InvalidArgumentError(f"Wrong 'lm': {why}.", {"argument": "lm", "hint": hint})
