from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError, WrongCallError
from snakepit_bridge.handlers.dspy.states import envelope as states
from snakepit_bridge.handlers.dspy.states import text as state_text
from snakepit_bridge.handlers.dspy.states.change import Change
from tests.unit.handlers.dspy.state_programs import PROGRAMS


def edited(make: Any) -> Any:
    program = make()
    for _, predictor in program.named_predictors():
        predictor.signature = predictor.signature.with_instructions("Be brief.")
        predictor.demos = [{"question": "Why?", "answer": "So."}]
    return program


def test_equal_states_give_equal_bytes() -> None:
    one = state_text.text_of({"b": 1, "a": {"d": "ä", "c": 2}})
    two = state_text.text_of({"a": {"c": 2, "d": "ä"}, "b": 1})

    assert one == two == '{"a":{"c":2,"d":"ä"},"b":1}'.encode()


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_dspy_loads_our_files(make: Any, tmp_path: Path) -> None:
    first, second = edited(make), make()
    file = tmp_path / "program.json"

    file.write_bytes(state_text.dspy_text_of(dspy, states.envelope(dspy, first)))
    second.load(str(file))

    assert states.inner_state(dspy, second) == states.inner_state(dspy, first)


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_we_load_dspys_files(make: Any, tmp_path: Path) -> None:
    first, second = edited(make), make()
    file = tmp_path / "program.json"
    first.save(str(file))

    change = Change(dspy, second, state_text.read(file.read_bytes()))
    change.apply()

    assert change.warnings == []
    assert states.inner_state(dspy, second) == states.inner_state(dspy, first)


def test_our_files_say_of_which_class_they_are() -> None:
    text = state_text.dspy_text_of(dspy, states.envelope(dspy, dspy.Predict("a -> b")))

    with pytest.raises(InvalidArgumentError, match=r"it is of a 'dspy\.predict\.predict\.Predict'"):
        Change(dspy, dspy.ChainOfThought("a -> b"), state_text.read(text))


def test_a_predictor_with_the_name_dspy_needs_itself_is_saved_in_our_form() -> None:
    class Odd(dspy.Module):  # type: ignore[misc]  # dspy ships no types
        def __init__(self) -> None:
            super().__init__()
            self.metadata = dspy.Predict("a -> b")

    program = Odd()
    envelope = states.envelope(dspy, program)

    text = state_text.dspy_text_of(dspy, envelope)

    assert text == state_text.text_of(envelope)
    Change(dspy, program, state_text.read(text)).apply()
    Change(dspy, program, envelope["state"]).apply()


def test_other_versions_are_warnings() -> None:
    program = dspy.Predict("a -> b")
    versions = {"dspy": "3.3.0", "python": "2.7", "cloudpickle": "0.1"}
    given = {**program.dump_state(), "metadata": {"dependency_versions": versions}}
    here = dspy.utils.saving.get_dependency_versions()

    assert Change(dspy, program, given).warnings == [
        f"Saved with dspy 3.3.0; here is {here['dspy']}.",
        f"Saved with python 2.7; here is {here['python']}.",
    ]
    envelope = {**states.envelope(dspy, program), "dspy": "9"}
    assert Change(dspy, program, envelope).warnings == [
        f"Saved with dspy 9; here is {here['dspy']}."
    ]


def test_metadata_of_an_odd_shape_are_none() -> None:
    program = dspy.Predict("a -> b")
    given = {**program.dump_state(), "metadata": {"dependency_versions": []}}

    assert Change(dspy, program, given).warnings == []
    with pytest.raises(InvalidArgumentError, match="'metadata' is unknown"):
        Change(dspy, program, {**program.dump_state(), "metadata": 3})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (pickle.dumps({}), "is a pickle"),
        (b"", "cannot be read"),
        (b"\xff", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"demos": [], "demos": []}', "has the key 'demos' more than once"),
        (b"[" * 300 + b"]" * 300, "nested deeper"),
        (b"[" * 1_000_000, "nested deeper"),
        (b'{"a": 1e999}', "beyond the range"),
    ],
)
def test_texts_that_are_no_state_are_refused(text: bytes, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match="The state ") as caught:
        state_text.read(text)

    assert why in caught.value.message


def test_states_have_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_text, "MAX_BYTES", 12)

    assert json.loads(state_text.text_of({"a": "1234"})) == {"a": "1234"}
    with pytest.raises(WrongCallError, match="13 bytes"):
        state_text.text_of({"a": "12345"})
    with pytest.raises(InvalidArgumentError, match="has 13 bytes"):
        state_text.read(b'"12345678901"')
