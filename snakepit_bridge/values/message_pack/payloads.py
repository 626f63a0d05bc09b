"""From the bytes of extensions to values."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from snakepit_bridge.values.big_integers import MAX_DIGITS_READ, MAX_EXPONENT_READ
from snakepit_bridge.values.message_pack import codes
from snakepit_bridge.values.message_pack.times import (
    date_from,
    datetime_from,
    time_from,
    timedelta_from,
)
from snakepit_bridge.values.refusals import CannotReadError

_MOST_INTEGER = 10**MAX_DIGITS_READ
_MOST_INTEGER_BYTES = _MOST_INTEGER.bit_length() // 8 + 1

_MOST_DECIMAL_BYTES = MAX_DIGITS_READ + 32
"""The digits of an integer, a sign, a point, an exponent."""

_COMPLEX = struct.Struct(">dd")
_UUID_BYTES = 16

# As Decimal writes itself; it would also read other digits, spaces and underscores.
_DECIMAL = re.compile(
    rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,30})?"
    rb"|[+-]?(?:Infinity|s?NaN[0-9]*)",
    re.ASCII,
)


def value_from_bytes(code: int, payload: bytes) -> Any:
    """The value of an extension whose payload is no message.

    Raises:
        CannotReadError: They do not go together, or nobody knows the code.
    """
    make = _FROM_BYTES.get(code)
    if make is None:
        known = [f"{name} ({number})" for number, name in codes.NAMES.items()]
        raise CannotReadError(
            f"is an extension of type {code}, which means nothing here",
            f"Send one of the types that do: {', '.join(known)}.",
        )
    try:
        return make(payload)
    except (ValueError, OverflowError, ArithmeticError) as error:
        raise wrong_payload(code, error) from error


def wrong_payload(code: int, error: Exception) -> CannotReadError:
    """The refusal of a payload that does not go with a code of ``NAMES``."""
    name = codes.NAMES[code]
    return CannotReadError(
        f"is no {name}: {error}",
        f"Look up the extension {code} in the table of extension types.",
    )


def _big_integer(payload: bytes) -> int:
    if not payload:
        raise ValueError("it has no bytes where at least one belongs")
    number = 0
    if len(payload) <= _MOST_INTEGER_BYTES:
        number = int.from_bytes(payload, signed=True)
    if len(payload) > _MOST_INTEGER_BYTES or abs(number) >= _MOST_INTEGER:
        raise CannotReadError(
            f"is an integer of more than {MAX_DIGITS_READ} digits; at most {MAX_DIGITS_READ} are "
            "read",
            "Send it as text.",
        )
    return number


def _complex(payload: bytes) -> complex:
    if len(payload) != _COMPLEX.size:
        raise ValueError(f"it has {len(payload)} bytes where {_COMPLEX.size} belong")
    return complex(*_COMPLEX.unpack(payload))


def _decimal(payload: bytes) -> Decimal:
    if _DECIMAL.fullmatch(payload) is None:
        raise ValueError("its text is no decimal number")
    if len(payload) > _MOST_DECIMAL_BYTES:
        raise ValueError(f"it has {len(payload)} bytes; at most {MAX_DIGITS_READ} digits are read")
    number = Decimal(payload.decode())
    # What is out of range raises, unless the program around has switched that off.
    if number.is_nan() and b"NaN" not in payload:
        raise ValueError("its exponent is out of range")
    if number.is_finite() and abs(number.adjusted()) > MAX_EXPONENT_READ:
        raise ValueError(f"its exponent is beyond {MAX_EXPONENT_READ}")
    return number


def _uuid(payload: bytes) -> UUID:
    if len(payload) != _UUID_BYTES:
        raise ValueError(f"it has {len(payload)} bytes where {_UUID_BYTES} belong")
    return UUID(bytes=payload)


def _ellipsis(payload: bytes) -> Any:
    if payload:
        raise ValueError(f"it has {len(payload)} bytes where none belong")
    return ...


_FROM_BYTES: Mapping[int, Callable[[bytes], Any]] = {
    codes.INTEGER: _big_integer,
    codes.COMPLEX: _complex,
    codes.DECIMAL: _decimal,
    codes.UUID: _uuid,
    codes.DATE: date_from,
    codes.TIME: time_from,
    codes.DATETIME: datetime_from,
    codes.TIMEDELTA: timedelta_from,
    codes.ELLIPSIS: _ellipsis,
}
