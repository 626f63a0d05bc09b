"""The standard library's JSON encoder with the bridge's rules for values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.natural_forms import simpler_form
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotWriteError


class GracefulJSONEncoder(json.JSONEncoder):
    """For ``json.dumps(value, cls=GracefulJSONEncoder)``: never fails for an unknown object.

    The rules are those of results: special floats become texts, keys text, dataclasses, enum
    members, dates and arrays their plain forms, everything else the marker.
    """

    fallback: ClassVar[Fallback] = Fallback()
    """Decides what stands for objects JSON does not know."""

    def default(self, o: Any) -> Any:
        """A simpler form of an object, or the marker; a subclass may have other ideas."""
        return simpler_form(o, self.fallback)

    def iterencode(self, o: Any, _one_shot: bool = False) -> Iterator[str]:  # noqa: FBT001, FBT002  (its name in the standard library)
        """The JSON text in pieces.

        Raises:
            ValueError: The value contains itself, is nested too deeply, or has keys that JSON
                cannot tell apart.
        """
        try:
            plain = JsonWriter(_Asking(ask=self.default)).simplified(o)
        except CannotWriteError as error:
            message = f"{error}. {error.hint}"
            raise ValueError(message) from error
        return super().iterencode(plain, _one_shot)


class _Asking(Fallback, frozen=True, kw_only=True):
    """Leaves the decision to a function."""

    ask: Callable[[Any], Any]

    def convert(self, value: object) -> Any:
        return self.ask(value)
