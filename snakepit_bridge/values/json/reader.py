"""JSON text as values: every number exact, every refusal with its place."""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder
from math import isinf
from typing import Any, NoReturn

import msgspec

from snakepit_bridge.values.big_integers import MAX_DIGITS_READ, integer_from
from snakepit_bridge.values.places import Place, places_in
from snakepit_bridge.values.refusals import (
    MAX_DEPTH,
    CannotReadError,
    NotThisEncodingError,
    has_lone_surrogate,
    lone_surrogate,
    too_deep,
)

_decode = msgspec.json.Decoder().decode


def read_json(data: bytes, *, special_floats: bool) -> Any:
    """Read one value from UTF-8 JSON text; of several equal keys of an object the last one wins.

    Args:
        data: The text.
        special_floats: Whether ``NaN``, ``Infinity`` and ``-Infinity`` are read as floats: they
            are not JSON, but many programs write them.

    Raises:
        NotThisEncodingError: The text is not JSON.
        CannotReadError: It is, but it holds what no value can: a number out of range, an
            integer of too many digits, a lone surrogate, too many levels.
    """
    try:
        value = _decode(data)
    except RecursionError as error:
        raise CannotReadError(*too_deep()) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Not necessarily wrong: the fast decoder also gives up on what it cannot hold.
        return _read_exactly(data, _LENIENT if special_floats else _STRICT)
    return value


def _read_exactly(data: bytes, decoder: JSONDecoder) -> Any:
    try:
        value = decoder.decode(data.decode())
    except UnicodeDecodeError as error:
        raise _not_json(f"not UTF-8 at byte {error.start}") from error
    except JSONDecodeError as error:
        byte = len(error.doc[: error.pos].encode())
        raise _not_json(f"{error.msg.removesuffix(' at')} at byte {byte}") from error
    except RecursionError as error:
        raise CannotReadError(*too_deep()) from error
    _refuse_misfits(value)
    return value


def _not_json(reason: str) -> NotThisEncodingError:
    return NotThisEncodingError(
        reason,
        'Send JSON, e.g. "text" with quotes, or use the empty encoding for bare text.',
    )


class _Misfit:
    """Stands in for a number that cannot be held, until its place is known."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _integer(digits: str) -> int | _Misfit:
    count = len(digits.removeprefix("-"))
    if count > MAX_DIGITS_READ:
        return _Misfit(f"is an integer of {count} digits; at most {MAX_DIGITS_READ} are read")
    return integer_from(digits)


def _float(text: str) -> float | _Misfit:
    number = float(text)
    return _Misfit("is a number beyond the range of 64-bit floats") if isinf(number) else number


def _refuse_special_float(name: str) -> NoReturn:
    raise _not_json(f"{name} is not JSON")


_LENIENT = JSONDecoder(parse_int=_integer, parse_float=_float)
_STRICT = JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_refuse_special_float)


def _refuse_misfits(value: object) -> None:
    for place in places_in(value):
        _refuse_misfit(place)


def _refuse_misfit(place: Place) -> None:
    value = place.value
    if type(value) is _Misfit:
        raise CannotReadError(value.reason, "Send it as text.", place.steps())
    if type(value) in {dict, list} and place.levels >= MAX_DEPTH:
        raise CannotReadError(*too_deep(), place.steps())
    for text in (value, place.step):
        if type(text) is str and has_lone_surrogate(text):
            raise CannotReadError(*lone_surrogate(), place.steps())
