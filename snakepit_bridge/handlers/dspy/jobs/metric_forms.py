"""What callers may send as a metric, told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from snakepit_bridge.errors import MAX_NAME_SHOWN, InvalidArgumentError
from snakepit_bridge.handlers.references import host_function_in
from snakepit_bridge.nearest import nearest
from snakepit_bridge.values.tag_objects import HostFunction

HOW_TO_WRITE_ONE = (
    "A metric is {'field': 'answer'}, {'tool': NAME}, the name of a tool, the dotted name of a "
    "function such as 'dspy.evaluate.metrics.answer_exact_match', or the ref of an instance."
)

OnError = Literal["fail", "zero"]

LONGEST_S = 86_400.0
"""One day: the most that one judgement may take."""

Seconds = Annotated[float, Meta(gt=0, le=LONGEST_S)]


class FieldMetric(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Compares one field of the prediction with the same one of the example."""

    field: str
    normalize: bool = False
    """Whether case, and space around it, do not count."""


class ToolMetric(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Asks a tool of the host."""

    tool: str
    on_error: OnError = "fail"
    """``"zero"`` counts a tool that fails as a score of 0."""

    timeout_s: Seconds | None = None
    callback_id: str = ""
    """Which function, where the tool stands for many."""


class NamedMetric(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Calls an allowed function, or an instance of the session."""

    name: str
    """A dotted name, or a ref."""

    on_error: OnError = "fail"


MetricForm = FieldMetric | ToolMetric | NamedMetric

_HALF = re.compile("[\ud800-\udfff]")

_REF = re.compile(r"[^\W-]+-[0-9a-f]{16}")

_FORMS: Mapping[str, type[MetricForm]] = {
    "field": FieldMetric,
    "tool": ToolMetric,
    "name": NamedMetric,
}


def metric_form(sent: Any) -> MetricForm:
    """The form of what was sent; whether there is such a thing is not looked at.

    Raises:
        InvalidArgumentError: It has none.
    """
    if isinstance(sent, (FieldMetric, ToolMetric, NamedMetric)):
        return sent
    _check_texts(sent)
    if isinstance(sent, str) and sent:
        is_named = "." in sent or _REF.fullmatch(sent)
        return NamedMetric(name=str(sent)) if is_named else ToolMetric(tool=str(sent))
    if isinstance(sent, dict):
        sent = host_function_in(sent) or sent
    if isinstance(sent, HostFunction):
        return ToolMetric(tool=sent.tool, callback_id=sent.callback_id)
    if isinstance(sent, dict):
        return _of_object(sent)
    raise _wrong(f"it is of the type {type(sent).__name__!r}")


def _of_object(sent: Mapping[Any, Any]) -> MetricForm:
    fitting = [form for key, form in _FORMS.items() if key in sent and key != "name"]
    form = fitting[0] if fitting else NamedMetric
    unknown = [str(name) for name in sent if name not in form.__struct_fields__]
    if unknown:
        near = nearest(unknown[0], [*form.__struct_fields__, *_FORMS])
        meant = f" (did you mean {near!r}?)" if near else ""
        raise _wrong(f"unknown are {', '.join(map(repr, unknown))}{meant}")
    try:
        return msgspec.convert(sent, form)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error


def _check_texts(sent: Any) -> None:
    """Refuse half characters (lone surrogates): no name has them, and no message can show them."""
    texts = [sent]
    if isinstance(sent, dict):
        texts = [*sent, *sent.values()]
    elif isinstance(sent, HostFunction):
        texts = [sent.tool, sent.callback_id]
    for text in texts:
        if isinstance(text, str) and _HALF.search(text):
            raise _wrong(f"the text {text[:MAX_NAME_SHOWN]!r} has half a character in it")


def _wrong(why: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Wrong 'metric': {why}.", {"argument": "metric", "hint": HOW_TO_WRITE_ONE}
    )
