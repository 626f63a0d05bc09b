from __future__ import annotations

import math
from array import array

import pytest

from snakepit_bridge.adapters.threaded_showcase_work import computed, multiplied, stressed
from tests.unit.adapters.showcase.request import abandoned_command


def test_numbers_are_stirred() -> None:
    assert computed(array("d", [1.0]), 2) == math.sin(1.0 + math.sin(1.0))


def test_what_nobody_waits_for_is_stirred_once() -> None:
    with abandoned_command():
        assert computed(array("d", [1.0]), 10**12) == math.sin(1.0)


def test_nothing_stirred_is_nothing() -> None:
    assert computed(array("d"), 5) == 0.0


@pytest.mark.defect("D26")
def test_a_vector_is_multiplied_with_weights_that_stay_the_same() -> None:
    first = [1.0] + [0.0] * 99

    output = multiplied(first)

    assert len(output) == 50
    assert output == multiplied(first)
    assert multiplied([2 * number for number in first]) == [2 * number for number in output]


def test_a_vector_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 numbers instead of 100"):
        multiplied([1, 2, 3])


def test_stress_goes_on_as_long_as_it_is_told_to() -> None:
    iterations, passed_ms = stressed(1, 10)

    assert iterations >= 1
    assert passed_ms >= 1


def test_stress_that_nobody_waits_for_ends() -> None:
    with abandoned_command():
        assert stressed(3_600_000, 10)[0] == 1
