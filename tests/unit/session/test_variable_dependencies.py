from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError
from snakepit_bridge.session.variable_dependencies import Dependencies


def test_a_variable_knows_who_follows_it_and_how() -> None:
    dependencies = Dependencies()
    dependencies.add("prompt", "model", "data")
    dependencies.add("budget", "model", "cost")
    dependencies.add("prompt", "style", "data")

    assert dependencies.followers_of("model") == {"budget": "cost", "prompt": "data"}
    assert dependencies.followers_of("prompt") == {}


def test_a_dependency_that_is_added_again_only_changes_its_kind() -> None:
    dependencies = Dependencies(limit=1)
    dependencies.add("a", "b", "data")
    dependencies.add("a", "b", "cost")

    assert dependencies.followers_of("b") == {"a": "cost"}


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ("aa", "'a' would depend on itself."),
        ("aba", "'b' would depend on itself through 'a'."),
        ("abca", "'c' would depend on itself through 'a', 'b'."),
    ],
)
def test_no_variable_depends_on_itself(chain: str, message: str) -> None:
    dependencies = Dependencies()
    *fine, wrong = pairwise(chain)
    for dependent, needed in fine:
        dependencies.add(dependent, needed, "")

    with pytest.raises(InvalidArgumentError) as caught:
        dependencies.add(*wrong, "")

    assert message in caught.value.message
    assert dependencies.followers_of(wrong[1]).keys() == {d for d, n in fine if n == wrong[1]}


def test_a_long_circle_is_shown_in_part() -> None:
    dependencies = Dependencies()
    for number in range(500):
        dependencies.add(f"v{number}", f"v{number + 1}", "")

    with pytest.raises(InvalidArgumentError, match="…") as caught:
        dependencies.add("v500", "v0", "")

    assert len(caught.value.message) < 200


def test_there_are_only_so_many_dependencies() -> None:
    dependencies = Dependencies(limit=2)
    dependencies.add("a", "b", "")
    dependencies.add("a", "c", "")
    with pytest.raises(QuotaExceededError, match="has 2 dependencies"):
        dependencies.add("b", "c", "")

    dependencies.forget("b")
    dependencies.add("d", "c", "")

    assert dependencies.followers_of("c").keys() == {"a", "d"}


def test_a_forgotten_variable_neither_follows_nor_is_followed() -> None:
    dependencies = Dependencies(limit=2)
    dependencies.add("a", "b", "")
    dependencies.add("b", "c", "")

    dependencies.forget("b")
    dependencies.forget("unknown")

    assert dependencies.followers_of("c") == dependencies.followers_of("b") == {}
    dependencies.add("c", "a", "")
    dependencies.add("b", "a", "")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"))))
def test_dependencies_can_always_be_put_in_an_order(edges: list[tuple[str, str]]) -> None:
    dependencies, accepted = Dependencies(), set[tuple[str, str]]()
    for dependent, needed in edges:
        try:
            dependencies.add(dependent, needed, "")
        except InvalidArgumentError:
            continue
        accepted.add((dependent, needed))

    while accepted:
        free = {needed for _, needed in accepted} - {dependent for dependent, _ in accepted}
        assert free, "there is a circle"
        accepted = {edge for edge in accepted if edge[1] not in free}
