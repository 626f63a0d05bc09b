from __future__ import annotations

import pytest

from snakepit_bridge.errors import NotAllowedError, WrongCallError
from snakepit_bridge.handlers.dspy.secrets import Secrets, scrub, without_secrets
from tests.unit.handlers.dspy.workshop import CANARY


def test_a_listed_variable_is_found() -> None:
    assert Secrets({"OPENAI_API_KEY": CANARY}).find("env:OPENAI_API_KEY") == CANARY


def test_a_variable_that_is_not_listed_is_refused_with_the_setting() -> None:
    secrets = Secrets({"DATABASE_URL": CANARY})

    with pytest.raises(NotAllowedError, match="DATABASE_URL") as caught:
        secrets.find("env:DATABASE_URL")

    assert "--allow-secret DATABASE_URL" in caught.value.hint
    assert secrets.hidden == ()


def test_the_operator_may_list_other_names() -> None:
    secrets = Secrets({"TEAM_KEY": CANARY, "OPENAI_API_KEY": "x"}, names=["TEAM_KEY"])

    assert secrets.find("env:TEAM_KEY") == CANARY
    with pytest.raises(NotAllowedError):
        secrets.find("env:OPENAI_API_KEY")


@pytest.mark.parametrize("environment", [None, {}, {"OPENAI_API_KEY": ""}])
def test_a_variable_that_is_not_set_is_told_from_one_not_listed(
    environment: dict[str, str] | None,
) -> None:
    with pytest.raises(WrongCallError, match="not set"):
        Secrets(environment).find("env:OPENAI_API_KEY")


def test_values_are_not_shown() -> None:
    assert CANARY not in repr(Secrets({"OPENAI_API_KEY": CANARY}))


@pytest.mark.parametrize(
    ("sent", "trusted"),
    [
        ("https://llm.example.org/v1", True),
        ("HTTPS://LLM.example.org/v1/", True),
        ("http://llm.example.org/v1", False),
        ("https://llm.example.org/v2", False),
        ("https://llm.example.org.evil.example/v1", False),
        ("https://llm.example.org@evil.example/v1", False),
    ],
)
def test_an_address_is_trusted_as_it_is_listed(sent: str, *, trusted: bool) -> None:
    assert Secrets(api_bases=["https://llm.example.org/v1/"]).trusts(sent) is trusted


def test_secrets_become_stars_and_short_words_stay() -> None:
    text = f"key {CANARY} and no"

    assert without_secrets(text, [CANARY, "no"]) == "key *** and no"


def test_an_exception_and_what_led_to_it_lose_their_secrets() -> None:
    first = ValueError(f"refused {CANARY}", 401)
    second = RuntimeError(f"failed with {CANARY}")
    vars(second)["message"] = f"again {CANARY}"
    second.__cause__ = first
    first.__context__ = second  # such circles exist

    scrub(second, [CANARY])

    assert str(second) == "failed with ***"
    assert vars(second)["message"] == "again ***"
    assert first.args == ("refused ***", 401)
