"""What becomes of binary data: tensors and Arrow streams that are not what they say."""

from __future__ import annotations

from itertools import pairwise

from fuzz.judging import ensure
from fuzz.sameness import is_comparable, same_values
from snakepit_bridge.values.binary.forms import blob_of, value_of
from snakepit_bridge.values.blob import ARROW, BYTES, TENSOR, Blob
from snakepit_bridge.values.refusals import CannotReadError

_KINDS = (BYTES, TENSOR, ARROW, "new")

_LONGEST_REASON = 600


def check(data: bytes) -> None:
    """Make of a blob what it stands for, and a blob of that.

    Args:
        data: A line ``kind dtype axis axis ...``, its kind in one character; then the data.
    """
    head, _, content = data.partition(b"\n")
    kind, *words = head.decode(errors="replace").split(" ")
    blob = Blob(
        kind=_KINDS[ord(kind[:1] or "0") % len(_KINDS)],
        dtype=words[0] if words else "",
        shape=tuple(map(_axis, words[1:])),
        data=content,
    )
    try:
        value = value_of(blob)
    except CannotReadError as error:
        ensure(error.reason and error.hint, "nothing told")
        ensure(len(str(error)) <= _LONGEST_REASON, f"a reason of {len(str(error))} characters")
        return
    if blob.kind == TENSOR and value is not blob:
        _check_return(value)


def _axis(word: str) -> int:
    digits = word.removeprefix("-")[:30]
    if not (digits.isascii() and digits.isdigit()):
        return 2
    return -int(digits) if word.startswith("-") else int(digits)


def _check_return(value: object) -> None:
    again = blob_of(value)
    assert again is not None
    values = [value, value_of(again)]
    ensure(all(map(is_comparable, values)), "an array has become something else")
    for left, right in pairwise(values):
        ensure(same_values(left, right), "an array has changed on the way")
