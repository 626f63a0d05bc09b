"""Fields under markers on lines of their own: the form of DSPy's chat adapter."""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING

from snakepit_bridge.handlers.dspy.streaming.form import LONGEST_NAME, Form

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.streaming.form import Step

_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""As ``str.splitlines`` has them, which the adapter reads lines with."""

_LINE_END = re.compile(f"\r\n|[{_LINE_ENDS}]")
_INDENT = re.compile(rf"[^\S{_LINE_ENDS}]+")

_NAME = rf"\w{{1,{LONGEST_NAME}}}"
_MARKER = re.compile(rf"\[\[ ## ({_NAME}) ## \]\]")
_PARTS = (r"\[", r"\[", " ", "#", "#", " ", _NAME, " ", "#", "#", " ", r"\]")
_BEGINNING = re.compile(reduce(lambda after, part: f"{part}(?:{after})?", reversed(_PARTS)))


class ChatForm(Form):
    """``[[ ## name ## ]]``, then the text, up to the next marker of whatever name."""

    _indent = 0
    _follows_marker = False

    @property
    def first_step(self) -> Step:
        """An answer begins with a line."""
        return self._line_start

    def finish(self) -> None:
        """The answer ends here, and half a marker was none."""
        self.writer.add(self._rest)
        super().finish()

    def _line_start(self, text: str, position: int) -> int | None:
        indent = _INDENT.match(text, position)
        if indent is not None:
            self._indent += len(indent[0])
            self.writer.add(indent[0])
            return indent.end()
        marker = _MARKER.match(text, position)
        if marker is not None:
            return self._marker(marker)
        if _BEGINNING.fullmatch(text, position):
            return None
        self._step = self._line
        return position

    def _marker(self, marker: re.Match[str]) -> int:
        self.writer.begin(marker[1], at=self._at(marker.end()))
        if self._indent:
            # The adapter finds the marker in the line without its indent, but cuts it off the line
            # with it. The stream has to say what the prediction will say.
            self.writer.add(marker[0][-self._indent :])
        self._follows_marker = True
        self._step = self._line
        return marker.end()

    def _line(self, text: str, position: int) -> int | None:
        end = _LINE_END.search(text, position)
        if end is None or end.start() > position:
            stop = len(text) if end is None else end.start()
            self.writer.add(text[position:stop])
            return stop
        if end.end() == len(text) and text[position] == "\r":
            return None  # may be half of a line end
        if self._follows_marker:
            self.writer.drop_space()
        self.writer.add("\n")
        self._indent, self._follows_marker = 0, False
        self._step = self._line_start
        return end.end()
