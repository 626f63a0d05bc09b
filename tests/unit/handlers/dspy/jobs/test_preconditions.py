from __future__ import annotations

from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.jobs.optimizer_options import choose
from snakepit_bridge.handlers.dspy.jobs.orders import Order
from snakepit_bridge.handlers.dspy.jobs.preconditions import check_size, require_complete
from snakepit_bridge.handlers.dspy.jobs.recipes import recipe_of


def test_everything_that_is_missing_is_named() -> None:
    with pytest.raises(InvalidArgumentError, match="'ref', 'examples' missing"):
        require_complete(Order(optimizer="COPRO"))


@pytest.mark.parametrize(
    ("name", "options", "rows", "why"),
    [
        ("SIMBA", {}, 31, "at least 32"),
        ("SIMBA", {"bsize": 4}, 3, "at least 4"),
        ("MIPROv2", {}, 1, "at least 2"),
        ("InferRules", {}, 1, "at least 2"),
    ],
)
def test_too_few_examples_are_refused(
    name: str, options: dict[str, Any], rows: int, why: str
) -> None:
    chosen = choose(dspy, recipe_of(name), options)

    with pytest.raises(InvalidArgumentError, match=why):
        check_size(chosen, Order(examples=[{}] * rows))
    check_size(chosen, Order(examples=[{}] * 32, validation=[{}]))


def test_with_validation_one_example_is_enough() -> None:
    check_size(choose(dspy, recipe_of("MIPROv2"), {}), Order(examples=[{}], validation=[{}]))
