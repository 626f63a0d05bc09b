"""Integers of any size as decimal digits, without CPython's limit on such conversions."""

from __future__ import annotations

from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, localcontext

MAX_DIGITS_READ = 20_000
"""Digits of one integer that is read.

Reading takes time out of proportion: about 1 ms for 20,000 digits, 0.6 s for a million. With
this limit even a message of 100 MiB full of such integers is read in seconds, not minutes. An
RSA key of 16,384 bits has 4,933 digits.
"""

MAX_EXPONENT_READ = 999_999
"""Of a decimal, as Python's own context has it: what ordinary arithmetic makes lies within. An
integer of that many digits takes a moment, one of 10**18 digits all memory."""

_FEW_BITS = 2_000
"""``str`` and ``Decimal`` are fast below; CPython's own limit cannot be set under 640 digits,
which are 2,126 bits."""

_FEW_DIGITS = 600
"""The same bound for ``int``."""


def digits_of(number: int) -> str:
    """Write an integer; a million digits take well under a second."""
    bits = number.bit_length()
    if bits <= _FEW_BITS:
        return str(number)
    exact = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])
    with localcontext(exact):
        text = str(_decimal(abs(number), bits))
    return f"-{text}" if number < 0 else text


def _decimal(number: int, bits: int) -> Decimal:
    # Halving moves the work into decimal's multiplication, which is faster than quadratic.
    if bits <= _FEW_BITS:
        return Decimal(number)
    low_bits = bits // 2
    high = number >> low_bits
    low = number - (high << low_bits)
    return _decimal(high, bits - low_bits) * Decimal(2) ** low_bits + _decimal(low, low_bits)


def integer_from(digits: str) -> int:
    """Read an integer from ASCII digits with an optional minus; the caller bounds their number."""
    if digits.startswith("-"):
        return -integer_from(digits[1:])
    if len(digits) <= _FEW_DIGITS:
        return int(digits)
    low_digits = len(digits) // 2
    high, low = integer_from(digits[:-low_digits]), integer_from(digits[-low_digits:])
    weight: int = 10**low_digits
    return high * weight + low
