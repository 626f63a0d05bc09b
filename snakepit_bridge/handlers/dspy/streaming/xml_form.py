"""Fields as elements: the form of DSPy's XML adapter."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from snakepit_bridge.handlers.dspy.streaming.form import LONGEST_NAME, Form
from snakepit_bridge.handlers.dspy.streaming.json_text import NO_CHARACTER

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.streaming.form import Step

_MOST_ATTRIBUTES = 500
"""Characters in a tag besides its name; what has more is no tag of an answer."""

_NAME = rf"\w{{1,{LONGEST_NAME}}}"
_INSIDE = rf"\s[^<>]{{0,{_MOST_ATTRIBUTES}}}?"
_TAG = re.compile(rf"<(/?)({_NAME})(?:{_INSIDE})?(/?)>")
_HALF_TAG = re.compile(rf"</?(?:{_NAME}(?:{_INSIDE})?/?)?")
_TEXT = re.compile(r"[^<&\r]+")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
_HALF_ENTITY = re.compile(r"&(?:#(?:[0-9]{0,7}|x[0-9a-fA-F]{0,6})|[a-z]{0,4})")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_COMMENT_END = "-->"
_SECTIONS = {"<![CDATA[": "]]>", "<!--": _COMMENT_END}
_IN_SECTION = re.compile(r"[^\]\-\r]+")
_HALVES = range(0xD800, 0xE000)


class XmlForm(Form):
    """``<name>text</name>``; elements within the text are passed on as they are written."""

    _name = ""
    _depth = 0
    _has_children = False
    _section_end = ""

    @property
    def first_step(self) -> Step:
        """An answer may begin with prose."""
        return self._outside

    def _outside(self, text: str, position: int) -> int | None:
        begin = text.find("<", position)
        if begin != position:
            return len(text) if begin < 0 else begin
        tag = _TAG.match(text, position)
        if tag is None:
            return None if _HALF_TAG.fullmatch(text, position) else position + 1
        if not tag[1] and self.writer.begin(tag[2], at=self._at(tag.end())):
            self._open(tag)
        return tag.end()

    def _open(self, tag: re.Match[str]) -> None:
        if tag[3]:
            self.writer.end()
            return
        self._name, self._depth, self._has_children = tag[2], 1, False
        self._step = self._field

    def _field(self, text: str, position: int) -> int | None:
        plain = _TEXT.match(text, position)
        if plain is not None:
            self._add(plain[0])
            return plain.end()
        if text[position] == "<":
            return self._tag(text, position)
        return (
            self._entity(text, position) if text[position] == "&" else self._return(text, position)
        )

    def _tag(self, text: str, position: int) -> int | None:
        for begin, end in _SECTIONS.items():
            if text.startswith(begin, position):
                self._section_end = end
                self._step = self._section
                return position + len(begin)
            if begin.startswith(text[position : position + len(begin)]):
                return None
        tag = _TAG.match(text, position)
        if tag is not None:
            return self._child_or_end(tag)
        if _HALF_TAG.fullmatch(text, position):
            return None
        self._add("<")
        return position + 1

    def _child_or_end(self, tag: re.Match[str]) -> int:
        if tag[2] == self._name and not tag[3]:
            self._depth += -1 if tag[1] else 1
        if self._depth == 0:
            self.writer.end()
            self._step = self._outside
        else:
            self._has_children = True
            self.writer.add(tag[0])
        return tag.end()

    def _entity(self, text: str, position: int) -> int | None:
        entity = _ENTITY.match(text, position)
        if entity is not None:
            self._add(_character(entity))
            return entity.end()
        if _HALF_ENTITY.fullmatch(text, position):
            return None
        self._add("&")
        return position + 1

    def _return(self, text: str, position: int) -> int | None:
        """Every line ends with a line feed, whatever was sent."""
        if position + 1 == len(text):
            return None
        self._add("\n")
        return position + (2 if text[position + 1] == "\n" else 1)

    def _section(self, text: str, position: int) -> int | None:
        """A comment, which is left out, or text in which nothing has a meaning."""
        inside = _IN_SECTION.match(text, position)
        if inside is not None:
            self._add(inside[0])
            return inside.end()
        if text[position] == "\r":
            return self._return(text, position)
        end = self._section_end
        if text.startswith(end, position):
            self._step = self._field
            return position + len(end)
        if end.startswith(text[position : position + len(end)]):
            return None
        self._add(text[position])
        return position + 1

    def _add(self, text: str) -> None:
        if self._section_end == _COMMENT_END and self._step == self._section:
            return
        # DSPy writes what has elements in it anew, with the escapes that this takes.
        self.writer.add(escape(text) if self._has_children else text)


def _character(entity: re.Match[str]) -> str:
    if entity[3]:
        return _NAMED[entity[3]]
    code = int(entity[1]) if entity[1] else int(entity[2], 16)
    return NO_CHARACTER if code in _HALVES or code > sys.maxunicode else chr(code)
