"""What DSPy does, as spans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.dspy.spans import genai
from snakepit_bridge.handlers.dspy.spans.brief import brief_name
from snakepit_bridge.handlers.dspy.spans.span_content import content_after, content_before
from snakepit_bridge.handlers.dspy.spans.steps import Kind, Step

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

    from snakepit_bridge.handlers.dspy.runs import LMCall
    from snakepit_bridge.handlers.dspy.spans.instruments import Instruments


class OpenSpan(msgspec.Struct, eq=False):
    """The span of a step that is under way."""

    span: Span
    context: Context
    """In which the step's own steps begin."""

    before: Context
    """What was current before it began."""

    labels: Mapping[str, str]
    """Of its metrics, where it has any."""


class Spans:
    """Tells of the steps of one command. Safe from any thread.

    The steps are children of the span that is current where this is made. While a step runs its
    span is the current one, so that whatever it does is told below it: requests over HTTP, calls of
    the host's tools, log lines.

    Args:
        instruments: Where to tell.
        hidden: Secrets that appear nowhere.
        lm_call: What is known of the request to a language model that the calling context has under
            way.
    """

    def __init__(
        self,
        instruments: Instruments,
        *,
        hidden: Collection[str] = (),
        lm_call: Callable[[], LMCall | None] | None = None,
    ) -> None:
        self._instruments = instruments
        self._hidden = tuple(hidden)
        self._lm_call = lm_call or _nothing_known
        self._base = contexts.get_current()

    def began(self, step: Step) -> None:
        """Open the span of a step and make it current."""
        outer = self._context_of(step.parent)
        if step.kind is Kind.INSIDE:
            return
        name, attributes, labels = self._described(step)
        span = self._instruments.tracer.start_span(
            name,
            context=outer,
            kind=SpanKind.CLIENT if step.kind is Kind.LM else SpanKind.INTERNAL,
            attributes={**attributes, **labels},
        )
        inner = trace.set_span_in_context(span, outer)
        step.span = OpenSpan(span, inner, contexts.get_current(), labels)
        contexts.attach(inner)
        if self._instruments.capture_content and span.is_recording():
            span.set_attributes(content_before(step, self._hidden))

    def ended(self, step: Step, outputs: Any, exception: BaseException | None) -> None:
        """End the span of a step, and count it if it was a request to a language model."""
        opened = step.span
        if opened is None:
            return
        # A coroutine that was thrown away ends in whatever context happens to be there. Setting
        # what was before, and not detaching, works in every one.
        if contexts.get_current() is opened.context:
            contexts.attach(opened.before)
        try:
            self._tell_end(step, opened, outputs, exception)
        finally:
            opened.span.end()

    def _tell_end(
        self, step: Step, opened: OpenSpan, outputs: Any, exception: BaseException | None
    ) -> None:
        failed = {} if exception is None else {genai.ERROR_TYPE: error_type(exception)}
        opened.span.set_attributes({**failed, **self._learnt(step, opened, failed)})
        if exception is not None:
            opened.span.set_status(Status(StatusCode.ERROR, failed[genai.ERROR_TYPE]))
        elif self._instruments.capture_content:
            opened.span.set_attributes(content_after(step, outputs, self._hidden))

    def _context_of(self, step: Step | None) -> Context:
        while step is not None:
            if step.span is not None:
                return step.span.context
            step = step.parent
        return self._base

    def _described(self, step: Step) -> tuple[str, dict[str, AttributeValue], dict[str, str]]:
        """Name, attributes and labels of metrics."""
        name = brief_name(step.name, self._hidden)
        if step.kind is Kind.LM:
            return self._request(step, name)
        if step.kind is Kind.TOOL:
            attributes: dict[str, AttributeValue] = {
                genai.OPERATION: genai.EXECUTE_TOOL,
                genai.TOOL_NAME: name,
                genai.TOOL_TYPE: "function",
                genai.TOOL_CALL_ID: step.call_id,
            }
            return f"{genai.EXECUTE_TOOL} {name}", attributes, {}
        if step.kind is Kind.EVALUATE:
            return "dspy.evaluate", {}, {}
        return f"dspy.{step.kind} {name}", {genai.MODULE: name}, {}

    def _request(
        self, step: Step, name: str
    ) -> tuple[str, dict[str, AttributeValue], dict[str, str]]:
        provider, model = genai.provider_and_model(name)
        labels = {
            genai.OPERATION: genai.operation(getattr(step.instance, "model_type", "chat")),
            genai.PROVIDER: provider,
            genai.REQUEST_MODEL: model,
        }
        options = {
            **(getattr(step.instance, "kwargs", None) or {}),
            **(step.inputs.get("kwargs") or {}),
        }
        return f"{labels[genai.OPERATION]} {model}", {**genai.request_options(options)}, labels

    def _learnt(
        self, step: Step, opened: OpenSpan, failed: Mapping[str, str]
    ) -> dict[str, AttributeValue]:
        """What is known of a request once it has ended."""
        if step.kind is not Kind.LM:
            return {}
        call = self._lm_call()
        tokens = {
            "input": None if call is None else call.input_tokens,
            "output": None if call is None else call.output_tokens,
        }
        self._instruments.count({**opened.labels, **failed}, step.elapsed_s, tokens)
        if call is None:
            return {}
        answered_by = call.response_model
        known = {
            genai.RESPONSE_MODEL: answered_by and brief_name(str(answered_by), self._hidden),
            genai.FINISH_REASONS: genai.finish_reasons((call.entry or {}).get("response")),
            genai.INPUT_TOKENS: tokens["input"],
            genai.OUTPUT_TOKENS: tokens["output"],
            genai.COST_USD: call.cost_usd,
            genai.CACHE_HIT: call.cache_hit or None,
        }
        return {name: value for name, value in known.items() if value not in (None, "", [])}


def error_type(error: BaseException) -> str:
    """A word for what went wrong, out of few: a code, else the class of the exception."""
    ours = getattr(error, "error", error)
    if isinstance(ours, BridgeError):
        return str(ours.code)
    code = getattr(error, "code", None)
    of_dspy = type(error).__module__.startswith("dspy.")
    return code if of_dspy and isinstance(code, str) else type(error).__name__


def _nothing_known() -> None:
    return None
