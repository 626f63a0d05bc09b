from __future__ import annotations

import json
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import DSPyError, InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.orders import (
    LARGEST,
    Order,
    check_program,
    resumed,
    spec_of,
)
from snakepit_bridge.values.tag_objects import HostFunction

ROWS = [{"question": "?", "answer": "42"}]


def order(**changes: Any) -> Order:
    given: dict[str, Any] = {
        "ref": "predict-1",
        "optimizer": "COPRO",
        "examples": ROWS,
        "metric": {"field": "answer"},
        "options": {"breadth": 2},
        "settings": {"num_threads": 2, "budget": {"calls": 3}},
        **changes,
    }
    return Order(**given)


def spec(**changes: Any) -> dict[str, Any]:
    found = spec_of(dspy, order(**changes), dspy.Predict("question -> answer"))
    assert json.loads(json.dumps(found)) == found
    return found


def test_what_is_left_out_comes_from_the_checkpoint() -> None:
    found = resumed(Order(), spec(seed=3, validation=ROWS, teacher="predict-2"))

    assert found.examples == found.validation == ROWS
    assert (found.optimizer, found.options, found.seed) == ("COPRO", {"breadth": 2}, 3)
    assert (found.ref, found.teacher) == ("predict-1", "predict-2")
    assert found.form() == order().form()


def test_what_is_given_must_agree() -> None:
    agreeing = order(ref="predict-9", metric={"field": "answer", "normalize": False})
    assert resumed(agreeing, spec()).ref == "predict-9"

    with pytest.raises(InvalidArgumentError) as caught:
        resumed(order(metric="judge", options={}, examples=[*ROWS, *ROWS], validation=ROWS), spec())
    for name in ("'metric'", "'options'", "'examples'", "'validation'"):
        assert name in caught.value.message


def test_a_job_may_go_on_with_more_money_and_threads() -> None:
    more = {"num_threads": 8, "budget": {"calls": 99}}

    assert resumed(Order(settings=more), spec()).settings == more
    with pytest.raises(InvalidArgumentError, match="'settings'"):
        resumed(Order(settings={"adapter": "json"}), spec())


def test_keys_are_not_kept_but_their_names_are() -> None:
    secret = {"model": "openai/x", "api_key": "sk-123456"}
    named = {"model": "openai/x", "api_key": "env:OPENAI_API_KEY"}
    found = spec(prompt_lm=secret, reflection_lm=named, settings={"lm": secret})

    assert "sk-123456" not in json.dumps(found)
    assert resumed(Order(prompt_lm=secret, settings={"lm": secret}), found).reflection_lm == named
    with pytest.raises(InvalidArgumentError) as caught:
        resumed(Order(), found)
    assert "'prompt_lm' is missing, whose key is not kept" in caught.value.message
    assert "'settings' is missing" in caught.value.message


def test_a_model_by_name_is_kept() -> None:
    assert resumed(Order(), spec(prompt_lm="offline")).prompt_lm == "offline"


@pytest.mark.parametrize(
    "rows",
    [
        [{"question": b"bytes"}],
        [{"question": object}],
        [{"question": "x" * (LARGEST + 1)}],
    ],
)
def test_rows_that_cannot_be_kept_have_to_be_sent_again(rows: list[Any]) -> None:
    found = spec(examples=rows)

    assert found["examples"] is None
    with pytest.raises(InvalidArgumentError, match="does not hold"):
        resumed(Order(), found)
    assert resumed(Order(examples=rows), found).examples == rows


def test_functions_of_the_host_are_kept_by_name() -> None:
    metric = HostFunction(tool="t", callback_id="c")

    assert resumed(Order(), spec(metric=metric)).form() == order(metric=metric).form()


def test_a_job_without_metric_has_none() -> None:
    assert resumed(Order(), spec(metric=None)).form() is None


def test_a_spec_that_was_changed_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="resume"):
        resumed(Order(), {**spec(), "seed": "seven"})


def test_the_program_has_to_be_the_same() -> None:
    found = spec()
    program = dspy.Predict("question -> answer")
    check_program(dspy, program, found)
    # Its language model is the session's.
    program.lm = dspy.LM("openai/x", cache=False)
    check_program(dspy, program, found)

    program.demos = [dspy.Example(question="?", answer="!")]
    with pytest.raises(InvalidArgumentError, match="another state"):
        check_program(dspy, program, found)
    with pytest.raises(InvalidArgumentError, match="another class"):
        check_program(dspy, dspy.ChainOfThought("question -> answer"), found)
    with pytest.raises(InvalidArgumentError, match="another class"):
        check_program(dspy, program, {})


def test_a_program_that_cannot_tell_its_state_is_not_optimized() -> None:
    class Secretive(dspy.Predict):  # type: ignore[misc]  # dspy ships no types
        def dump_state(self, **_: Any) -> Any:
            raise TypeError("my own business")

    with pytest.raises(DSPyError, match="my own business"):
        spec_of(dspy, order(), Secretive("question -> answer"))


@pytest.mark.parametrize("kept", ["text", [1], 7])
def test_settings_of_a_hostile_checkpoint_are_others(kept: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="'settings' is another"):
        resumed(Order(settings={"cache": False}), {**spec(), "settings": kept})


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_resumed_seed_is_within_its_limits(seed: int) -> None:
    with pytest.raises(InvalidArgumentError, match="seed"):
        resumed(Order(), {**spec(), "seed": seed})


def test_half_characters_in_rows_and_options_fail_nothing() -> None:
    rows = [{"question": "half \ud800"}]
    found = spec(examples=rows, options={"note": "half \ud800"})

    assert resumed(Order(examples=rows), found).examples == rows
    assert found["options"] == {"note": "half ?"}
