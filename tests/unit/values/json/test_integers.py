from __future__ import annotations

import msgspec
import pytest

from snakepit_bridge.values.json.integers import integer_form


def _bits(number: int) -> str:
    return f"{number.bit_length()} bits"


@pytest.mark.parametrize("number", [0, -1, 2**64, 2**2000 - 1, -(2**2000) + 1], ids=_bits)
def test_the_encoder_gets_what_it_surely_writes(number: int) -> None:
    assert integer_form(None, number) is number


@pytest.mark.parametrize("number", [2**2000, -(2**2000), 10**5000], ids=_bits)
def test_of_longer_ones_it_gets_the_digits(number: int) -> None:
    form = integer_form(None, number)

    assert isinstance(form, msgspec.Raw)
    assert len(bytes(form)) > 600
    assert msgspec.json.encode([form]).startswith(b"[-" if number < 0 else b"[")
