"""The fields of one answer, taken out of its text as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.handlers.dspy.streaming.chat_form import ChatForm
from snakepit_bridge.handlers.dspy.streaming.json_form import JsonForm
from snakepit_bridge.handlers.dspy.streaming.xml_form import XmlForm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snakepit_bridge.handlers.dspy.streaming.form import Form
    from snakepit_bridge.handlers.dspy.streaming.pieces import Piece


class FieldTexts:
    """Splits the text of one answer into the texts of its fields.

    The answer itself shows in which of the forms of DSPy's adapters it is written: the one in which
    a field begins first. The pieces of a field make up what the adapter will read as its text,
    however the answer was cut. What is held back is white space that may be the end of a text, and
    what may become a marker, a tag or an escape.

    Args:
        names: The output fields of the signature.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = tuple(names)
        self._forms: list[Form] = [ChatForm(names), JsonForm(names), XmlForm(names)]

    def feed(self, text: str) -> list[Piece]:
        """What the next text of the answer adds to fields."""
        for form in self._forms:
            form.feed(text)
        return self._take()

    def finish(self) -> list[Piece]:
        """What is left when the answer ends; a field that is still open ends, too."""
        for form in self._forms:
            form.finish()
        return self._take()

    def _take(self) -> list[Piece]:
        begun = [
            (form.writer.begun_at, number)
            for number, form in enumerate(self._forms)
            if form.writer.begun_at is not None
        ]
        if not begun:
            return []
        self._forms = [self._forms[min(begun)[1]]]
        return self._forms[0].writer.take()
