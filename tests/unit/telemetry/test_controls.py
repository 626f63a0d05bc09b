from __future__ import annotations

import os
import random
from math import inf, nan

import pytest

from snakepit_bridge.telemetry.controls import Controls, Globs


def never() -> float:
    """A draw of a sampling that must not happen."""
    raise NotImplementedError


def test_everything_passes_at_first() -> None:
    assert Controls().let_pass("any.event", never)


def test_nothing_passes_while_it_is_switched_off() -> None:
    off = Controls().switched(on=False)

    assert not off.let_pass("any.event", never)
    assert off.switched(on=True).let_pass("any.event", never)


# --- sampling -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "drawn", "passes"),
    [
        (0.5, 0.0, True),
        (0.5, 0.49, True),
        (0.5, 0.5, False),
        (0.0, 0.0, False),
        (-3.0, 0.0, False),
        (-inf, 0.0, False),
    ],
)
def test_an_event_passes_if_the_draw_is_below_the_rate(
    rate: float, drawn: float, *, passes: bool
) -> None:
    controls = Controls().sampling(rate)

    assert controls.let_pass("a.b", lambda: drawn) == passes


@pytest.mark.parametrize("rate", [1.0, 7.0, inf])
def test_a_rate_of_one_or_more_is_no_sampling(rate: float) -> None:
    assert Controls().sampling(rate).let_pass("a.b", never)


def test_a_tenth_is_about_a_tenth() -> None:
    controls, draw = Controls().sampling(0.1), random.Random(1).random  # noqa: S311

    passed = sum(controls.let_pass("a.b", draw) for _ in range(10_000))

    assert 900 < passed < 1100


@pytest.mark.defect("D40")
def test_the_rate_is_for_the_events_of_its_patterns_alone() -> None:
    controls = Controls().sampling(0.0, ["python.call.*", "tool.result_?ize"])

    assert not controls.let_pass("python.call.start", lambda: 0.0)
    assert not controls.let_pass("tool.result_size", lambda: 0.0)
    assert controls.let_pass("tool.execution.start", never)


def test_a_rate_replaces_the_one_before_with_its_patterns() -> None:
    controls = Controls().sampling(0.0, ["python.*"]).sampling(0.5)

    assert not controls.let_pass("tool.result_size", lambda: 0.9)
    assert controls.let_pass("python.call.stop", lambda: 0.1)


def test_a_rate_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        Controls().sampling(nan)


# --- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allow", "deny", "name", "passes"),
    [
        ([], [], "python.call.start", True),
        (["python.*"], [], "python.call.start", True),
        (["python.*"], [], "tool.result_size", False),
        (["python.*"], ["*.start"], "python.call.start", False),
        (["python.*"], ["*.start"], "python.call.stop", True),
        ([], ["*"], "python.call.stop", False),
        (["tool.*", "python.call.sto[a-p]"], [], "python.call.stop", True),
        (["python.call"], [], "python.call.stop", False),
        (["call.stop"], [], "python.call.stop", False),
        (["a|b"], [], "a", False),
    ],
)
def test_what_is_denied_is_out_and_what_is_allowed_is_in(
    allow: list[str], deny: list[str], name: str, *, passes: bool
) -> None:
    controls = Controls().filtering(allow=allow, deny=deny)

    assert controls.let_pass(name, never) == passes


def test_a_filter_replaces_the_one_before() -> None:
    controls = Controls().filtering(allow=["a"], deny=["b"]).filtering(allow=[], deny=["c"])

    assert [name for name in "abc" if controls.let_pass(name, never)] == ["a", "b"]


def test_upper_and_lower_case_differ_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of files, which such patterns were made for, are compared as the system does."""
    monkeypatch.setattr(os.path, "normcase", str.lower)

    assert not Globs(["Python.*"]).match("python.call.start")


@pytest.mark.parametrize("pattern", ["[", "[!", "[]", "(", "\\", "a" * 1000 + "*", "*" * 1000, ""])
def test_whatever_is_asked_for_is_a_pattern(pattern: str) -> None:
    assert Globs([pattern, "python.*"]).match("python.call.start")


def test_many_stars_take_no_more_time_than_one() -> None:
    assert not Globs(["*a" * 50 + "b"]).match("a" * 10_000)


def test_without_patterns_there_is_no_match() -> None:
    assert not Globs()
    assert not Globs().match("")
