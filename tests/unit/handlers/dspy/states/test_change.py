from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError, InvalidArgumentError
from snakepit_bridge.handlers.dspy.states import envelope as states
from snakepit_bridge.handlers.dspy.states.change import Change
from snakepit_bridge.handlers.dspy.states.check import MOST_SHOWN
from tests.unit.handlers.dspy.state_programs import PROGRAMS, Translator, recording_lm


def state_of(program: Any) -> dict[str, Any]:
    return states.envelope(dspy, program)


def problems_of(program: Any, given: Any, **options: Any) -> list[str]:
    before = state_of(program)
    with pytest.raises(InvalidArgumentError) as caught:
        Change(dspy, program, given, **options)
    assert state_of(program) == before, "a state that does not fit changes nothing"
    found: list[str] = caught.value.details["problems"]
    return found


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_a_state_comes_back_into_another_program_of_the_kind(make: Callable[[], Any]) -> None:
    first, second = make(), make()
    for _, predictor in first.named_predictors():
        predictor.signature = predictor.signature.with_instructions("Be brief.")
        predictor.demos = [{"question": "Why?", "answer": "So."}]
        predictor.update_config(temperature=0.25)
    given = state_of(first)

    Change(dspy, second, given).apply()

    assert state_of(second) == given
    for _, predictor in second.named_predictors():
        assert predictor.signature.instructions == "Be brief."
        assert predictor.config["temperature"] == 0.25


@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS)
def test_the_state_alone_is_taken_as_well_as_dspys_own_dump(make: Callable[[], Any]) -> None:
    program = make()

    Change(dspy, program, state_of(program)["state"]).apply()
    Change(dspy, program, program.dump_state()).apply()


def test_edited_instructions_and_demos_are_in_the_next_prompt() -> None:
    program = Translator()
    given = state_of(program)
    for name, state in given["state"].items():
        state["signature"]["instructions"] = f"Instructions of {name}."
    given["state"]["detect"]["demos"] = [{"text": "Grüß Gott", "language": "Austrian"}]
    given["state"]["detect"]["signature"]["fields"][0]["description"] = "as people write it"
    given["state"]["detect"]["config"] = {"temperature": 0.75}
    model, engine = recording_lm()

    Change(dspy, program, given).apply()
    with dspy.context(lm=model):
        program(text="Servus")

    asked = list(map(str, engine.asked))
    names = list(given["state"])
    assert [f"Instructions of {name}." in each for name, each in zip(names, asked, strict=True)]
    assert "Grüß Gott" in asked[0]
    assert "Austrian" in asked[0]
    assert "as people write it" in asked[0]
    assert "Grüß Gott" not in asked[1]
    assert engine.asked[0].config.temperature == 0.75


def test_a_language_model_of_a_predictors_own_stays() -> None:
    program = dspy.ChainOfThought("question -> answer")
    model, _ = recording_lm()
    program.set_lm(model)

    Change(dspy, program, state_of(program)).apply()

    assert program.predict.lm is model


def test_options_that_states_do_not_carry_stay() -> None:
    program = dspy.Predict("question -> answer", messages=["kept"], temperature=1.0)

    Change(dspy, program, {**program.dump_state(), "config": {"n": 2}}).apply()
    assert program.config == {"messages": ["kept"], "n": 2}

    Change(dspy, program, program.dump_state()).apply()
    assert program.config == {"messages": ["kept"], "n": 2}


def test_the_state_given_is_not_shared_with_the_program() -> None:
    program = dspy.Predict("question -> answer")
    given = state_of(program)
    given["state"]["demos"] = [{"question": "Why?", "answer": "So."}]

    Change(dspy, program, given).apply()
    given["state"]["demos"][0]["answer"] = "changed"

    assert program.demos == [{"question": "Why?", "answer": "So."}]


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    program = Translator()
    given = state_of(program)
    state = given["state"]
    given["version"] = 2
    given["class"] = "somebody.Else"
    given["extra"] = 1
    state["detekt"] = state.pop("detect")
    state["steps[0].predict"] = []
    formal = state["by_style['formal']"]
    formal["demos"] = [{}, "no demo"]
    formal["traces"] = 3
    formal["lm"] = {"model": "openai/x"}
    formal["signature"]["instructions"] = None
    formal["signature"]["code"] = "1"
    formal["config"] = {"temperature": "hot", "top_z": 1, "api_base": "http://evil"}
    formal["fields"] = []
    formal["stage"] = "x"

    found = problems_of(program, given)

    assert found == [
        "it has the version 2; this bridge reads 1",
        f"it is of a 'somebody.Else', this is a {states.class_of(program)!r}",
        "'extra' is unknown",
        "the predictor 'detekt' is unknown (did you mean 'detect'?)",
        "'detect' is missing",
        "'steps[0].predict' is no object",
        "\"by_style['formal'].stage\" is unknown",
        "\"by_style['formal'].signature\": 'instructions' is no text",
        "\"by_style['formal'].signature\": 'code' is unknown",
        "\"by_style['formal'].traces\" is no list",
        "\"by_style['formal'].demos\": demo 1 is no object",
        "\"by_style['formal'].fields\" is no object",
        "\"by_style['formal'].config\": 'temperature' is wrong (Expected `float`, got `str`)",
        "the option \"by_style['formal'].config.top_z\" is unknown (did you mean 'top_p'?)",
        "the option \"by_style['formal'].config.api_base\" is unknown",
        "\"by_style['formal'].lm\" is no null, and language models are the session's own",
    ]


def test_only_the_first_of_very_many_problems_are_shown() -> None:
    program = dspy.Predict("question -> answer")
    given = {**program.dump_state(), "demos": ["none"] * 1000}

    with pytest.raises(InvalidArgumentError, match=r"and 950 more\.") as caught:
        Change(dspy, program, given)

    assert len(caught.value.details["problems"]) == MOST_SHOWN


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"signature": 3}, "'signature' is no object with 'instructions' and 'fields'"),
        ({"signature": {"instructions": "x"}}, "is no object with 'instructions' and 'fields'"),
        (
            {"signature": {"instructions": "x", "fields": [3]}},
            "'signature': field 0 is no object of the texts",
        ),
        (
            {"signature": {"instructions": "x", "fields": [{"prefix": "a"}]}},
            "'signature': field 0 is no object of the texts",
        ),
        (
            {"signature": {"instructions": "x", "fields": [{"prefix": "a", "description": 1}]}},
            "'signature': field 0 is no object of the texts",
        ),
        (
            {"signature": {"instructions": "x", "fields": [{"prefix": "a", "description": "b"}]}},
            "'signature' has the fields ?, the program question, answer",
        ),
        (
            {
                "signature": {
                    "instructions": "x",
                    "fields": [
                        {"name": "query", "prefix": "a", "description": "b"},
                        {"name": "answer", "prefix": "a", "description": "b"},
                    ],
                }
            },
            "'signature' has the fields query, answer, the program question, answer",
        ),
        ({"config": []}, "'config' is no object"),
        ({"extended_signature": {}}, "'extended_signature' is unknown"),
    ],
)
def test_a_predictor_is_not_given_what_has_another_shape(
    change: dict[str, Any], problem: str
) -> None:
    program = dspy.Predict("question -> answer")

    (found,) = problems_of(program, {**program.dump_state(), **change})

    assert problem in found


def test_missing_parts_of_a_predictor_are_named() -> None:
    program = dspy.Predict("question -> answer")

    assert problems_of(program, {"lm": None}) == ["'signature' is missing", "'demos' is missing"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "'state' is no object"),
        ({"format": states.FORMAT}, "'version' is missing"),
        (
            {"format": "pickle", "version": 1, "class": "x", "state": {}},
            "it has the format 'pickle', not 'snakepit-bridge.dspy-state'",
        ),
        ({"format": states.FORMAT, "version": True, "class": "x", "state": 3}, "version True"),
    ],
)
def test_an_envelope_of_another_kind_is_refused(given: Any, problem: str) -> None:
    assert any(problem in each for each in problems_of(Translator(), given))


def test_parts_that_are_no_predictors_come_back_only_as_they_are() -> None:
    program = PROGRAMS["Searching"]()
    given = program.dump_state()
    given["limit"] = {"k": 3, "forward": "evil"}

    assert problems_of(program, given) == [
        "'limit.forward' is unknown",
        "'limit.k' cannot be changed by a state",
    ]


def test_parts_of_a_predictors_own_come_back_only_as_they_are() -> None:
    program = PROGRAMS["Counting"]()

    assert problems_of(program, {**program.dump_state(), "count": 4}) == [
        "'count' cannot be changed by a state"
    ]


def test_a_language_model_may_be_left_out_with_a_warning() -> None:
    program = dspy.Predict("question -> answer")
    given = {**program.dump_state(), "lm": {"model": "openai/x", "api_base": "http://evil"}}

    change = Change(dspy, program, given, drops_lm=True)
    change.apply()

    assert change.warnings == ["'lm' was left out: what the session uses, 'dspy.configure' says."]
    assert program.lm is None


def test_what_dspy_itself_refuses_changes_nothing() -> None:
    program = Translator()
    given = program.dump_state()
    given["detect"]["demos"] = [{"text": "a", "language": "b"}]
    given["by_style['formal']"]["fields"] = {"polished": {"threshold": 0.5}}
    before = copy.deepcopy(program.dump_state())

    with pytest.raises(DSPyError):
        Change(dspy, program, given)

    assert program.dump_state() == before
