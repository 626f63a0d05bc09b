"""Tags of values that hold no other value."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from math import inf, isfinite, isnan, nan
from types import EllipsisType
from typing import Any
from uuid import UUID

from snakepit_bridge.values.big_integers import MAX_DIGITS_READ, MAX_EXPONENT_READ
from snakepit_bridge.values.tagged.tags import Members, TagError, field, shown, tag, text_field

_SPECIAL_FLOATS: Mapping[str, float] = {"infinity": inf, "neg_infinity": -inf, "nan": nan}

_EXACT = Context(traps=[InvalidOperation])

_MAX_DECIMAL = MAX_DIGITS_READ + 32
"""Characters: the digits of an integer, a sign, a point, an exponent."""


def float_form(value: float) -> float | dict[str, Any]:
    """A finite float is plain; the others are a ``special_float``."""
    if isfinite(value):
        return value
    return tag("special_float", value="nan" if isnan(value) else _sign(value))


def read_special_float(members: Members) -> float:
    """Read a ``special_float``; raises ``TagError``."""
    name = text_field(members, "value")
    if name in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[name]
    raise TagError(f'whose "value" is {shown(name)}')


def complex_tag(value: complex) -> dict[str, Any]:
    """``complex`` with both parts, each a float as any other."""
    return tag("complex", real=float_form(value.real), imag=float_form(value.imag))


def read_complex(members: Members) -> complex:
    """Read a ``complex``; its parts may be integers. Raises ``TagError``."""
    return complex(_part(members, "real"), _part(members, "imag"))


def decimal_tag(value: Decimal) -> dict[str, Any]:
    """``decimal`` with its digits as text: 1.0 and 1.00 differ."""
    return tag("decimal", value=str(value))


def read_decimal(members: Members) -> Decimal:
    """Read a ``decimal``; raises ``TagError``."""
    text = text_field(members, "value")
    if len(text) > _MAX_DECIMAL:
        raise TagError(
            f'whose "value" has {len(text)} characters; at most {MAX_DIGITS_READ} digits are read'
        )
    try:
        # Constructing never rounds, whatever the context says.
        value = Decimal(text, _EXACT)
    except InvalidOperation as error:
        raise TagError(f'whose "value" {shown(text)} is no decimal number') from error
    if value.is_finite() and abs(value.adjusted()) > MAX_EXPONENT_READ:
        raise TagError(f'whose "value" {shown(text)} has an exponent beyond {MAX_EXPONENT_READ}')
    return value


def uuid_tag(value: UUID) -> dict[str, Any]:
    """``uuid`` with its usual text."""
    return tag("uuid", value=str(value))


def read_uuid(members: Members) -> UUID:
    """Read a ``uuid``; raises ``TagError``."""
    text = text_field(members, "value")
    try:
        return UUID(text)
    except ValueError as error:
        raise TagError(f'whose "value" {shown(text)} is no UUID') from error


def bytes_tag(data: bytes | bytearray | memoryview) -> dict[str, Any]:
    """``bytes`` in base64."""
    return tag("bytes", data=b64encode(data).decode())


def read_bytes(members: Members) -> bytes:
    """Read ``bytes``; raises ``TagError``."""
    return base64_field(members, "data", "value")


def base64_field(members: Members, *names: str) -> bytes:
    """The bytes of the first field there is.

    Raises:
        TagError: There is none, or it is no base64.
    """
    text = text_field(members, *names)
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise TagError(f'whose "{names[0]}" is no base64 ({error})') from error
    except ValueError as error:
        raise TagError(f'whose "{names[0]}" is no base64 (not ASCII)') from error


def ellipsis_tag(value: EllipsisType) -> dict[str, Any]:
    """``ellipsis``, without fields."""
    del value
    return tag("ellipsis")


def read_ellipsis(members: Members) -> EllipsisType:
    """Read an ``ellipsis``."""
    del members
    return ...


def read_atom(members: Members) -> str:
    """Read an ``atom``, which is text to Python; raises ``TagError``."""
    return text_field(members, "value")


def _sign(value: float) -> str:
    return "infinity" if value > 0 else "neg_infinity"


def _part(members: Members, name: str) -> float:
    value = field(members, name)
    if type(value) is float:
        return value
    if type(value) is not int:
        raise TagError(f'whose "{name}" is {shown(value)}, not a number')
    try:
        return float(value)
    except OverflowError as error:
        raise TagError(f'whose "{name}" is beyond the range of 64-bit floats') from error
