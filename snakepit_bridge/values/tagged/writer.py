"""From a value to JSON text with tags."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import EllipsisType
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw

from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.binary.forms import blob_of
from snakepit_bridge.values.binary.scalars import ScalarHeads, is_number
from snakepit_bridge.values.blob import TENSOR, Blob
from snakepit_bridge.values.json.integers import integer_form
from snakepit_bridge.values.json.plainness import (
    CONSTANT_KINDS,
    has_text_keys,
    is_plain,
    is_row_of_constants,
)
from snakepit_bridge.values.leaves import Leaves, Marker
from snakepit_bridge.values.nesting import Nesting
from snakepit_bridge.values.paths import Step
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import (
    MAX_DEPTH,
    CannotWriteError,
    lone_surrogate,
    too_deep,
)
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.tagged.blob_tags import binary_tag, blob_tag
from snakepit_bridge.values.tagged.plain_tags import (
    complex_tag,
    decimal_tag,
    ellipsis_tag,
    float_form,
    uuid_tag,
)
from snakepit_bridge.values.tagged.ref_tags import function_tag, ref_tag
from snakepit_bridge.values.tagged.tags import (
    LEGACY_REF_KEY,
    SCHEMA,
    SCHEMA_KEY,
    TYPE_KEY,
    is_reserved,
    tag,
)
from snakepit_bridge.values.tagged.time_tags import date_tag, datetime_tag, time_tag, timedelta_tag
from snakepit_bridge.values.value_types import Registered

_encode = msgspec.json.Encoder().encode

# The encoder never escapes these, and what looks like them within a text has its quotes escaped.
_RESERVED_KEYS = tuple(f'"{key}":'.encode() for key in (TYPE_KEY, LEGACY_REF_KEY))

_SCALAR_END = b'"}'

_UNHASHABLE_TAGS = frozenset({"dict", "set", "slice"})


class TaggedWriter:
    """Writes any value, or says why it cannot.

    Args:
        leaves: Knows what stands for objects without a form of their own.
    """

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves

    def write(self, value: object, beside: Beside) -> bytes:
        """Write one value as UTF-8 text without spaces.

        Args:
            value: The value.
            beside: Takes large binary data and live objects; the caller lets it give up.

        Raises:
            CannotWriteError: It contains itself, is nested too deeply, has a lone surrogate in
                a text, a key that cannot be one again, or a leaf without any form.
            SessionError: An object should be kept, and cannot be.
        """
        try:
            text = self._plain_text(value)
            return text or _encode(_Form(self._leaves, beside).of(value))
        except RecursionError as error:
            raise CannotWriteError(*too_deep()) from error
        except UnicodeEncodeError as error:  # in a name rather than in the value
            raise CannotWriteError(*lone_surrogate()) from error

    def _plain_text(self, value: object) -> bytes:
        """The text of a value that needs no tags; empty for one that may."""
        if not is_plain(value):
            return b""
        try:
            text = _encode(value)
        except ValueError:  # a lone surrogate, or an integer of thousands of digits
            return b""
        return b"" if any(key in text for key in _RESERVED_KEYS) else text


class _Form(Nesting):
    """One pass over one value, down to what the encoder writes without changing anything.

    Args:
        leaves: Knows what stands for objects without a form of their own.
        beside: Takes large binary data and live objects.
    """

    def __init__(self, leaves: Leaves, beside: Beside) -> None:
        super().__init__()
        self._leaves = leaves
        self._beside = beside
        # The objects stay here with their forms, or another one might get the same id.
        self._put_or_kept: dict[int, tuple[object, Any]] = {}
        self._heads = ScalarHeads(_scalar_head)

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind in CONSTANT_KINDS:
            return value
        form = _FORMS.get(kind)
        if form is not None:
            return form(self, value)
        head = self._heads.of(value)
        if not head:
            return self._converted(value)
        return Raw(head + b2a_base64(value.tobytes(), newline=False) + _SCALAR_END)

    def row(self, members: Collection[Any]) -> list[Any]:
        self._enter(members)
        if is_row_of_constants(members):  # type: ignore[arg-type]  # sets will do
            forms = list(members)
        else:
            forms = []
            for index, member in enumerate(members):
                try:
                    forms.append(self.of(member))
                except CannotWriteError as error:
                    error.inside(index)
                    raise
        self._leave(members)
        return forms

    def unordered(self, members: Collection[Any]) -> list[Any]:
        forms = self.row(members)
        for member, form in zip(members, forms, strict=True):
            _refuse_unhashable(member, form, "member")
        return forms

    def mapping(self, members: Mapping[Any, Any]) -> dict[str, Any]:
        if has_text_keys(members) and not is_reserved(members):
            return self.plain_object(members)
        return tag("dict", pairs=self._pairs(members))

    def plain_object(self, members: Mapping[str, Any]) -> dict[str, Any]:
        self._enter(members)
        forms: dict[str, Any] = {}
        for key, member in members.items():
            try:
                forms[self.text(key)] = self.of(member)
            except CannotWriteError as error:
                error.inside(key)
                raise
        self._leave(members)
        return forms

    def slicing(self, value: slice) -> dict[str, Any]:
        limits = {name: getattr(value, name) for name in ("start", "stop", "step")}
        return tag("slice", **self.plain_object(limits))

    def blob(self, blob: Blob) -> dict[str, Any]:
        return blob_tag(blob, NOTHING if is_number(blob) else self._beside)

    def binary(self, data: bytes | bytearray) -> dict[str, Any]:
        return binary_tag(data, self._beside)

    def view(self, view: memoryview) -> dict[str, Any]:
        # One of numbers is an array.
        blob = blob_of(view)
        return self.binary(view.tobytes()) if blob is None else self.blob(blob)

    def registered(self, value: Registered) -> dict[str, Any]:
        return tag("object", **{"class": value.name, "value": self.of(value.plain)})

    def _pairs(self, members: Mapping[Any, Any]) -> list[list[Any]]:
        self._enter(members)
        pairs = []
        for key, member in members.items():
            try:
                pairs.append([self._key_form(key), self.of(member)])
            except CannotWriteError as error:
                error.inside(_step(key))
                raise
        self._leave(members)
        if any(type(key) not in _FORMS for key in members):
            _refuse_same_keys([key for key, _ in pairs])
        return pairs

    def _key_form(self, key: Any) -> Any:
        form = self.of(key)
        _refuse_unhashable(key, form, "key")
        return form

    def _converted(self, value: Any) -> Any:
        if id(value) in self._put_or_kept:
            return self._put_or_kept[id(value)][1]
        # One more than for containers: an object may stand at the deepest level. It counts as a
        # level for what it turns into, which also ends objects that turn into ever new objects.
        self._enter(value, MAX_DEPTH + 1)
        simpler = self._leaves.simpler_form(value, self._beside)
        form = self.of(simpler)
        self._leave(value)
        if type(simpler) in {Blob, Ref}:
            self._put_or_kept[id(value)] = (value, form)
        return form


def _scalar_head(dtype: str, _: int) -> bytes:
    written = _encode(tag("blob", kind=TENSOR, dtype=dtype, shape=[], data=""))
    return written.removesuffix(_SCALAR_END)


def _step(key: object) -> Step:
    if type(key) is str or type(key) is int:
        return key
    return f"<{type(key).__name__}>"


def _refuse_unhashable(value: object, form: Any, noun: str) -> None:
    """Refuse what can be in a set or be a key now, but could not once it is read."""
    if type(form) is dict:
        known = form.get(SCHEMA_KEY) == SCHEMA and form.get(TYPE_KEY) not in _UNHASHABLE_TAGS
    else:
        known = type(form) is not list
    if not known:
        raise CannotWriteError(
            f"has a {noun} of type {type(value).__name__!r}, which is no {noun} once it is read",
            "Make it text, a number or a tuple, or register its type with value_type(...).",
        )


def _refuse_same_keys(forms: Sequence[Any]) -> None:
    texts = {_encode(form) for form in forms}
    if len(texts) < len(forms):
        raise CannotWriteError(
            "has several keys that are the same once they are read", "Make all keys text."
        )


def _simple(form: Callable[[Any], Any]) -> Callable[[_Form, Any], Any]:
    return lambda _, value: form(value)


_FORMS: Mapping[type, Callable[[_Form, Any], Any]] = {
    str: Nesting.text,
    int: integer_form,
    float: _simple(float_form),
    dict: _Form.mapping,
    list: _Form.row,
    tuple: lambda form, members: tag("tuple", elements=form.row(members)),
    set: lambda form, members: tag("set", elements=form.unordered(members)),
    frozenset: lambda form, members: tag("frozenset", elements=form.unordered(members)),
    bytes: _Form.binary,
    bytearray: _Form.binary,
    memoryview: _Form.view,
    complex: _simple(complex_tag),
    datetime: _simple(datetime_tag),
    date: _simple(date_tag),
    time: _simple(time_tag),
    timedelta: _simple(timedelta_tag),
    Decimal: _simple(decimal_tag),
    UUID: _simple(uuid_tag),
    slice: _Form.slicing,
    EllipsisType: _simple(ellipsis_tag),
    Ref: _simple(ref_tag),
    HostFunction: _simple(function_tag),
    Blob: _Form.blob,
    Registered: _Form.registered,
    Marker: lambda form, marker: form.plain_object(marker.members),
}
