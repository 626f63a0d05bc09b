"""What stands for an object that JSON does not know."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

import msgspec

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.binary.obstacles import obstacle_of
from snakepit_bridge.values.detail import Detail, detail_of, type_name_of
from snakepit_bridge.values.refusals import CannotWriteError

UNSERIALIZABLE_KEY = "__ffi_unserializable__"
TYPE_KEY = "__type__"
REPR_KEY = "__repr__"
REF_KEY = "__ref__"

_CONVERTERS = ("model_dump", "to_dict", "_asdict", "tolist", "isoformat")

_NOTHING, _TOO_MANY = object(), object()
"""Instead of a simpler form: there is none, or one that is too large."""

_MOST_REPR = 2000
"""Characters of a ``repr`` in a marker, whatever is asked for: a result may hold many markers."""


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """Asks an object for a simpler form of itself, else puts a marker in its place.

    The first of the methods ``model_dump``, ``to_dict``, ``_asdict``, ``tolist`` and
    ``isoformat`` that returns something simpler wins; one that raises is passed over. Only
    methods of the class count: a mock or a proxy that answers to every name is not taken at its
    word.
    """

    max_tolist_elements: int = 1_000_000
    """Numbers of an array that travel as text; larger ones become the marker."""

    detail: Detail = Detail.NONE
    """How much the marker tells."""

    repr_max_length: int = 500
    """Characters of a ``repr`` in a marker."""

    on_marker: Callable[[str], None] | None = None
    """Told the type of every object that gets the marker, e.g. ``"builtins.set"``; it must not
    raise."""

    def convert(self, value: object) -> Any:
        """Find a simpler form, which may itself need another step.

        Returns:
            What a method of ``value`` returned, or the marker.
        """
        if isinstance(value, type):
            return self.marker(value)
        if _has_repeated_labels(value):
            return self._instead_of_repeated_labels(value)
        simpler = self._simplest(value)
        if simpler is _TOO_MANY:
            return self._instead_of_too_many(value)
        return self.marker(value) if simpler is _NOTHING else simpler

    def keeping(self, beside: Beside) -> Fallback:
        """The same for one value, with a ref in the markers of what ``beside`` keeps."""
        return _Keeping(
            max_tolist_elements=self.max_tolist_elements,
            detail=self.detail,
            repr_max_length=self.repr_max_length,
            on_marker=self.on_marker,
            beside=beside,
        )

    def marker(self, value: object) -> dict[str, Any]:
        """What says "there was something here", with as much about it as ``detail`` allows."""
        type_name = type_name_of(value)
        if self.on_marker is not None:
            self.on_marker(type_name)
        marker = {UNSERIALIZABLE_KEY: True, TYPE_KEY: type_name}
        detail = detail_of(value, self.detail, self.repr_max_length)
        return marker if detail is None else {**marker, REPR_KEY: detail}

    def _instead_of_repeated_labels(self, value: object) -> Any:
        return self.marker(value)

    def _instead_of_too_many(self, value: object) -> Any:
        return self.marker(value)

    def _simplest(self, value: object) -> Any:
        for name in _CONVERTERS:
            if callable(getattr(type(value), name, None)):
                # Foreign code: whatever it raises, the next method may do better.
                with suppress(Exception):
                    return self._simpler(value, name)
        return _NOTHING

    def _simpler(self, value: object, converter: str) -> Any:
        if converter == "tolist" and _known_size(value) > self.max_tolist_elements:
            return _TOO_MANY
        simpler = getattr(_readable(value), converter)()
        if type(simpler) is type(value):
            raise TypeError  # numbers of 128 bits call themselves the simplest form
        if converter == "tolist" and not _has_at_most(self.max_tolist_elements, simpler):
            return _TOO_MANY
        return simpler


def _has_repeated_labels(value: object) -> bool:
    """Whether ``to_dict`` of a frame or series would lose something, or warn of it."""
    # Another thread may be in the middle of importing it.
    pandas = sys.modules.get("pandas")
    kinds = (getattr(pandas, "DataFrame", ()), getattr(pandas, "Series", ()))
    if not issubclass(type(value), kinds):
        return False
    axes = value.axes  # type: ignore[attr-defined]  # both have them
    return not all(axis.is_unique for axis in axes)


def _readable(value: Any) -> Any:
    """Times of numpy and pandas as ISO text: the finer ones would become bare numbers."""
    is_time = getattr(getattr(value, "dtype", None), "kind", "") == "M"
    return value.astype(str) if is_time else value


class _Keeping(Fallback, frozen=True, kw_only=True):
    """Keeps an object before it marks its place."""

    beside: Beside

    def marker(self, value: object) -> dict[str, Any]:
        ref = self.beside.keep(value)
        marker = super().marker(value)
        return marker if ref is None else {**marker, REF_KEY: str(ref)}


class NoFallback(Fallback, frozen=True, kw_only=True):
    """Refuses what has no simpler form: for arguments, where a marker would pass for the value."""

    encoding: str = "JSON"
    """What an error says that cannot express it."""

    def convert(self, value: object) -> Any:
        """Find a simpler form.

        Raises:
            CannotWriteError: There is none.
        """
        if isinstance(value, bytes | bytearray | memoryview):
            self._refuse(
                value, "Send text, e.g. base64, or the name of a file both sides can read."
            )
        return super().convert(value)

    def keeping(self, beside: Beside) -> Fallback:
        """Itself: what is refused is not kept."""
        del beside
        return self

    def marker(self, value: object) -> NoReturn:
        """Refuse; see ``convert``."""
        # Only now: what can be written is not asked.
        obstacle = obstacle_of(value)
        if obstacle is None:
            self._refuse(value, "Send text, numbers, booleans, None, lists or dicts of them.")
        reason, hint = obstacle
        raise CannotWriteError(f"{reason}, which {self.encoding} cannot express", hint)

    def _instead_of_repeated_labels(self, value: object) -> NoReturn:
        del value
        raise CannotWriteError(
            f"has several columns or rows of the same name, which {self.encoding} cannot express",
            "Give each a name of its own, e.g. with .reset_index(drop=True).",
        )

    def _instead_of_too_many(self, value: object) -> NoReturn:
        count = _known_size(value)
        raise CannotWriteError(
            f"is an array of {count or 'too many'} numbers; {self.max_tolist_elements} is the most "
            f"that {self.encoding} carries as text",
            "Use the encoding msgpack or tagged, or send it in parts.",
        )

    def _refuse(self, value: object, hint: str) -> NoReturn:
        kind = type(value).__name__
        raise CannotWriteError(f"is of type {kind!r}, which {self.encoding} cannot express", hint)


def fallback_from(
    environ: Mapping[str, str], *, on_marker: Callable[[str], None] | None = None
) -> Fallback:
    """The fallback that Snakepit's environment variables ask for.

    ``SNAKEPIT_UNSERIALIZABLE_DETAIL`` is a ``Detail``, ``SNAKEPIT_UNSERIALIZABLE_REPR_MAXLEN``
    a number up to 2000, ``SNAKEPIT_TOLIST_MAX_ELEMENTS`` a number. What cannot be read counts as
    not set: a worker whose operator mistyped one of these still serves, and tells less.

    Args:
        environ: The environment.
        on_marker: See ``Fallback``.
    """
    usual = Fallback()
    elements = _number(environ, "SNAKEPIT_TOLIST_MAX_ELEMENTS", usual.max_tolist_elements)
    length = _number(environ, "SNAKEPIT_UNSERIALIZABLE_REPR_MAXLEN", usual.repr_max_length)
    return Fallback(
        max_tolist_elements=max(0, elements),
        detail=_detail(environ.get("SNAKEPIT_UNSERIALIZABLE_DETAIL", "")),
        repr_max_length=min(max(0, length), _MOST_REPR),
        on_marker=on_marker,
    )


def _detail(text: str) -> Detail:
    try:
        return Detail(text.strip().lower())
    except ValueError:
        return Detail.NONE


def _number(environ: Mapping[str, str], name: str, usual: int) -> int:
    try:
        return int(environ.get(name, ""))
    except ValueError:
        return usual


def _known_size(value: Any) -> int:
    """Elements that ``tolist`` would make, as far as the object tells; 0 where it does not."""
    # Not the size: a sparse matrix counts only what is not zero, and a tensor's is a method.
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple | list):
        return math.prod(shape) if shape else 0
    if hasattr(value, "size") and (hasattr(value, "dtype") or hasattr(value, "values")):
        return int(value.size)
    return 0


def _has_at_most(limit: int, elements: object) -> bool:
    to_count = [elements] if isinstance(elements, list) else []
    counted = 0
    while to_count and counted <= limit:
        row = to_count.pop()
        nested = [element for element in row if isinstance(element, list)]
        counted += len(row) - len(nested)
        to_count += nested
    return counted <= limit
