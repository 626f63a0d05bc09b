"""Values as JSON text: the fast way for plain data, the exact way for everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, isnan
from typing import Any

import msgspec

from snakepit_bridge.values.beside import NOTHING, Beside, giving_up
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.blobs import binary_form, reference_to
from snakepit_bridge.values.json.integers import integer_form
from snakepit_bridge.values.json.natural_forms import simpler_form
from snakepit_bridge.values.json.plainness import (
    CONSTANT_KINDS,
    PLAIN_KINDS,
    has_text_keys,
    is_plain,
    is_row_of_constants,
)
from snakepit_bridge.values.nesting import Nesting
from snakepit_bridge.values.refusals import (
    MAX_DEPTH,
    CannotWriteError,
    has_lone_surrogate,
    lone_surrogate,
)

_encode = msgspec.json.Encoder().encode


class JsonWriter:
    """Writes any value as JSON, or says why it cannot.

    Args:
        fallback: Decides what stands for objects JSON does not know.
    """

    def __init__(self, fallback: Fallback) -> None:
        self._fallback = fallback

    def write(self, value: object, beside: Beside = NOTHING) -> bytes:
        """Write one value as UTF-8 text without spaces.

        Args:
            value: Anything.
            beside: Keeps what would get a marker, which then has its ref; takes arrays, tables
                and bytes where they are wanted as binary data.

        Raises:
            CannotWriteError: It contains itself, is nested too deeply, has a lone surrogate in
                a text, or an object has keys that JSON cannot tell apart.
            SessionError: An object in it should be kept, and cannot be.
        """
        try:
            if is_plain(value):
                return _encode(value)
            if beside is NOTHING:
                return _encode(self._simplified(value, PLAIN_KINDS))
        except ValueError:  # a lone surrogate, or an integer of thousands of digits
            return _encode(self._simplified(value, CONSTANT_KINDS))
        with giving_up(beside):
            # In one pass: a second one would keep everything twice.
            simplification = _Simplification(
                self._fallback.keeping(beside), CONSTANT_KINDS, beside=beside
            )
            return _encode(simplification.simplify(value))

    def simplified(self, value: object) -> Any:
        """The value in plain data, for another writer: what ``write`` would write.

        Returns:
            Exact ``dict`` with text keys, ``list``, ``str``, ``int``, finite ``float``, ``bool`` or
            ``None``, and the same inside. Texts and integers are not looked at.

        Raises:
            CannotWriteError: As ``write`` does.
        """
        return self._simplified(value, PLAIN_KINDS)

    def key_texts(self, members: Mapping[Any, object]) -> list[str]:
        """The keys of an object as JSON writes them, e.g. ``"1"`` for 1, in order.

        Raises:
            CannotWriteError: A key has no text, or two have the same.
        """
        return _Simplification(self._fallback, CONSTANT_KINDS).key_texts(members)

    def _simplified(self, value: object, trusted: frozenset[type]) -> Any:
        return _Simplification(self._fallback, trusted).simplify(value)


class _Simplification(Nesting):
    """One pass over one value, down to what the encoder writes without changing anything.

    That is exact ``dict``, ``list``, ``str``, ``int``, finite ``float``, ``bool``, ``None``,
    and ``msgspec.Raw`` for long integers.

    Args:
        fallback: Decides what stands for objects JSON does not know.
        trusted: Kinds whose values are taken without a look. With text and integers among them
            a pass takes half the time, but the encoder may raise ``ValueError`` afterwards.
        beside: Takes binary data where they are wanted.
    """

    def __init__(
        self, fallback: Fallback, trusted: frozenset[type], *, beside: Beside = NOTHING
    ) -> None:
        super().__init__()
        self._fallback = fallback
        self._trusted = trusted
        self._beside = beside

    def simplify(self, value: Any) -> Any:
        kind = type(value)
        if kind in self._trusted:
            return value
        write = _WRITERS.get(kind)
        return self._converted(value) if write is None else write(self, value)

    def key_texts(self, members: Mapping[Any, object]) -> list[str]:
        if str in self._trusted and has_text_keys(members):
            return list(members)
        texts = [self._key_text(key) for key in members]
        if len(set(texts)) < len(texts):
            (doubled, _), *_ = Counter(texts).most_common(1)
            raise CannotWriteError(
                "is what several keys are written as", "Make all keys text.", [doubled]
            )
        return texts

    def _key_text(self, key: Any) -> str:
        if isinstance(key, str) and has_lone_surrogate(key):
            raise CannotWriteError(*lone_surrogate(), [key])
        plain = self.simplify(key)
        if type(plain) is str:
            return plain
        if type(plain) is float:
            return repr(plain)
        if type(plain) in {dict, list}:
            raise CannotWriteError(
                f"has a key of type {type(key).__name__!r}",
                "Use text, numbers, booleans or None as keys.",
            )
        return _encode(plain).decode()

    def array(self, members: Sequence[Any]) -> list[Any]:
        self._enter(members)
        plain: list[Any] = []
        if is_row_of_constants(members):
            plain = list(members)
        else:
            for index, member in enumerate(members):
                try:
                    plain.append(self.simplify(member))
                except CannotWriteError as error:
                    error.inside(index)
                    raise
        self._leave(members)
        return plain

    def object(self, members: Mapping[Any, Any]) -> dict[str, Any]:
        self._enter(members)
        plain: dict[str, Any] = {}
        for name, member in zip(self.key_texts(members), members.values(), strict=True):
            try:
                plain[name] = self.simplify(member)
            except CannotWriteError as error:
                error.inside(name)
                raise
        self._leave(members)
        return plain

    def _converted(self, value: Any) -> Any:
        # One more than for containers: an object may stand at the deepest level. It counts as a
        # level for what it turns into, which also ends objects that turn into ever new objects.
        self._enter(value, MAX_DEPTH + 1)
        plain = self.simplify(self._reference(value) or simpler_form(value, self._fallback))
        self._leave(value)
        return plain

    def _reference(self, value: Any) -> dict[str, Any] | None:
        if not self._beside.wants_binary:
            return None
        blob = binary_form(value)
        index = None if blob is None else self._beside.put(blob)
        return None if index is None else reference_to(index)


def _float(_: _Simplification, number: float) -> float | str:
    if isfinite(number):
        return number
    if isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


_WRITERS: Mapping[type, Callable[[_Simplification, Any], Any]] = {
    str: Nesting.text,
    int: integer_form,
    float: _float,
    dict: _Simplification.object,
    list: _Simplification.array,
    tuple: _Simplification.array,
}
