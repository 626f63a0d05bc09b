from __future__ import annotations

import pytest

from snakepit_bridge.errors import InstanceNotFoundError, InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.problems import MOST_NAMED, Problems


def test_nothing_wrong_raises_nothing() -> None:
    Problems("program").raise_if_any()


def test_the_first_problem_of_a_place_counts() -> None:
    problems = Problems("program")
    problems.add("a", "is missing")
    problems.add("a", "is late")
    problems.add_error("a", NotAllowedError("no"))

    with pytest.raises(InvalidArgumentError, match=r"^The program is wrong: 'a' is missing\.$"):
        problems.raise_if_any()


def test_an_error_that_is_alone_keeps_its_kind() -> None:
    problems = Problems("program")
    problems.add_error("a", InstanceNotFoundError("gone"))

    with pytest.raises(InstanceNotFoundError):
        problems.raise_if_any()


def test_errors_among_others_are_quoted() -> None:
    problems = Problems("program")
    problems.add_error("a", InstanceNotFoundError("gone", {"hint": "Look."}))
    problems.add("b", "is missing")

    with pytest.raises(InvalidArgumentError, match=r"'a' \(gone Look\.\); 'b' is missing"):
        problems.raise_if_any()


def test_a_message_names_so_many_and_no_more() -> None:
    problems = Problems("program")
    for number in range(MOST_NAMED + 3):
        problems.add(str(number), "x" * 10_000)

    with pytest.raises(InvalidArgumentError, match="; and 3 more") as caught:
        problems.raise_if_any()
    assert len(caught.value.message) < 20_000
