from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.big_integers import MAX_DIGITS_READ
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.payloads import value_from_bytes
from snakepit_bridge.values.refusals import CannotReadError

LARGEST = 10**MAX_DIGITS_READ - 1
SIZE = LARGEST.bit_length() // 8 + 1


@pytest.mark.parametrize("number", [0, -1, 2**64, LARGEST, -LARGEST], ids="0abcd")
def test_integers_are_read_up_to_the_limit_of_digits(number: int) -> None:
    payload = number.to_bytes(SIZE, "big", signed=True)

    assert value_from_bytes(codes.INTEGER, payload) == number


@pytest.mark.parametrize(
    "text", ["0", "-0.00", "1E+9", ".5", "5.", "+1e-7", "NaN", "-sNaN12", "Infinity", "-Infinity"]
)
def test_decimals_are_read_as_they_were_written(text: str) -> None:
    with localcontext() as context:
        context.prec = 1
        read = value_from_bytes(codes.DECIMAL, text.encode())

    assert read.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    ("code", "payload", "reason"),
    [
        (codes.INTEGER, b"", "is no integer: it has no bytes"),
        (codes.INTEGER, bytes(SIZE + 1), "is an integer of more than 20000 digits; at most"),
        (codes.INTEGER, b"\x7f" * SIZE, "is an integer of more than 20000 digits"),
        (codes.INTEGER, b"\x80" * SIZE, "is an integer of more than 20000 digits"),
        (codes.COMPLEX, bytes(15), "is no complex: it has 15 bytes where 16 belong"),
        (codes.DECIMAL, b"", "is no decimal: its text is no decimal number"),
        (codes.DECIMAL, b"1_0", "is no decimal: its text"),
        (codes.DECIMAL, b" 1", "is no decimal: its text"),
        (codes.DECIMAL, b"\xd9\xa1", "is no decimal: its text"),
        (codes.DECIMAL, b"1e999999999999999999999", "is no decimal: "),
        (codes.DECIMAL, b"\xff", "is no decimal: its text"),
        (codes.UUID, bytes(15), "is no uuid: it has 15 bytes where 16 belong"),
        (codes.DATE, b"", "is no date: it has 0 bytes where 4 belong"),
        (codes.TIME, b"", "is no time: it has 0 bytes where 8 belong"),
        (codes.DATETIME, b"", "is no datetime: it has 0 bytes where 12 belong"),
        (codes.TIMEDELTA, b"", "is no timedelta: it has 0 bytes where 12 belong"),
        (codes.TIMEDELTA, b"\x7f" + bytes(11), "is no timedelta: "),
        (codes.ELLIPSIS, b"a", "is no ellipsis: it has 1 bytes where none belong"),
        (0, b"a", "is an extension of type 0, which means nothing here"),
        (-2, b"", "is an extension of type -2, which"),
        (127, b"", "is an extension of type 127, which"),
    ],
)
def test_wrong_payloads_are_refused(code: int, payload: bytes, reason: str) -> None:
    with pytest.raises(CannotReadError, match=reason) as caught:
        value_from_bytes(code, payload)

    assert caught.value.hint


def test_decimals_out_of_range_are_refused_where_nothing_is_trapped() -> None:
    with localcontext() as context:
        context.clear_traps()

        with pytest.raises(CannotReadError, match="exponent is out of range"):
            value_from_bytes(codes.DECIMAL, b"1e999999999999999999999")


@given(code=st.integers(-128, 127), payload=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(code: int, payload: bytes) -> None:
    if code in codes.MESSAGES:
        return

    read: Any = None
    try:
        read = value_from_bytes(code, payload)
    except CannotReadError as error:
        read = error

    assert read is not None
