from __future__ import annotations

from typing import Any

import dspy

from snakepit_bridge.handlers.dspy.jobs.examples import examples_from
from snakepit_bridge.handlers.dspy.jobs.optimization import Ingredients, fresh_copy, optimize
from snakepit_bridge.handlers.dspy.jobs.optimizer_options import choose
from snakepit_bridge.handlers.dspy.jobs.recipes import recipe_of

ROWS = examples_from(
    dspy, [{"question": str(number), "answer": "x"} for number in range(9)], ["question"]
)


class Recorded:
    """What an optimizer was given, in the place of one of DSPy's."""

    def __init__(self, **construct: Any) -> None:
        self.construct = construct

    def compile(self, student: Any, **compiles: Any) -> Any:
        student.given = {**self.construct, **compiles}
        student.candidate_programs = [1, 2, 3]
        return student


def given(name: str, **ingredients: Any) -> Any:
    chosen = choose(dspy, recipe_of(name), {})
    chosen = type(chosen)(chosen.recipe, Recorded)
    program = dspy.Predict("question -> answer")
    return optimize(chosen, Ingredients(program=program, examples=ROWS, **ingredients)).program


def test_each_gets_what_it_takes_under_its_own_names() -> None:
    mipro = given("MIPROv2", metric=len, prompt_lm="lm", seed=3, validation=ROWS[:1])
    gepa = given("GEPA", metric=len, reflection_lm="lm", seed=4)
    simba = given("SIMBA", metric=len, seed=5)
    bootstrap = given("BootstrapFewShot", seed=6, teacher=dspy.Predict("question -> answer"))

    assert mipro.given["prompt_model"] == "lm"
    assert (mipro.given["seed"], len(mipro.given["valset"])) == (3, 1)
    assert (gepa.given["reflection_lm"], gepa.given["seed"]) == ("lm", 4)
    assert simba.given["seed"] == 5
    assert "seed" not in bootstrap.given
    assert isinstance(bootstrap.given["teacher"], dspy.Predict)
    assert bootstrap.given["trainset"] == ROWS


def test_the_other_programs_are_left_behind() -> None:
    assert not hasattr(given("COPRO", metric=len), "candidate_programs")


def test_a_copy_shares_no_signature_with_its_original() -> None:
    original = dspy.ChainOfThought("question -> answer")
    copy = fresh_copy(original)
    copy.predict.signature.instructions = "Changed."

    assert original.predict.signature.instructions != "Changed."
    assert copy.predict.signature.input_fields.keys() == {"question"}


def test_what_was_compiled_before_counts_as_new() -> None:
    original = dspy.LabeledFewShot(k=1).compile(dspy.Predict("question -> answer"), trainset=ROWS)
    original._compiled = True  # noqa: SLF001  (as optimizers do)

    assert fresh_copy(original)._compiled is False  # noqa: SLF001
    assert original._compiled is True  # noqa: SLF001
