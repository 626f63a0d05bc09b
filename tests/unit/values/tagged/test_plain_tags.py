from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.tagged.plain_tags import (
    bytes_tag,
    complex_tag,
    decimal_tag,
    ellipsis_tag,
    float_form,
    read_atom,
    read_bytes,
    read_complex,
    read_decimal,
    read_ellipsis,
    read_special_float,
    read_uuid,
    uuid_tag,
)
from snakepit_bridge.values.tagged.tags import TagError
from tests.unit.values.strategies import DECIMALS, same


def test_finite_floats_are_plain_and_the_others_come_back() -> None:
    assert float_form(-0.0) == 0.0
    for special in (math.inf, -math.inf, math.nan):
        form = float_form(special)
        assert isinstance(form, dict)
        assert same(read_special_float(form), special)


@given(value=DECIMALS)
def test_decimals_come_back_digit_by_digit(value: Decimal) -> None:
    assert same(read_decimal(decimal_tag(value)), value)


def test_the_context_for_decimals_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 2
        context.traps[InvalidOperation] = False

        assert read_decimal({"value": "1.2345"}) == Decimal("1.2345")
        with pytest.raises(TagError):
            read_decimal({"value": "soon"})


@given(data=st.binary(), number=st.uuids())
def test_bytes_and_ids_come_back(data: bytes, number: UUID) -> None:
    assert read_bytes(bytes_tag(data)) == data
    assert same(read_uuid(uuid_tag(number)), number)


def test_what_others_write_is_read() -> None:
    assert read_bytes({"data": ""}) == b""
    assert read_bytes({"value": "aGk="}) == b"hi"
    assert same(read_complex({"real": 1, "imag": -0.0}), complex(1.0, -0.0))
    assert read_atom({"value": "ok"}) == "ok"
    assert read_ellipsis(ellipsis_tag(...)) is ...
    assert same(read_complex({**complex_tag(1j), "real": math.inf}), complex(math.inf, 1))


@pytest.mark.parametrize(
    ("read", "members", "message"),
    [
        (read_special_float, {"value": "big"}, "whose \"value\" is 'big'"),
        (read_complex, {"real": 1.0}, 'without "imag"'),
        (read_complex, {"real": True, "imag": 0}, 'whose "real" is True, not a number'),
        (
            read_complex,
            {"real": 1, "imag": 10**400},
            'whose "imag" is beyond the range of 64-bit floats',
        ),
        (read_decimal, {"value": 1.5}, 'whose "value" is 1.5, not text'),
        (read_decimal, {"value": "one"}, "whose \"value\" 'one' is no decimal number"),
        (
            read_decimal,
            {"value": "1E+1000000"},
            "whose \"value\" '1E+1000000' has an exponent beyond 999999",
        ),
        (
            read_decimal,
            {"value": "1E-99999999"},
            "whose \"value\" '1E-99999999' has an exponent beyond 999999",
        ),
        (
            read_decimal,
            {"value": "1E+99999999999999999999"},
            "whose \"value\" '1E+99999999999999999999' is no decimal number",
        ),
        (
            read_decimal,
            {"value": "1" * 20_100},
            'whose "value" has 20100 characters; at most 20000 digits are read',
        ),
        (read_uuid, {"value": "1"}, "whose \"value\" '1' is no UUID"),
        (read_uuid, {"value": None}, 'whose "value" is None, not text'),
        (read_bytes, {"data": "aGk"}, 'whose "data" is no base64 (Incorrect padding)'),
        (read_bytes, {"data": "grün"}, 'whose "data" is no base64 (not ASCII)'),
        (read_bytes, {"data": "aG k="}, 'whose "data" is no base64 (Only base64 data is allowed)'),
        (read_bytes, {}, 'without "data"'),
        (read_atom, {"value": 1}, 'whose "value" is 1, not text'),
    ],
    ids=lambda given: str(given)[:20] if isinstance(given, str) else "",
)
def test_malformed_tags_are_refused(
    read: Callable[[dict[str, Any]], object], members: dict[str, Any], message: str
) -> None:
    with pytest.raises(TagError) as caught:
        read(members)

    assert str(caught.value) == message
