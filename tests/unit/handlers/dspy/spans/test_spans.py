from __future__ import annotations

import json
import math
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import dspy
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from snakepit_bridge.errors import BridgeError, QuotaExceededError
from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.handlers.dspy.runs import Halt, LMCall
from snakepit_bridge.handlers.dspy.spans import genai
from snakepit_bridge.handlers.dspy.spans.callbacks import callbacks_for
from snakepit_bridge.handlers.dspy.spans.instruments import MOST_MODELS
from snakepit_bridge.handlers.dspy.spans.spans import error_type
from tests.unit.handlers.dspy.observed import Observed
from tests.unit.handlers.dspy.workshop import CANARY, RaisingEngine

QUESTION = "What is the secret of Linz?"
ANSWER = "It is the Linzer Torte."


def ask(observed: Observed, lm: Any = None, *hidden: str) -> None:
    with observed.command(lm or offline_lm([{"answer": ANSWER}]), *hidden):
        dspy.Predict("question -> answer")(question=QUESTION)


def failing(make: Any) -> Any:
    return dspy.LM("offline", engine=RaisingEngine(make), cache=False, num_retries=0)


def answered(**facts: Any) -> LMCall:
    call = LMCall("openai/gpt-4o-mini")
    for name, value in facts.items():
        setattr(call, name, value)
    return call


# --- spans --------------------------------------------------------------------------------------


def test_a_question_is_a_module_with_a_request_in_it() -> None:
    observed = Observed()

    ask(observed)

    request = observed.span("chat offline")
    assert observed.path(request) == "command > dspy.module Predict > chat offline"
    assert request.kind is SpanKind.CLIENT
    assert observed.span("dspy.module Predict").kind is SpanKind.INTERNAL
    assert request.status.status_code is StatusCode.UNSET


def test_a_request_has_the_attributes_of_the_conventions() -> None:
    observed = Observed()
    lm = offline_lm([{"answer": ANSWER}])
    lm.model, lm.kwargs = "openai/gpt-4o-mini", {"temperature": 0.5, "max_tokens": 100}
    response = dspy.lm15.Response(
        id="1",
        model="gpt-4o-mini-2024",
        message=dspy.lm15.Message.assistant([dspy.lm15.TextPart("x")]),
        finish_reason="stop",
        usage=dspy.lm15.Usage(),
    )
    observed.call = answered(
        response_model="gpt-4o-mini-2024",
        input_tokens=12,
        output_tokens=0,
        cost_usd=0.25,
        entry={"response": response},
    )

    ask(observed, lm)

    assert observed.attributes("chat gpt-4o-mini") == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.response.model": "gpt-4o-mini-2024",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 0,
        "dspy.lm.cost_usd": 0.25,
    }


def test_an_answer_of_the_cache_says_so() -> None:
    observed = Observed()
    observed.call = answered(cache_hit=True)

    ask(observed)

    assert observed.attributes("chat offline")["dspy.lm.cache_hit"] is True


def test_a_tool_has_the_attributes_of_the_conventions() -> None:
    observed = Observed()

    with observed.command(offline_lm()):
        dspy.Tool(lambda word: word, name="echo")(word="secret")

    attributes = observed.attributes("execute_tool echo")
    assert len(attributes.pop("gen_ai.tool.call.id")) == 32
    assert attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "gen_ai.tool.type": "function",
    }


def test_what_a_tool_does_is_told_below_it() -> None:
    observed = Observed()
    seen: list[Any] = []

    def look() -> str:
        seen.append(trace.get_current_span().get_span_context())
        return "x"

    with observed.command(offline_lm()):
        dspy.Tool(look)()

    assert seen == [observed.span("execute_tool look").context]


def test_an_optimizer_and_an_evaluation_are_spans() -> None:
    observed = Observed()
    examples = [dspy.Example(question="?", answer="42").with_inputs("question")]
    program = dspy.Predict("question -> answer")

    with observed.command(offline_lm([{"answer": "42"}])):
        dspy.Evaluate(devset=examples, metric=lambda *_: 1.0, display_progress=False)(program)
        dspy.LabeledFewShot(k=1).compile(program, trainset=examples)

    assert observed.path(observed.span("chat offline")).startswith(
        "command > dspy.evaluate > dspy.module Predict"
    )
    assert observed.path(observed.span("dspy.compile LabeledFewShot")).startswith("command > ")


def test_a_request_that_an_adapter_makes_is_told_below_its_module() -> None:
    observed = Observed()
    inner = offline_lm([{"answer": "42"}])

    with (
        observed.command(offline_lm(["It is forty-two."])),
        dspy.context(adapter=dspy.TwoStepAdapter(inner)),
    ):
        dspy.Predict("question -> answer")(question="?")

    requests = [each for each in observed.spans if each.name == "chat offline"]
    assert len(requests) == 2
    assert all("command > dspy.module Predict" in observed.path(each) for each in requests)


def test_prompts_answers_and_arguments_are_in_no_span() -> None:
    observed = Observed(follows=False)

    ask(observed)
    with observed.command(offline_lm()):
        dspy.Tool(lambda word: word + "!", name="echo")(word="private")

    assert not [each for each in (QUESTION, ANSWER, "private") if each in observed.everything()]


def test_prompts_and_answers_are_in_spans_where_the_operator_wants_them() -> None:
    observed = Observed(follows=False, capture_content=True)

    ask(observed)

    attributes = observed.attributes("chat offline")
    asked = json.loads(attributes["gen_ai.input.messages"])
    assert [each["role"] for each in asked] == ["system", "user"]
    assert QUESTION in asked[1]["parts"][0]["content"]
    assert asked[1]["parts"][0]["type"] == "text"
    (said,) = json.loads(attributes["gen_ai.output.messages"])
    assert said["role"] == "assistant"
    assert ANSWER in said["parts"][0]["content"]
    assert observed.attributes("dspy.module Predict") == {"dspy.module": "Predict"}


def test_what_tools_are_given_is_in_spans_where_the_operator_wants_it() -> None:
    observed = Observed(capture_content=True)

    with observed.command(offline_lm(), CANARY):
        dspy.Tool(lambda word: {"said": word}, name="echo")(word=f"my key is {CANARY}")

    attributes = observed.attributes("execute_tool echo")
    assert attributes["gen_ai.tool.call.arguments"] == '{"word":"my key is ***"}'
    assert attributes["gen_ai.tool.call.result"] == '{"said":"my key is ***"}'


def test_content_that_is_not_a_list_of_messages_is_told_as_it_is() -> None:
    observed = Observed(capture_content=True)

    with observed.command(offline_lm(["yes"])):
        dspy.settings.lm("Are you there?")

    asked = json.loads(observed.attributes("chat offline")["gen_ai.input.messages"])
    assert asked == [
        {"role": "user", "parts": [{"type": "text", "content": "Are you there?"}]},
    ]


def test_parts_of_messages_that_are_no_text_keep_their_form() -> None:
    observed = Observed(capture_content=True)
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}

    with observed.command(offline_lm(["yes"])), pytest.warns(DeprecationWarning, match="messages"):
        dspy.settings.lm(messages=[{"role": "user", "content": [image]}])

    asked = json.loads(observed.attributes("chat offline")["gen_ai.input.messages"])
    assert asked == [{"role": "user", "parts": [image]}]


def test_messages_of_another_form_are_named_by_their_class() -> None:
    observed = Observed(capture_content=True)
    (callback,) = observed.callbacks()

    callback.on_lm_start(call_id="1", instance=offline_lm(), inputs={"messages": [object()]})
    callback.on_lm_end(call_id="1", outputs=object())

    attributes = observed.attributes("chat offline")
    assert attributes["gen_ai.input.messages"] == '["<object>"]'
    assert "<object>" in attributes["gen_ai.output.messages"]


# --- what went wrong ----------------------------------------------------------------------------


def test_a_request_that_fails_is_an_error_with_the_code_of_dspy_and_no_message() -> None:
    observed = Observed()
    lm = failing(lambda types: types.AuthError(f"refused {CANARY}"))

    with pytest.raises(dspy.LMAuthError):
        ask(observed, lm, CANARY)

    request = observed.span("chat offline")
    assert observed.attributes("chat offline")["error.type"] == "auth"
    assert request.status.status_code is StatusCode.ERROR
    assert request.status.description == "auth"
    assert request.events == ()
    assert observed.attributes("dspy.module Predict")["error.type"] == "auth"
    assert "refused" not in observed.everything()


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (LookupError("x"), "LookupError"),
        (QuotaExceededError("x"), "QUOTA_EXCEEDED"),
        (Halt(QuotaExceededError("x")), "QUOTA_EXCEEDED"),
        (dspy.LMServerError("x"), "server"),
        (dspy.CodeInterpreterError("x"), "CodeInterpreterError"),
        (BridgeError("x"), "INTERNAL"),
    ],
)
def test_errors_are_told_by_a_word_out_of_few(error: BaseException, word: str) -> None:
    assert error_type(error) == word


def test_a_span_ends_whatever_a_provider_has_answered() -> None:
    observed = Observed()
    observed.call = answered(entry={"response": SimpleNamespace()}, response_model=7)

    ask(observed)

    assert observed.attributes("chat offline")["gen_ai.response.model"] == "7"


def test_a_coroutine_that_is_thrown_away_elsewhere_leaves_what_is_current_alone() -> None:
    observed = Observed()
    (callback,) = observed.callbacks()

    copy_context().run(
        callback.on_tool_start, call_id="1", instance=dspy.Tool(len), inputs={"kwargs": {}}
    )
    with observed.tracer.start_as_current_span("elsewhere") as elsewhere:
        callback.on_tool_end(call_id="1", outputs=None)
        assert trace.get_current_span() is elsewhere

    assert observed.span("execute_tool len").end_time is not None


# --- metrics ------------------------------------------------------------------------------------


def test_requests_are_counted_by_model_and_tokens_by_type() -> None:
    observed = Observed()
    observed.call = answered(input_tokens=12, output_tokens=34)

    ask(observed)

    labels = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "offline",
        "gen_ai.request.model": "offline",
    }
    (duration,) = observed.points(genai.OPERATION_DURATION)
    assert (dict(duration.attributes or {}), duration.count) == (labels, 1)
    tokens = {
        str((point.attributes or {})["gen_ai.token.type"]): point.sum
        for point in observed.points(genai.TOKEN_USAGE)
    }
    assert tokens == {"input": 12, "output": 34}


def test_tokens_that_nobody_knows_are_not_counted_as_none() -> None:
    observed = Observed()

    ask(observed)

    assert observed.points(genai.TOKEN_USAGE) == []
    assert len(observed.points(genai.OPERATION_DURATION)) == 1


def test_a_request_of_which_nobody_knows_anything_is_told_nevertheless() -> None:
    observed = Observed()
    (callback,) = callbacks_for(dspy, observed.run, instruments=observed.instruments)

    with dspy.context(lm=offline_lm([{"answer": ANSWER}]), callbacks=[callback]):
        dspy.Predict("question -> answer")(question=QUESTION)

    assert "gen_ai.usage.input_tokens" not in observed.attributes("chat offline")
    assert len(observed.points(genai.OPERATION_DURATION)) == 1


def test_failed_requests_are_counted_apart() -> None:
    observed = Observed()
    observed.call = answered(input_tokens=12)

    with pytest.raises(dspy.LMServerError):
        ask(observed, failing(lambda types: types.ServerError("x")))

    (duration,) = observed.points(genai.OPERATION_DURATION)
    assert dict(duration.attributes or {})["error.type"] == "server"
    (tokens,) = observed.points(genai.TOKEN_USAGE)
    assert "error.type" not in dict(tokens.attributes or {})


def test_models_that_callers_make_up_do_not_make_metrics_grow_without_limit() -> None:
    observed = Observed()

    for number in range(MOST_MODELS + 5):
        observed.instruments.count({genai.REQUEST_MODEL: f"m{number}"}, 1.0, {})
    observed.instruments.count({genai.REQUEST_MODEL: "m0"}, 1.0, {})

    counts = {
        str((point.attributes or {})[genai.REQUEST_MODEL]): point.count
        for point in observed.points(genai.OPERATION_DURATION)
    }
    assert len(counts) == MOST_MODELS + 1
    assert counts["_OTHER"] == 5
    assert counts["m0"] == 2


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("azure/x", "azure.ai.openai", "x"),
        ("together_ai/meta-llama/Llama-3", "together", "meta-llama/Llama-3"),
        ("made-up/x", "_OTHER", "x"),
        ("offline", "offline", "offline"),
        ("gpt-4o", "_OTHER", "gpt-4o"),
    ],
)
def test_models_are_told_apart_from_their_providers(name: str, provider: str, model: str) -> None:
    assert genai.provider_and_model(name) == (provider, model)


def test_models_that_complete_texts_are_told_as_such() -> None:
    assert genai.operation("text") == "text_completion"
    assert genai.operation("responses") == "chat"


def test_reasons_to_end_are_found_in_every_form_of_an_answer() -> None:
    def one(reason: Any) -> SimpleNamespace:
        return SimpleNamespace(finish_reason=reason)

    assert genai.finish_reasons(one("stop")) == ["stop"]
    assert genai.finish_reasons((one("stop"), one("length"))) == ["stop", "length"]
    assert genai.finish_reasons(SimpleNamespace(choices=[one("stop"), one(None)])) == ["stop"]
    assert genai.finish_reasons(None) == []


def test_bounds_of_histograms_are_those_of_the_conventions() -> None:
    assert genai.TOKEN_BUCKETS[-1] == 67_108_864
    assert math.isclose(genai.DURATION_BUCKETS[-1], 81.92)
