from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.configuration import Change, Configuration, Configurator
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models.language_model import LanguageModels
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.session.context import Session
from tests.unit.handlers.dspy.workshop import CANARY, models, workshop


def scene() -> tuple[Session, Callable[..., Configuration]]:
    _, session, _ = workshop()
    configurator = Configurator(DSPyDoor(), models())

    def change(**given: Any) -> Configuration:
        return configurator.change(session, Change(**given))

    return session, change


def test_a_session_that_was_told_nothing_uses_what_dspy_does() -> None:
    session, _ = scene()

    assert configuration.of(session).shown() == {
        "lm": None,
        "adapter": "chat",
        "num_threads": None,
        "budget": None,
        "history": 0,
        "track_usage": True,
    }


def test_what_is_not_given_stays() -> None:
    session, change = scene()
    change(lm="offline", adapter="json")
    model = configuration.of(session).language_model

    change(num_threads=2)

    found = configuration.of(session)
    assert found.language_model is model
    assert (found.adapter, found.num_threads) == ("json", 2)


def test_an_option_of_the_language_model_is_changed_alone() -> None:
    _, change = scene()
    change(lm={"model": "offline", "answers": [{"a": 1}]})

    new = change(lm={"temperature": 0.5})

    assert new.shown()["lm"] == {"model": "offline", "answers": [{"a": 1}], "temperature": 0.5}
    assert new.language_model.kwargs["temperature"] == 0.5


def test_a_wrong_change_changes_nothing() -> None:
    session, change = scene()
    before = change(lm="offline")

    with pytest.raises(InvalidArgumentError):
        change(lm={"temprature": 1}, adapter="json")

    assert configuration.of(session) is before


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chat", dspy.ChatAdapter),
        ("json", dspy.JSONAdapter),
        ("xml", dspy.XMLAdapter),
        ("two_step", dspy.TwoStepAdapter),
    ],
)
def test_adapters_are_chosen_by_name(name: Any, kind: type) -> None:
    _, change = scene()

    assert type(change(lm="offline", adapter=name).adapter_object) is kind


def test_the_two_step_adapter_follows_the_language_model() -> None:
    _, change = scene()
    change(lm="offline", adapter="two_step")

    new = change(lm={"model": "offline", "answers": [{"a": 1}]})

    assert new.adapter_object.extraction_model is new.language_model


def test_the_two_step_adapter_needs_a_language_model() -> None:
    _, change = scene()

    with pytest.raises(DSPyError, match="two_step") as caught:
        change(adapter="two_step")

    assert caught.value.code is ErrorCode.WRONG_CALL


def test_settings_hold_inside_of_the_block_only() -> None:
    _, change = scene()
    new = change(lm="offline", adapter="json", num_threads=3)
    outside = dspy.settings.copy()

    with new.applied(dspy):
        inside = dspy.settings
        assert inside.lm is new.language_model
        assert inside.adapter is new.adapter_object
        assert (inside.num_threads, inside.track_usage, inside.disable_history) == (3, True, False)
        assert inside.trace == []
        assert inside.trace is not outside["trace"]

    assert dspy.settings.copy() == outside


def test_what_the_process_has_configured_holds_where_the_session_says_nothing() -> None:
    with dspy.context(lm="of the process"), Configuration().applied(dspy):
        assert dspy.settings.lm == "of the process"


def test_models_of_the_process_fill_no_history_of_the_process() -> None:
    with Configuration().applied(dspy):
        assert dspy.settings.disable_history is True


def test_the_key_is_not_shown() -> None:
    secret = Configuration(
        lm=LMOptions(model="openai/x", api_key=CANARY), language_model=dspy.LM("openai/x")
    )

    assert CANARY not in repr(secret)
    assert CANARY not in str(secret.shown())


def test_two_changes_at_once_are_both_kept() -> None:
    """The second arrives while the first builds its language model."""
    _, session, _ = workshop()
    door = DSPyDoor()

    class Interrupted(LanguageModels):
        interrupted = False

        def build(self, options: LMOptions, *, cache: bool | None = None) -> Any:
            if not self.interrupted:
                self.interrupted = True
                configurator.change(session, Change(adapter="json"))
            return super().build(options, cache=cache)

    configurator = Configurator(door, Interrupted(door, Secrets()))
    configurator.change(session, Change(lm="offline"))

    found = configuration.of(session)
    assert (found.lm, found.adapter) == (LMOptions(model="offline"), "json")
