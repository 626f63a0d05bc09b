from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError, WrongCallError
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models.language_model import NO_KEY, LanguageModels
from snakepit_bridge.handlers.dspy.models.options import LMOptions, merged
from snakepit_bridge.handlers.dspy.secrets import Secrets
from tests.unit.handlers.dspy.workshop import CANARY, models

ELSEWHERE = "http://elsewhere.example/v1"
OURS = "https://llm.example.org/v1"


def options(**given: Any) -> LMOptions:
    return merged(None, {"model": "openai/gpt-4o-mini", **given})


def test_options_become_those_of_the_language_model() -> None:
    model = models().build(options(temperature=0.5, max_tokens=9, num_retries=0, timeout=2))

    assert isinstance(model, dspy.LM)
    assert (model.model, model.num_retries, model.cache) == ("openai/gpt-4o-mini", 0, False)
    assert model.kwargs == {"temperature": 0.5, "max_tokens": 9, "timeout": 2.0}


def test_the_offline_model_answers() -> None:
    model = models().build(merged(None, {"model": "offline", "answers": [{"a": "42"}]}))

    with dspy.context(lm=model):
        assert dspy.Predict("q -> a")(q="?").a == "42"


async def test_the_offline_model_answers_on_the_loop() -> None:
    model = models().build(merged(None, {"model": "offline", "answers": [{"a": "42"}]}))

    with dspy.context(lm=model):
        assert (await dspy.Predict("q -> a").acall(q="?")).a == "42"


# --- keys ---------------------------------------------------------------------------------------


def test_a_reference_becomes_the_key_it_names() -> None:
    model = models({"OPENAI_API_KEY": CANARY}).build(options(api_key="env:OPENAI_API_KEY"))

    assert model.kwargs["api_key"] == CANARY


def test_a_key_of_the_operator_goes_where_the_operator_says() -> None:
    builder = models({"OPENAI_API_KEY": CANARY}, api_bases=[OURS])

    model = builder.build(options(api_key="env:OPENAI_API_KEY", api_base=OURS))

    assert model.kwargs["api_key"] == CANARY
    assert model.kwargs["api_base"] == OURS


def test_a_key_of_the_operator_goes_nowhere_else() -> None:
    builder = models({"OPENAI_API_KEY": CANARY}, api_bases=[OURS])

    with pytest.raises(NotAllowedError, match="elsewhere") as caught:
        builder.build(options(api_key="env:OPENAI_API_KEY", api_base=ELSEWHERE))

    assert "--allow-api-base" in caught.value.hint
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm", "ollama", "ollama_chat"])
def test_without_a_key_none_is_looked_for_where_the_address_is_foreign(provider: str) -> None:
    model = models().build(options(model=f"{provider}/x", api_base=ELSEWHERE))

    assert model.kwargs["api_key"] == NO_KEY
    assert model.engine == "lm15"


def test_a_callers_own_key_goes_to_the_callers_address() -> None:
    model = models().build(options(api_key=CANARY, api_base=ELSEWHERE))

    assert model.kwargs["api_key"] == CANARY


@pytest.mark.parametrize("model", ["bedrock/x", "vertex_ai/x", "gpt-4o", "OpenAI/x", "azure/x"])
@pytest.mark.parametrize("key", [{}, {"api_key": "of the caller"}])
def test_providers_that_send_more_than_a_key_get_no_foreign_address(
    model: str, key: dict[str, str]
) -> None:
    with pytest.raises(NotAllowedError, match="credentials") as caught:
        models().build(options(model=model, api_base=ELSEWHERE, **key))

    assert "openai/NAME" in caught.value.hint


@pytest.mark.parametrize(
    "address",
    ["elsewhere", "ftp://x/v1", "http:///v1", "http://[::1", "http://user:pw@x.example/v1"],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        models().build(options(api_base=address))

    assert address not in str(caught.value)


def test_a_variable_that_is_missing_is_named() -> None:
    with pytest.raises(WrongCallError, match="OPENAI_API_KEY"):
        models().build(options(api_key="env:OPENAI_API_KEY"))


def test_what_must_stay_hidden_is_known() -> None:
    builder = models({"OPENAI_API_KEY": CANARY})

    assert builder.hidden(None) == (CANARY,)
    assert builder.hidden(options(api_key="env:OPENAI_API_KEY")) == (CANARY,)
    assert builder.hidden(options(api_key="of the caller")) == ("of the caller", CANARY)


# --- the cache ----------------------------------------------------------------------------------


def test_answers_are_not_kept_unless_the_operator_says_so() -> None:
    with pytest.raises(NotAllowedError) as caught:
        models().build(options(cache=True))

    assert "--dspy-cache" in caught.value.hint
    assert models().build(options(cache=False)).cache is False


def test_answers_are_kept_where_the_operator_says_so() -> None:
    DSPyDoor().open()  # the first door opens the cache, or in this process none
    builder = LanguageModels(DSPyDoor(cache_dir="anywhere"), Secrets())

    assert builder.build(options()).cache is True
    assert builder.build(options(cache=False)).cache is False


def test_answers_from_a_foreign_address_are_never_kept() -> None:
    """Whoever asks the same later would be given them, whatever their own address."""
    DSPyDoor().open()
    builder = LanguageModels(DSPyDoor(cache_dir="anywhere"), Secrets(api_bases=[OURS]))

    assert builder.build(options(api_base=ELSEWHERE)).cache is False
    assert builder.build(options(api_base=ELSEWHERE, cache=True)).cache is False
    assert builder.build(options(api_base=OURS)).cache is True


# --- single calls -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"api_base": ELSEWHERE},
        {"base_url": ELSEWHERE},
        {"api_key": "x"},
        {"extra_headers": {"x": "y"}},
        {"model_list": []},
        {"custom_llm_provider": "x"},
        {"fallbacks": [{"model": "x", "api_base": ELSEWHERE}]},
        {"temperature": 1.0, "mock_response": "x"},
    ],
)
def test_a_single_call_cannot_say_where_it_goes(config: dict[str, Any]) -> None:
    """With an address in a module's ``config`` the session's key would go there."""
    model = models().build(merged(None, "offline"))

    with dspy.context(lm=model), pytest.raises(NotAllowedError, match="single call"):
        dspy.Predict("q -> a")(q="?", config=config)
    with dspy.context(lm=model), pytest.raises(NotAllowedError):
        dspy.Predict("q -> a", **config)(q="?")


async def test_a_single_call_on_the_loop_cannot_either() -> None:
    model = models().build(merged(None, "offline"))

    with dspy.context(lm=model), pytest.raises(NotAllowedError, match="'api_base'"):
        await dspy.Predict("q -> a").acall(q="?", config={"api_base": ELSEWHERE})


def test_a_single_call_may_say_how_it_is_answered() -> None:
    model = models().build(merged(None, "offline"))

    with dspy.context(lm=model):
        found = dspy.Predict("q -> a")(q="?", config={"temperature": 1.0, "n": 2, "rollout_id": 1})

    assert len(found.completions.a) == 2


def test_a_saved_model_is_an_ordinary_one() -> None:
    state = models().build(options(api_key=CANARY)).dump_state()

    assert CANARY not in str(state)
    assert type(dspy.LM.load_state(state)) is dspy.LM
