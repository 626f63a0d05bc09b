from __future__ import annotations

from typing import Any

import pytest

from snakepit_bridge.adapters.dspex.lm import PROVIDERS
from tests.unit.adapters.dspex.scene import CANARY, Worker

KEYS = {"OPENAI_API_KEY": CANARY, "ANTHROPIC_API_KEY": CANARY, "GEMINI_API_KEY": CANARY}


@pytest.mark.parametrize(
    ("arguments", "lm"),
    [
        ({"model_type": "openai"}, "openai/gpt-4o-mini"),
        ({"model_type": "openai", "model": "gpt-5-mini"}, "openai/gpt-5-mini"),
        ({"model_type": "openai", "model": "openai/gpt-5-mini"}, "openai/gpt-5-mini"),
        ({"model_type": "anthropic"}, "anthropic/claude-sonnet-4-6"),
        ({"model_type": "gemini"}, "gemini/gemini-2.5-flash"),
        ({"model_type": "gemini", "model": "gemini-3.5-flash"}, "gemini/gemini-3.5-flash"),
        ({"model_type": "offline"}, "offline"),
    ],
)
def test_a_kind_of_model_and_a_name_make_a_language_model(
    arguments: dict[str, Any], lm: str
) -> None:
    worker = Worker(KEYS)

    assert worker.call("configure_lm", **arguments)["success"] is True
    assert worker.call("get_settings")["lm"] == lm


@pytest.mark.parametrize("variable", ["GOOGLE_API_KEY", "GEMINI_API_KEY"])
def test_gemini_takes_its_key_from_either_variable(variable: str) -> None:
    worker = Worker({variable: CANARY})

    worker.call("configure_lm", model_type="gemini")

    assert f"env:{variable}" in worker.call("retrieve_object", name="default_lm")["info"]


@pytest.mark.parametrize("model_type", list(PROVIDERS))
def test_without_a_key_it_says_where_one_is_looked_for(model_type: str) -> None:
    answer = Worker().call("configure_lm", model_type=model_type)

    assert answer["success"] is False
    for variable in PROVIDERS[model_type].variables:
        assert variable in answer["error"]


def test_a_key_of_the_callers_own_needs_no_environment() -> None:
    answer = Worker().call("configure_lm", model_type="openai", api_key=CANARY)

    assert answer == {"success": True, "model_type": "openai"}


def test_other_options_are_those_of_the_command() -> None:
    worker = Worker(KEYS)

    worker.call("configure_lm", model_type="openai", temperature=0.5)

    assert "'temperature': 0.5" in worker.call("retrieve_object", name="default_lm")["info"]


def test_a_key_of_the_worker_is_not_sent_to_an_address_of_the_caller() -> None:
    answer = Worker(KEYS).call(
        "configure_lm", model_type="openai", api_base="http://example.com/v1"
    )

    assert answer["success"] is False
    assert "must not be sent" in answer["error"]


def test_a_refused_model_leaves_the_one_before() -> None:
    worker = Worker(KEYS)
    worker.call("configure_lm", model_type="offline")

    assert worker.call("configure_lm", model_type="openai", nonsense=1)["success"] is False
    assert worker.call("get_settings")["lm"] == "offline"


def test_before_it_there_is_no_language_model() -> None:
    worker = Worker()
    worker.call("create_program", name="p", signature_name="a -> b")

    answer = worker.call("execute_program", name="p", inputs={"a": "?"})

    assert worker.call("get_settings")["lm"] is None
    assert answer["success"] is False
    assert answer["error"] == "The session has no language model."
