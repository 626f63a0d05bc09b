"""DSPex's signatures, from lists of fields to classes of DSPy."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.results import list_in
from snakepit_bridge.adapters.dspex.shelf import SIGNATURE, release, shelf_of, store
from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import nearest

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.session.context import Session

_ELIXIR_TYPES = MappingProxyType({
    "any": "Any",
    "array": "list",
    "boolean": "bool",
    "integer": "int",
    "map": "dict",
    "number": "float",
    "object": "dict",
    "string": "str",
})  # fmt: skip
"""What Elixir code calls types, by what Python does."""


class Field(msgspec.Struct, frozen=True):
    """One field of a signature."""

    name: str
    type: str = "str"
    description: str = ""


class SignatureTools:
    """``create_signature``, and what others need of it.

    Args:
        bench: What it works with.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        return (DSPexTool("create_signature", self.create_signature),)

    def create_signature(
        self,
        session: Session,
        *,
        name: str,
        inputs: list[Any] | str,
        outputs: list[Any] | str,
        docstring: str | None = None,
    ) -> dict[str, Any]:
        """Make a signature of lists of fields, ``{"name", "type", "description"}`` each.

        Args:
            session: The session.
            name: What to call it.
            inputs: Its inputs, or their JSON text.
            outputs: Its outputs, or their JSON text.
            docstring: The instructions; DSPy's own by default.
        """
        self._bench.dspy()
        problems: list[str] = []
        halves = [
            _fields(list_in(given, argument), argument, problems)
            for argument, given in (("inputs", inputs), ("outputs", outputs))
        ]
        if problems:
            raise InvalidArgumentError(
                f"Wrong fields: {'; '.join(problems)}.",
                {"hint": 'A field is {"name": "question", "type": "str", "description": ""}.'},
            )
        positional = [_text(halves, _ELIXIR_TYPES), *([docstring] if docstring else [])]
        made = self._bench.create(session, "dspy.Signature", positional)
        described = session.instances.get(made.ref)
        for field in (*halves[0], *halves[1]):
            if field.description:
                described = described.with_updated_fields(field.name, desc=field.description)
        release(session, made)
        thing = self._bench.kept(session, session.instances.register(described))
        store(session, SIGNATURE + name, thing)
        return {"success": True, "name": name, "signature_string": _text(halves, {})}

    def find(self, session: Session, signature: str) -> str:
        """The ref of a stored signature, else the text of one itself.

        Raises:
            InvalidArgumentError: It is neither.
        """
        shelf = shelf_of(session)
        if shelf.has(SIGNATURE + signature):
            return shelf.find(SIGNATURE + signature).ref
        if "->" in signature:
            return signature
        names = [name.removeprefix(SIGNATURE) for name, _ in shelf.listed() if SIGNATURE in name]
        near = nearest(signature, names)
        raise InvalidArgumentError(
            f"Signature {signature!r} not found.",
            {
                "argument": "signature",
                "hint": f"Did you mean {near!r}?"
                if near
                else "Make it with 'create_signature', or write it out: 'question -> answer'.",
            },
        )


def _fields(given: list[Any], argument: str, problems: list[str]) -> list[Field]:
    """The fields that are described well; what is wrong with the others goes to the problems."""
    if not given:
        problems.append(f"{argument!r} is empty")
    fields = []
    for number, each in enumerate(given):
        try:
            field = msgspec.convert({"name": each} if isinstance(each, str) else each, Field)
        except msgspec.ValidationError as error:
            problems.append(f"{argument!r}[{number}]: {error}")
            continue
        if field.name.isidentifier():
            fields.append(field)
        else:
            problems.append(f"{argument!r}[{number}]: {field.name!r} is no name of a field")
    return fields


def _text(halves: list[list[Field]], types: Any) -> str:
    return " -> ".join(
        ", ".join(f"{field.name}: {types.get(field.type, field.type)}" for field in half)
        for half in halves
    )
