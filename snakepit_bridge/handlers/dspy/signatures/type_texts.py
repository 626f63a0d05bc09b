"""Types written as text, as in signature strings."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.signature_text import PLAIN_TYPES
from snakepit_bridge.nearest import nearest

LONGEST = 1000
"""Characters of one type; longer ones nest deeper than Python's parser likes."""

LONGEST_SIGNATURE = 4000
"""Characters of a signature string, for the same reason."""

_PARSING = (
    *(AttributeError, ImportError, MemoryError, RuntimeError, SyntaxError, TypeError, ValueError),
)
"""What Python, DSPy and pydantic raise for text that is no signature."""


class TypeTexts:
    """Reads types and signature strings, each looked at before DSPy evaluates it.

    Args:
        dspy: The module.
        check: Raises for a signature string with types that are not known to be types.
        find: Resolves a dotted name as the allow-list permits.
    """

    def __init__(self, dspy: Any, check: Callable[[str], None], find: Callable[[str], Any]) -> None:
        self._dspy = dspy
        self._check = check
        self._find = find

    def type_of(self, text: str) -> Any:
        """The type that a text such as ``"list[str]"`` means.

        Raises:
            InvalidArgumentError: It is no type.
            NotAllowedError: It is something else, or lies outside of the allow-list.
        """
        if len(text) > LONGEST:
            raise _wrong(f"A type has {len(text)} characters; {LONGEST} are possible.")
        if "." in text and all(part.isidentifier() for part in text.split(".")):
            found = self._find(text)
            if isinstance(found, type):
                return found
        near = None
        if text.isidentifier() and text not in PLAIN_TYPES:
            near = nearest(text, PLAIN_TYPES)
        if near:
            raise _wrong(f"{text!r} is not the text of a type.", f"Did you mean {near!r}?")
        otherwise = f"{text!r} is not the text of a type."
        try:
            ast.parse(text, mode="eval")
        except _PARSING as error:
            raise _wrong(otherwise) from error
        fields = self.signature(f"value: {text} -> result", otherwise).fields
        if list(fields) != ["value", "result"]:
            raise _wrong(f"{text!r} is not the text of one type.")
        return fields["value"].annotation

    def signature(self, text: str, otherwise: str) -> Any:
        """The class of a signature string, without instructions.

        Raises:
            InvalidArgumentError: It is no signature; the message is ``otherwise``.
            NotAllowedError: It has a type that is not allowed.
        """
        if len(text) > LONGEST_SIGNATURE:
            raise _wrong(
                f"A signature has {len(text)} characters; {LONGEST_SIGNATURE} are possible.",
                "Describe its fields under 'inputs' and 'outputs'.",
            )
        try:
            self._check(text)
            # What is not given here DSPy would look for in the variables of whoever calls it.
            known = {"dspy": self._dspy, "NoneType": type(None)}
            return self._dspy.Signature(text, "", custom_types=known)
        except _PARSING as error:
            raise _wrong(otherwise) from error


def _wrong(message: str, hint: str = "") -> InvalidArgumentError:
    hint = hint or "E.g. 'str', 'list[str]', \"Literal['a', 'b']\", 'dspy.Image', a JSON schema."
    return InvalidArgumentError(message, {"hint": hint})
