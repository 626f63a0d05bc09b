"""Fields as members of one object: the form of DSPy's JSON adapters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from snakepit_bridge.handlers.dspy.streaming import json_text
from snakepit_bridge.handlers.dspy.streaming.form import LONGEST_NAME, Form

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.streaming.form import Step

_BETWEEN = re.compile(r"[\s,]+")
_SPACE = re.compile(r"\s+")
_SCALAR = re.compile(r"[^,}\]]+")
_NO_BRACKET = re.compile(r'[^\[\]{}"]+')
_IN_QUOTES = re.compile(r'[^"\\]+|\\.', re.DOTALL)


class JsonForm(Form):
    """The first object with a field in it, whatever stands before; all after it is left out.

    The text of a string is decoded. Anything else is passed on as it is written.
    """

    _key = ""
    _depth = 0

    @property
    def first_step(self) -> Step:
        """An answer may begin with prose."""
        return self._outside

    def _outside(self, text: str, position: int) -> int:
        begin = text.find("{", position)
        if begin < 0:
            return len(text)
        self._step = self._member
        return begin + 1

    def _member(self, text: str, position: int) -> int:
        """Between members, or before the first."""
        space = _BETWEEN.match(text, position)
        if space is not None:
            return space.end()
        if text[position] == '"':
            self._key = ""
            self._step = self._in_key
            return position + 1
        if self.writer.begun_at is None:
            self._step = self._outside  # a brace in prose
            return position
        if text[position] == "}":
            self._step = self._after
        return position + 1

    def _in_key(self, text: str, position: int) -> int | None:
        if text[position] == '"':
            self._step = self._colon
            return position + 1
        read = json_text.read(text, position)
        if read is None:
            return None
        # One more than a name may have is enough to be none.
        self._key = (self._key + read[0])[: LONGEST_NAME + 1]
        return read[1]

    def _colon(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space is not None:
            return space.end()
        if text[position] == ":":
            self._step = self._value
            return position + 1
        self._step = self._member
        return position

    def _value(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space is not None:
            return space.end()
        first = text[position]
        self.writer.begin(self._key, at=self._at(position + 1), exact=first in '"{[')
        if first == '"':
            self._step = self._string
            return position + 1
        self._depth = 0
        self._step = self._nested if first in "{[" else self._scalar
        return position

    def _string(self, text: str, position: int) -> int | None:
        if text[position] == '"':
            self._end_value()
            return position + 1
        read = json_text.read(text, position)
        if read is None:
            return None
        self.writer.add(read[0])
        return read[1]

    def _scalar(self, text: str, position: int) -> int:
        scalar = _SCALAR.match(text, position)
        if scalar is None:
            self._end_value()
            return position
        self.writer.add(scalar[0])
        return scalar.end()

    def _nested(self, text: str, position: int) -> int:
        between = _NO_BRACKET.match(text, position)
        if between is not None:
            self.writer.add(between[0])
            return between.end()
        found = text[position]
        self.writer.add(found)
        if found == '"':
            self._step = self._nested_string
            return position + 1
        self._depth += 1 if found in "{[" else -1
        if self._depth == 0:
            self._end_value()
        return position + 1

    def _nested_string(self, text: str, position: int) -> int | None:
        inside = _IN_QUOTES.match(text, position)
        if inside is not None:
            self.writer.add(inside[0])
            return inside.end()
        if text[position] == "\\":
            return None  # half of an escape
        self.writer.add('"')
        self._step = self._nested
        return position + 1

    def _after(self, text: str, _position: int) -> int:
        return len(text)

    def _end_value(self) -> None:
        self.writer.end()
        self._step = self._member
