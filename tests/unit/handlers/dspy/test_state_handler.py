from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import (
    DSPyError,
    ErrorCode,
    InvalidArgumentError,
    NotAllowedError,
)
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.program_handler import DSPyProgramHandler
from snakepit_bridge.handlers.dspy.state_handler import DSPyStateHandler
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.state_programs import Translator
from tests.unit.handlers.dspy.workshop import CANARY


class Scene:
    """A handler, a session of it, and the way to call commands as the wire does."""

    def __init__(self, directory: Path | None = None) -> None:
        sessions = SessionManager(EmbeddedHost())
        self.session: Session = sessions.get_or_create("one")
        self.workbench = Workbench(sessions.instances)
        self.registry = HandlerRegistry()
        self.registry.register(DSPyStateHandler(self.workbench, directory))

    def keep(self, instance: object) -> str:
        return self.session.instances.register(instance)

    def call(self, command: str, **args: Any) -> Any:
        return self.registry.find(f"dspy.{command}").execute(self.session, args)


def test_a_state_is_read_edited_and_set() -> None:
    scene = Scene()
    program = dspy.ChainOfThought("question -> answer")
    ref = scene.keep(program)

    state = scene.call("get_state", ref=ref)
    state["state"]["predict"]["signature"]["instructions"] = "Be brief."

    assert scene.call("set_state", ref=ref, state=state) is True
    assert program.predict.signature.instructions == "Be brief."
    assert scene.call("get_state", ref=ref) == state


def test_a_program_made_of_several_has_a_state() -> None:
    scene = Scene()
    scene.registry.register(DSPyProgramHandler(scene.workbench))
    parts = [dspy.Predict("text -> topic"), dspy.ChainOfThought("topic -> title")]
    steps = [
        {"name": name, "ref": scene.keep(part)}
        for name, part in zip(("find", "name"), parts, strict=True)
    ]
    ref = scene.call("create_program", steps=steps)

    state = scene.call("get_state", ref=ref)
    state["state"]["find"]["demos"] = [{"text": "a", "topic": "b"}]

    assert list(state["state"]) == ["find", "name.predict"]
    assert scene.call("set_state", ref=ref, state=state) is True
    assert scene.call("get_state", ref=ref) == state
    assert scene.call("load_state", ref=ref, data=scene.call("save_state", ref=ref))["loaded"]


def test_keys_of_the_session_are_in_no_state() -> None:
    scene = Scene()
    scene.session.settings[configuration.NAMESPACE] = Configuration(
        lm=LMOptions(model="openai/x", api_key=CANARY)
    )
    ref = scene.keep(dspy.Predict(dspy.Signature("a -> b", f"Key: {CANARY}")))

    assert CANARY not in str(scene.call("get_state", ref=ref))
    assert CANARY not in scene.call("save_state", ref=ref)


def test_a_state_travels_as_bytes_or_text() -> None:
    scene = Scene()
    first, second = Translator(), Translator()
    first.detect.demos = [{"text": "ä", "language": "German"}]
    ref, other = scene.keep(first), scene.keep(second)

    data = scene.call("save_state", ref=ref)

    assert json.loads(data) == scene.call("get_state", ref=ref)
    sent = data.encode()
    for given in (data, sent, bytearray(sent), memoryview(sent)):
        second.detect.demos = []
        assert scene.call("load_state", ref=other, data=given) == {"loaded": True, "warnings": []}
        assert second.detect.demos == first.detect.demos


def test_a_state_is_saved_by_name(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    program = dspy.Predict("question -> answer", temperature=0.5)
    ref = scene.keep(program)

    saved = scene.call("save_state", ref=ref, name="qa")
    program.config = {}

    assert saved == {"name": "qa", "bytes": (tmp_path / "qa.json").stat().st_size}
    assert scene.call("load_state", ref=ref, name="qa")["loaded"] is True
    assert program.config == {"temperature": 0.5}
    (listed,) = scene.call("list_states")
    assert listed.keys() == {"name", "bytes", "saved_at"}
    assert scene.call("delete_state", name="qa") is True
    assert scene.call("delete_state", name="qa") is False
    assert scene.call("list_states") == []


def test_dspys_own_files_load_by_name(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    program = dspy.ChainOfThought("question -> answer")
    program.predict.demos = [dspy.Example(question="a", reasoning="b", answer="c")]
    program.set_lm(dspy.LM("openai/x", api_base="http://evil"))
    program.save(str(tmp_path / "theirs.json"))
    fresh = dspy.ChainOfThought("question -> answer")

    answer = scene.call("load_state", ref=scene.keep(fresh), name="theirs")

    assert fresh.predict.demos == [{"question": "a", "reasoning": "b", "answer": "c"}]
    assert fresh.predict.lm is None
    assert answer["warnings"] == [
        "'predict.lm' was left out: what the session uses, 'dspy.configure' says."
    ]


def test_without_a_directory_nothing_is_saved_by_name() -> None:
    scene = Scene()
    ref = scene.keep(dspy.Predict("a -> b"))

    for command, args in [
        ("save_state", {"ref": ref, "name": "a"}),
        ("load_state", {"ref": ref, "name": "a"}),
        ("list_states", {}),
        ("delete_state", {"name": "a"}),
    ]:
        with pytest.raises(NotAllowedError) as caught:
            scene.call(command, **args)
        assert "--dspy-state-dir DIR" in caught.value.hint


@pytest.mark.parametrize("args", [{}, {"data": "{}", "name": "a"}])
def test_a_state_is_loaded_from_one_place(args: Any) -> None:
    scene = Scene()

    with pytest.raises(InvalidArgumentError, match="'data' or from a 'name'"):
        scene.call("load_state", ref=scene.keep(dspy.Predict("a -> b")), **args)


@pytest.mark.parametrize("data", ["no json", "\ud800", {"predict": {}}, b"\x80\x04."])
def test_what_is_no_text_of_a_state_is_refused(data: Any) -> None:
    scene = Scene()

    with pytest.raises(InvalidArgumentError):
        scene.call("load_state", ref=scene.keep(dspy.Predict("a -> b")), data=data)


def test_only_programs_have_a_state() -> None:
    scene = Scene()
    ref = scene.keep(dspy.Example(a=1))

    arguments: dict[str, Any] = {"get_state": {}, "set_state": {"state": {}}, "save_state": {}}
    for command, args in arguments.items():
        with pytest.raises(InvalidArgumentError, match="Example, has no state"):
            scene.call(command, ref=ref, **args)


def test_an_unknown_ref_is_an_error_of_dspy() -> None:
    with pytest.raises(DSPyError) as caught:
        Scene().call("get_state", ref="predict_nobody")

    assert caught.value.code is ErrorCode.INSTANCE_NOT_FOUND


def test_no_command_runs_on_the_loop() -> None:
    assert not any(entry.runs_on_loop for entry in Scene().registry)
