from __future__ import annotations

import json
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.catalog_handler import DSPyCatalogHandler
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.workshop import CANARY

KINDS = ["modules", "optimizers", "adapters", "models", "metrics", "types", "signature"]


class Scene:
    """A handler, a session of it, and the way to call commands as the wire does."""

    def __init__(self, **parts: Any) -> None:
        sessions = SessionManager(EmbeddedHost())
        self.session: Session = sessions.get_or_create("one")
        self.registry = HandlerRegistry()
        self.registry.register(DSPyCatalogHandler(Workbench(sessions.instances, **parts)))

    def call(self, command: str, **args: Any) -> Any:
        return self.registry.find(f"dspy.{command}").execute(self.session, args)


def test_without_a_kind_there_are_names_of_everything() -> None:
    found = Scene().call("describe")

    assert list(found) == [
        *("modules", "optimizers", "adapters", "metrics", "types", "models", "signature")
    ]
    assert all(isinstance(name, str) for each in found.values() for name in each)
    assert "offline" in found["models"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_told_as_json(kind: str) -> None:
    found = Scene().call("describe", kind=kind)

    assert json.loads(json.dumps(found)) == found


def test_one_entry_is_found_by_name() -> None:
    scene = Scene()

    assert scene.call("describe", name="MIPROv2")["class_path"] == "dspy.MIPROv2"
    assert scene.call("describe", kind="types", name="Image")["name"] == "Image"
    with pytest.raises(InvalidArgumentError):
        scene.call("describe", kind="adapters", name="Image")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="kind"):
        Scene().call("describe", kind="moduls")


@pytest.mark.parametrize("kind", ["models", "signature"])
def test_what_is_one_whole_has_no_names(kind: str) -> None:
    with pytest.raises(InvalidArgumentError, match="no single entries"):
        Scene().call("describe", kind=kind, name="x")


def test_models_tell_what_the_operator_has_made_available() -> None:
    secrets = Secrets({"OPENAI_API_KEY": CANARY})

    found = Scene(secrets=secrets).call("describe", kind="models")

    assert found["keys"] == ["env:OPENAI_API_KEY"]
    assert found["cache"] is False
    assert CANARY not in str(found)


def test_examples_of_signatures_that_are_text_work() -> None:
    found = Scene().call("describe", kind="signature")

    for form in found["forms"]:
        if isinstance(form["example"], str):
            dspy.Signature(form["example"])
    assert {"str", "Literal", "dspy.Image", "dspy.History"} <= set(found["types"])


def test_an_instance_is_looked_at_by_its_ref() -> None:
    scene = Scene()
    ref = scene.session.instances.register(dspy.ChainOfThought("question -> answer"))

    found = scene.call("inspect", ref=ref)

    assert found["ref"] == ref
    assert [each["name"] for each in found["signature"]["outputs"]] == ["reasoning", "answer"]
    assert found["methods"][0]["name"] == "__call__"


def test_secrets_are_not_told() -> None:
    scene = Scene()
    scene.session.settings[configuration.NAMESPACE] = Configuration(
        lm=LMOptions(model="openai/x", api_key=CANARY)
    )
    ref = scene.session.instances.register(
        dspy.Predict(dspy.Signature("a -> b", f"Key: {CANARY}"), stop=CANARY)
    )

    assert CANARY not in str(scene.call("inspect", ref=ref))


def test_an_unknown_ref_is_an_error_of_dspy() -> None:
    with pytest.raises(DSPyError) as caught:
        Scene().call("inspect", ref="predict_nobody")

    assert caught.value.code is ErrorCode.INSTANCE_NOT_FOUND


def test_no_command_runs_on_the_loop() -> None:
    assert not any(entry.runs_on_loop for entry in Scene().registry)
