from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.big_integers import digits_of, integer_from

BOUNDS = [0, 1, 2**64, 2**2000 - 1, 2**2000, 10**600, 10**601 - 1, 10**4299, 10**4300, 10**20_000]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{bound.bit_length()} bits")
def test_an_integer_becomes_its_digits_and_comes_back(bound: int) -> None:
    assert integer_from(digits_of(bound)) == bound
    assert integer_from(digits_of(-bound)) == -bound


@pytest.mark.parametrize("count", [600, 601, 4_300, 4_301, 20_000])
def test_the_digits_are_the_decimal_ones(count: int) -> None:
    nines = "9" * count

    assert digits_of(10**count - 1) == nines
    assert digits_of(1 - 10**count) == f"-{nines}"
    assert integer_from(nines) == 10**count - 1


@given(number=st.integers(), exponent=st.integers(min_value=0, max_value=6_000))
def test_inner_zeros_are_kept(number: int, exponent: int) -> None:
    scaled = number * 10**exponent

    assert digits_of(scaled) == (f"{number}{'0' * exponent}" if number else "0")


def test_a_million_digits_are_written_in_full() -> None:
    assert digits_of(10**1_000_000) == "1" + "0" * 1_000_000


def test_the_limit_of_the_interpreter_is_left_alone() -> None:
    before = sys.get_int_max_str_digits()

    digits_of(10**10_000)

    assert sys.get_int_max_str_digits() == before
