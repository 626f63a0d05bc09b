"""Signatures of DSPy made from data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import BridgeError
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.limits import check_size
from snakepit_bridge.handlers.dspy.problems import Problems
from snakepit_bridge.handlers.dspy.signatures.field_names import why_not
from snakepit_bridge.handlers.dspy.signatures.field_spec import FieldSpec, answered, bare
from snakepit_bridge.handlers.dspy.signatures.field_specs import (
    MOST_FIELDS,
    FieldSpecs,
    definitions_in,
)
from snakepit_bridge.handlers.dspy.signatures.schema_words import DEFINITIONS
from snakepit_bridge.handlers.dspy.signatures.type_texts import TypeTexts
from snakepit_bridge.nearest import nearest

_DESCRIBED = ("inputs", "outputs", "instructions", "name", *DEFINITIONS)
_WRITTEN = ("signature", "instructions", "name", "fields")
_OF_A_FIELD = ("description", "prefix")

DEFAULT_NAME = "Signature"
"""Name of a class whose maker does not care."""


class SignatureMaker:
    """Makes signatures; safe to use from any thread, but not on the loop.

    Args:
        door: The way to DSPy.
        check_text: Raises for a signature string with types that are not known to be types.
        find: Resolves a dotted name as the allow-list permits.
    """

    def __init__(
        self, door: DSPyDoor, check_text: Callable[[str], None], find: Callable[[str], Any]
    ) -> None:
        self._door = door
        self._check_text = check_text
        self._find = find

    def made(self, data: Mapping[str, Any]) -> type:
        """The signature that the data describes, as a class.

        Args:
            data: ``{"inputs": {name: field}, "outputs": {name: field}, "instructions", "name"}``,
                where a field is the text of a type, a JSON schema, or an object with one of them
                under ``type``, and its ``description``; instead of all fields of one side the JSON
                schema of an object. Or ``{"signature": "question -> answer", "instructions",
                "fields": {name: {"description"}}}``.

        Raises:
            InvalidArgumentError: Names everything that is wrong, with its place.
            NotAllowedError: A type is not allowed.
        """
        check_size(data, "signature")
        problems = Problems("signature")
        texts = TypeTexts(self._door.open(), self._check_text, self._find)
        if "signature" in data:
            return self._written(data, texts, problems)
        _check_words(data, _DESCRIBED, problems)
        specs = FieldSpecs(problems, texts.type_of, definitions_in(data))
        sides = {}
        for side in ("inputs", "outputs"):
            if side in data:
                sides[side] = specs.read(data[side], side)
            else:
                problems.add(side, "is missing")
        if data.get("outputs") == {}:
            problems.add("outputs", "names no field")
        for name in sides.get("inputs", {}).keys() & sides.get("outputs", {}).keys():
            problems.add(f"outputs.{name}", "has the name of an input")
        instructions, name = _texts(data, problems)
        problems.raise_if_any()
        return self.assembled(sides["inputs"], sides["outputs"], instructions, name)

    def assembled(
        self,
        inputs: Mapping[str, FieldSpec],
        outputs: Mapping[str, FieldSpec],
        instructions: str = "",
        name: str = DEFAULT_NAME,
    ) -> type:
        """The signature of these fields.

        Raises:
            InvalidArgumentError: DSPy or pydantic can do nothing with a type.
        """
        dspy = self._door.open()
        problems = Problems("signature")
        fields = {}
        if len(inputs) + len(outputs) > MOST_FIELDS:
            problems.add("fields", f"are more than {MOST_FIELDS}")
        for each, spec in inputs.items():
            fields[each] = _field(dspy.InputField, spec, bare(spec.type))
            _check_type(spec.type, f"inputs.{each}", problems)
        for each, spec in outputs.items():
            made = answered(dspy, spec.type, _type_name(each))
            fields[each] = _field(dspy.OutputField, spec, made)
            _check_type(made, f"outputs.{each}", problems, is_asked_for=True)
        problems.raise_if_any()
        made_class: type = dspy.Signature(fields, instructions or None, signature_name=name)
        return made_class

    def _written(self, data: Mapping[str, Any], texts: TypeTexts, problems: Problems) -> type:
        _check_words(data, _WRITTEN, problems)
        text, described = data["signature"], data.get("fields", {})
        fields: dict[str, Any] = {}
        if isinstance(text, str):
            try:
                fields = texts.signature(text, f"{text!r} is no signature.").fields
            except BridgeError as error:
                problems.add_error("signature", error)
        else:
            problems.add("signature", "is no text")
        inputs: dict[str, FieldSpec] = {}
        outputs: dict[str, FieldSpec] = {}
        for name, field in fields.items():
            is_input = field.json_schema_extra["__dspy_field_type"] == "input"
            wrong = why_not(name, is_input=is_input)
            if wrong:
                problems.add(f"signature.{name}", wrong)
            side = inputs if is_input else outputs
            side[name] = FieldSpec(field.annotation)
        if not isinstance(described, Mapping):
            problems.add("fields", "is no object with the fields by name")
            described = {}
        if fields:
            _describe(described, (inputs, outputs), problems)
            if not outputs:
                problems.add("signature", "names no output")
        instructions, name = _texts(data, problems)
        problems.raise_if_any()
        return self.assembled(inputs, outputs, instructions, name)


def _describe(
    described: Mapping[str, Any], sides: tuple[dict[str, FieldSpec], ...], problems: Problems
) -> None:
    """Give the fields their descriptions."""
    for name, given in described.items():
        place = f"fields.{name}"
        side = next((each for each in sides if name in each), None)
        if side is None:
            near = nearest(str(name), [each for side in sides for each in side])
            problems.add(
                place, f"is in no field's name{f' (did you mean {near!r}?)' if near else ''}"
            )
        elif not isinstance(given, Mapping):
            problems.add(place, "is no object, such as {'description': '…'}")
        else:
            _check_words(given, _OF_A_FIELD, problems, f"{place}.")
            texts = {word: text for word, text in given.items() if word in _OF_A_FIELD}
            for word in [word for word, text in texts.items() if not isinstance(text, str)]:
                problems.add(f"{place}.{word}", "is no text")
            side[name] = msgspec.structs.replace(side[name], **texts)


def _check_words(
    data: Mapping[str, Any], known: tuple[str, ...], problems: Problems, prefix: str = ""
) -> None:
    for word in data:
        if word not in known:
            near = nearest(str(word), known)
            hint = f" (did you mean {near!r}?)" if near else f"; known are {', '.join(known)}"
            problems.add(f"{prefix}{word}", f"is not understood{hint}")


def _texts(data: Mapping[str, Any], problems: Problems) -> tuple[str, str]:
    instructions, name = data.get("instructions") or "", data.get("name") or DEFAULT_NAME
    if not isinstance(instructions, str):
        problems.add("instructions", "is no text")
    if not isinstance(name, str) or not name.isidentifier():
        problems.add("name", "is no name for a class")
    return instructions, name


def _field(make: Callable[..., Any], spec: FieldSpec, made: Any) -> tuple[Any, Any]:
    options: dict[str, Any] = {"desc": spec.description} if spec.description else {}
    if spec.default is not msgspec.UNSET:
        options["default"] = spec.default
    field = make(**options)
    if spec.prefix:
        # Its argument is deprecated; DSPy still keeps it with the state of a program.
        field.json_schema_extra["prefix"] = spec.prefix
    return made, field


def _check_type(made: Any, place: str, problems: Problems, *, is_asked_for: bool = False) -> None:
    import pydantic
    from pydantic_core import SchemaError

    try:
        adapter = pydantic.TypeAdapter(made)
        if is_asked_for:
            adapter.json_schema()
    except (pydantic.errors.PydanticUserError, SchemaError, TypeError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        problems.add(place, f"is of a type that is nothing for a language model ({first})")


def _type_name(field: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in field.split("_")) or "Value"
