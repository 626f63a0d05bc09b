from __future__ import annotations

import importlib

import pytest

from snakepit_bridge.handlers.dspy import rules


@pytest.mark.parametrize("area", [*rules.OPEN, *rules.OPEN_FUNCTIONS, *rules.RUNS_CODE])
def test_every_area_is_a_module_of_the_library(area: str) -> None:
    """A misspelt area of code execution would protect nothing."""
    assert importlib.import_module(area).__name__ == area


@pytest.mark.parametrize("rule", [*rules.METHODS, *rules.ARGUMENTS])
def test_every_rule_says_what_to_do_instead(rule: rules.Rule) -> None:
    assert importlib.import_module(rule.area).__name__ == rule.area
    assert rule.names
    assert rule.hint.endswith(".")


def test_what_runs_code_and_goes_away_is_known_to_run_code() -> None:
    assert set(rules.GOING) <= set(rules.RUNS_CODE)
