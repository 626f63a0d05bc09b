from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.states import envelope as states
from tests.unit.handlers.dspy.programs import City
from tests.unit.handlers.dspy.state_programs import PROGRAMS, recording_lm
from tests.unit.handlers.dspy.workshop import CANARY


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_a_state_is_what_dspy_dumps_with_the_names_of_the_fields(
    make: Callable[[], Any],
) -> None:
    program = make()

    found = states.inner_state(dspy, program)

    def nameless(value: Any) -> Any:
        if isinstance(value, dict):
            known = {name: nameless(each) for name, each in value.items()}
            if known.keys() == {"name", "prefix", "description"}:
                del known["name"]
            return known
        return [nameless(each) for each in value] if isinstance(value, list) else value

    assert nameless(found) == program.dump_state()
    assert json.loads(json.dumps(found)) == found


def test_an_envelope_says_what_it_is() -> None:
    found = states.envelope(dspy, dspy.ChainOfThought("question -> answer"))

    assert {name: found[name] for name in ("format", "version", "dspy", "class")} == {
        "format": "snakepit-bridge.dspy-state",
        "version": 1,
        "dspy": dspy.__version__,
        "class": "dspy.predict.chain_of_thought.ChainOfThought",
    }
    assert [each["name"] for each in found["state"]["predict"]["signature"]["fields"]] == [
        "question",
        "reasoning",
        "answer",
    ]


def test_language_models_are_left_out_and_stay_with_the_program() -> None:
    program = dspy.ChainOfThought("question -> answer")
    model = dspy.LM("openai/x", api_key=CANARY)
    model.dump_state = None  # an engine of somebody's own may have no state
    program.set_lm(model)

    found = states.envelope(dspy, program)

    assert found["state"]["predict"]["lm"] is None
    assert CANARY not in str(found)
    assert program.predict.lm is model


def test_demos_are_plain_data() -> None:
    program = dspy.Predict("question -> city: City", custom_types={"City": City})
    program.demos = [
        dspy.Example(question="Where?", city=City(name="Linz", inhabitants=2)),
        {"question": "And?", "city": None, "augmented": True},
    ]

    assert states.inner_state(dspy, program)["demos"] == [
        {"question": "Where?", "city": {"name": "Linz", "inhabitants": 2}},
        {"question": "And?", "city": None, "augmented": True},
    ]


def test_of_the_config_only_what_a_call_may_set_is_told() -> None:
    program = dspy.Predict("question -> answer", temperature=0.5, api_key=CANARY)

    assert states.inner_state(dspy, program)["config"] == {"temperature": 0.5}


def test_what_has_no_json_form_is_refused_with_its_place() -> None:
    program = dspy.ChainOfThought("question -> answer")
    program.predict.demos = [dspy.Example(question=b"raw", answer="x")]

    with pytest.raises(InvalidArgumentError, match=r"\$\.predict\.demos\[0\]\.question"):
        states.envelope(dspy, program)


def test_secrets_are_in_no_state() -> None:
    program = dspy.Predict(dspy.Signature("question -> answer", f"Use {CANARY}."))

    found = states.envelope(dspy, program, hidden=[CANARY])

    assert found["state"]["signature"]["instructions"] == "Use ***."


@pytest.mark.parametrize("other", [dspy.Example(a=1), dspy.Signature, 3])
def test_what_is_no_program_has_no_state(other: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="has no state"):
        states.program_from(dspy, other)


def test_telling_a_state_asks_nobody() -> None:
    model, engine = recording_lm()
    program = PROGRAMS["Translator"]()

    with dspy.context(lm=model):
        states.envelope(dspy, program)

    assert engine.asked == []
