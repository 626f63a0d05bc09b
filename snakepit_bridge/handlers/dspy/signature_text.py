"""Signature strings, looked at before DSPy evaluates the types in them.

For ``"question -> answer: list[str]"`` DSPy imports whatever module a type names, takes attributes
of it, and lets pydantic evaluate strings inside of brackets as Python. From a wire that would be
code and the environment for the asking, so only types that are known to be types get through.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from snakepit_bridge.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAIN_TYPES = frozenset({
    *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset"),
    *("int", "list", "set", "str", "tuple"),
    *("Any", "Dict", "FrozenSet", "Iterable", "List", "Literal", "Mapping", "NoneType"),
    *("Optional", "Sequence", "Set", "Tuple", "Union"),
})  # fmt: skip
"""Builtins and names of ``typing`` that mean a type, and that DSPy looks up by themselves."""


LONGEST = 10_000
"""Characters of a text that is read for whether it is a signature."""

_ARROW = "->"


class SignatureText:
    """Checks signature strings.

    Args:
        find: Resolves a dotted name as the allow-list permits, raising where it does not.
    """

    def __init__(self, find: Callable[[str], object]) -> None:
        self._find = find

    def check(self, text: str) -> None:
        """Refuse types that are not known to be types.

        Text that is no signature passes: whoever reads it as one will say what is wrong with it.

        Raises:
            NotAllowedError: A type is something else, or lies outside of the allow-list.
            InvalidArgumentError: A type does not exist.
        """
        if len(text) > LONGEST and _ARROW in text:
            raise NotAllowedError(
                f"A text of {len(text)} characters with {_ARROW!r} could be a signature, "
                f"and those may have {LONGEST}.",
                {"hint": "Send a signature as an object; write the arrow otherwise elsewhere."},
            )
        try:
            for annotation in _annotations(text):
                self._check_type(annotation, text)
        except RecursionError:
            raise NotAllowedError(
                "A signature has types that are nested too deep.",
                {"hint": "Send it as an object, with a JSON schema for what is nested."},
            ) from None

    def _check_type(self, node: ast.expr, text: str) -> None:
        match node:
            case ast.Name(id=name) if name in PLAIN_TYPES:
                return
            case ast.Constant(value=None):
                return
            case ast.Attribute():
                self._check_dotted(node, text)
            case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
                _check_literal(values, text)
            case ast.Subscript(value=base, slice=parameters):
                self._check_type(base, text)
                self._check_parameters(parameters, text)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                self._check_type(left, text)
                self._check_type(right, text)
            case _:
                raise _no_type(node, text)

    def _check_parameters(self, node: ast.expr, text: str) -> None:
        for each in node.elts if isinstance(node, ast.Tuple) else [node]:
            if not (isinstance(each, ast.Constant) and each.value is ...):
                self._check_type(each, text)

    def _check_dotted(self, node: ast.Attribute, text: str) -> None:
        name = ast.unparse(node)
        if not all(part.isidentifier() for part in name.split(".")):
            raise _no_type(node, text)
        if not isinstance(self._find(name), type):
            raise _no_type(node, text)


def _annotations(text: str) -> Iterator[ast.expr]:
    """The types as DSPy will read them: by the same parser from the same text."""
    halves = text.split(_ARROW)
    if len(halves) != 2:  # noqa: PLR2004  (inputs and outputs)
        return
    for half in halves:
        try:
            module = ast.parse(f"def f({half}): pass")
        except (SyntaxError, ValueError):
            return
        except MemoryError:
            raise RecursionError from None  # what the parser makes of depth
        function = module.body[0]
        if isinstance(function, ast.FunctionDef):
            yield from (each.annotation for each in function.args.args if each.annotation)


def _check_literal(values: ast.expr, text: str) -> None:
    for each in values.elts if isinstance(values, ast.Tuple) else [values]:
        if not isinstance(each, ast.Constant):
            raise _no_type(each, text)


def _no_type(node: ast.expr, text: str) -> NotAllowedError:
    written = ast.unparse(node)
    known = "str, int, float, bool, list[…], dict[…], Literal[…], Optional[…]"
    return NotAllowedError(
        f"The signature {text!r} uses {written!r}, which is not known to be a type.",
        {
            "signature": text,
            "type": written,
            "hint": f"Known are {known}, and classes by their full name, such as dspy.Image.",
        },
    )
