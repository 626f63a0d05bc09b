"""One field of a signature, before DSPy has it."""

from __future__ import annotations

import types
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import msgspec


class FieldSpec(msgspec.Struct, frozen=True):
    """What makes a field."""

    type: Any
    description: str = ""
    prefix: str = ""
    default: Any = msgspec.UNSET

    def optional(self) -> FieldSpec:
        """The same field, which need not be given."""
        made = self.type
        if not may_be_none(made):
            made = Union[made, None]  # noqa: UP007  (it is known only here)
        return msgspec.structs.replace(self, type=made)


def may_be_none(annotation: Any) -> bool:
    """Whether ``None`` is a value of the type, as DSPy sees it."""
    return annotation in {None, type(None)} or type(None) in get_args(annotation)


def bare(annotation: Any) -> Any:
    """The type without what is demanded of its values.

    DSPy never checks what it is given, and says nothing of it to the language model.
    """
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def unchecked(annotation: Any) -> Any:
    """The bare type whose values one of ``answered`` has."""
    return bare(getattr(annotation, "bridge_type", annotation))


def answered(dspy: Any, annotation: Any, name: str) -> Any:
    """The type with which DSPy gets all of it out of a language model's answer.

    Of a field's own type DSPy drops what is demanded of its values. It also reads text that looks
    like data as data, also where text is wanted; a type of DSPy's kind it then lets see the text.

    Args:
        dspy: The module.
        annotation: As the caller wants it.
        name: Shown to the language model.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        others = tuple(each for each in args if each is not type(None))
        if len(others) == len(args):
            return _checked_class(dspy, annotation, name)
        within = answered(dspy, Union[others], name)  # noqa: UP007  (as above)
        return Union[within, None]  # noqa: UP007  (as above)
    if origin is Annotated or (origin is Literal and not all(map(_plain, args))):
        return _checked_class(dspy, annotation, name)
    return annotation


def _plain(choice: Any) -> bool:
    """Whether DSPy's list of choices in a prompt leaves no doubt about this one."""
    return (
        isinstance(choice, str)
        and bool(choice)
        and choice == choice.strip(" \r\n\t'\"`")
        and (";" not in choice and "\n" not in choice)
    )


def _checked_class(dspy: Any, annotation: Any, name: str) -> type:
    class Checked(dspy.Type):  # type: ignore[misc]  # dspy ships no types
        bridge_type: ClassVar[Any] = annotation

        @classmethod
        def __get_pydantic_core_schema__(cls, _: Any, handler: Any) -> Any:
            return handler.generate_schema(annotation)

        @classmethod
        def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
            return handler(schema)

    Checked.__name__ = Checked.__qualname__ = name
    return Checked
