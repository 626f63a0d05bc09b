from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.optimizer_options import Chosen, choose
from snakepit_bridge.handlers.dspy.jobs.recipes import OURS, RECIPES, REFUSED, recipe_of


def chosen(name: str, **options: Any) -> Chosen:
    return choose(dspy, recipe_of(name), options)


def test_options_go_where_the_class_takes_them() -> None:
    found = chosen("MIPROv2", auto="medium", minibatch=False, max_labeled_demos=2)

    assert found.kind is dspy.MIPROv2
    assert found.construct == {"auto": "medium", "max_labeled_demos": 2}
    assert found.compile == {"minibatch": False}


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("LabeledFewShot", {"K": 1, "sampel": True}, "'K' is unknown; 'sampel' .*'sample'"),
        ("LabeledFewShot", {"k": "many"}, "'k' is wrong: expected `int`"),
        ("LabeledFewShot", {"k": True}, "expected `int`"),
        ("LabeledFewShot", {"k": 10**9}, "at most 1000000"),
        ("BootstrapFewShot", {"metric": "x"}, "it is 'metric' of the command"),
        ("BootstrapFewShot", {"teacher_settings": {}}, "'teacher_settings' cannot be set"),
        ("BootstrapFewShot", {"metric_threshold": {}}, "expected a number"),
        ("BootstrapFewShot", {"log_dir": "anywhere"}, "'log_dir' is unknown"),
        ("MIPROv2", {"log_dir": "anywhere"}, "writes no files"),
        ("MIPROv2", {"auto": "huge"}, "'auto' is wrong"),
        ("MIPROv2", {"seed": 1, "task_model": "x"}, "'seed' of the command; .*'settings'"),
        ("MIPROv2", {"num_threads": 65}, "expected 1 to 64"),
        ("MIPROv2", {"auto": "light", "num_trials": 3}, "'auto' sets 'num_trials'"),
        ("MIPROv2", {"num_trials": 3}, "needs 'num_candidates' and 'num_trials'"),
        ("MIPROv2", {"auto": None}, "needs 'num_candidates' and 'num_trials'"),
        ("GEPA", {"gepa_kwargs": {}, "use_wandb": True}, "take code; .*reports to others"),
        ("GEPA", {"instruction_proposer": "x"}, "it is code"),
        ("GEPA", {"auto": "light", "max_metric_calls": 3}, "only one of"),
        ("GEPA", {"track_best_outputs": True}, "needs 'track_stats'"),
        ("COPRO", {"eval_kwargs": {"save_as_csv": "x"}}, "they name files"),
        ("SIMBA", {"bsize": "x"}, "'bsize' is wrong"),
    ],
)
def test_wrong_options_are_named_all_at_once(name: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        chosen(name, **options)


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_of_every_optimizer_has_been_thought_of(name: str) -> None:
    """A new version may have one that writes a file, or takes code."""
    with pytest.raises(InvalidArgumentError) as caught:
        chosen(name, no_such_option=1)

    known = {
        *("add_format_failure_as_feedback", "auto", "breadth", "bsize", "component_selector"),
        *("candidate_selection_strategy", "data_aware_proposer", "demo_input_field_maxlen"),
        *("depth", "failure_score", "fewshot_aware_proposer", "init_temperature", "k"),
        *("labeled_sample", "max_bootstrapped_demos", "max_demos", "max_errors"),
        *("max_full_evals", "max_labeled_demos", "max_merge_invocations", "max_metric_calls"),
        *("max_rounds", "max_steps", "metric_threshold", "minibatch", "minibatch_size"),
        *("minibatch_full_eval_steps", "num_candidate_programs", "num_candidates", "num_rules"),
        *("num_threads", "num_trials", "perfect_score", "program_aware_proposer"),
        *("provide_traceback", "reflection_minibatch_size", "restrict", "sample"),
        *("skip_perfect_score", "stop_at_score", "temperature_for_candidates"),
        *("temperature_for_sampling", "tip_aware_proposer", "track_best_outputs"),
        *("track_stats", "use_merge", "verbose", "view_data_batch_size"),
        "warn_on_score_mismatch",
    }
    taken = caught.value.hint.removeprefix("It takes: ").removesuffix(".").split(", ")
    assert set(taken) <= known
    assert not known & {*OURS, *REFUSED}


def test_numbers_take_the_place_of_what_decides_itself() -> None:
    found = chosen("MIPROv2", num_candidates=2, num_trials=3)

    assert found.construct == {"auto": None, "num_candidates": 2}
    assert found.compile == {"num_trials": 3}


def test_something_always_says_how_long_it_may_go_on() -> None:
    assert chosen("GEPA").construct == {"auto": "light"}
    assert chosen("GEPA", max_metric_calls=9).construct == {"max_metric_calls": 9}


def test_options_may_be_lists_and_nothing() -> None:
    found = chosen("BootstrapRS", restrict=[-3, 0], stop_at_score=90.5, num_threads=None)

    assert found.compile == {"restrict": [-3, 0]}
    assert found.construct == {"stop_at_score": 90.5, "num_threads": None}


def test_rules_take_what_their_base_takes() -> None:
    assert chosen("InferRules", num_rules=3, max_rounds=2).construct == {
        "num_rules": 3,
        "max_rounds": 2,
    }
