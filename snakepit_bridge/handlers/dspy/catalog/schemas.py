"""Types as text for people, as JSON schema for programs."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snakepit_bridge.handlers.dspy.door import DSPyDoor

_MODULES = re.compile(r"(?<![\w.])(?:typing|collections\.abc|builtins|types)\.(?=\w)")
_OURS = re.compile(r"\bsnakepit_bridge\.(?:\w+\.)*(?=\w)")
"""Before the names of types that the bridge has made for a caller's JSON schema."""

_IN_DSPY = re.compile(r"\bdspy\.[\w.]*?(\w+)\b(?![\w.])")


class Schemas:
    """Describes types; safe to use from any thread.

    Args:
        door: The way to DSPy, and to pydantic, which it brings along.
    """

    def __init__(self, door: DSPyDoor) -> None:
        self._door = door

    def text(self, annotation: Any) -> str:
        """The type as people write it, e.g. ``"list[dspy.Image]"``."""
        if annotation is inspect.Parameter.empty:
            return ""
        written = (
            annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        )
        return _IN_DSPY.sub(self._short, _OURS.sub("", _MODULES.sub("", written)))

    def schema(self, annotation: Any, constraints: Sequence[Any] = ()) -> dict[str, Any] | None:
        """The JSON schema of values of a type, as the bridge answers them.

        Args:
            annotation: The type.
            constraints: Pydantic's, e.g. ``annotated_types.Ge(1)``.

        Returns:
            The schema; ``None`` where JSON has no such values.
        """
        if annotation is inspect.Parameter.empty or isinstance(annotation, str):
            return None
        if constraints:
            annotation = Annotated[(annotation, *constraints)]
        try:
            schema: dict[str, Any] = self._adapter(annotation).json_schema(
                by_alias=False, schema_generator=self._generator
            )
        except self._failures:
            return None
        return schema or None

    def fits(self, kind: object) -> bool:
        """Whether this is a class of data: pydantic's models."""
        return isinstance(kind, type) and issubclass(kind, self._pydantic.BaseModel)

    def _adapter(self, annotation: Any) -> Any:
        try:
            return self._pydantic.TypeAdapter(annotation, config={"arbitrary_types_allowed": True})
        except self._pydantic.errors.PydanticUserError:
            # A model has a configuration of its own, and takes no other.
            return self._pydantic.TypeAdapter(annotation)

    def _short(self, found: re.Match[str]) -> str:
        """The name by which everybody knows a class of DSPy's."""
        name = found[1]
        dspy = self._door.open()
        kind = getattr(dspy, name, None)
        is_it = isinstance(kind, type) and f"{kind.__module__}.{kind.__qualname__}" == found[0]
        return f"dspy.{name}" if is_it else found[0]

    @cached_property
    def _pydantic(self) -> Any:
        self._door.open()
        return self._door.import_module("pydantic")

    @cached_property
    def _generator(self) -> Any:
        base = self._door.import_module("pydantic.json_schema").GenerateJsonSchema
        return _generator_class(self._door.open(), base)

    @cached_property
    def _failures(self) -> tuple[type[Exception], ...]:
        core = self._door.import_module("pydantic_core")
        # Annotations are anybody's code; these are what looking at strange ones raises.
        return (
            *(self._pydantic.errors.PydanticUserError, core.SchemaError, core.PydanticOmit),
            *(TypeError, ValueError, AttributeError, NameError, RecursionError),
        )


def _generator_class(dspy: Any, base: Any) -> Any:
    class Generator(base):  # type: ignore[misc]  # pydantic is known at run time only
        """Tells what the bridge answers, where that is not what pydantic would write."""

        ignored_warning_kinds = frozenset({"non-serializable-default"})

        def emit_warning(self, kind: Any, detail: str) -> None:
            if kind == "skipped-choice":
                # A schema of half the choices would refuse what a caller may send, such as a ref.
                raise TypeError(detail)
            super().emit_warning(kind, detail)

        def model_schema(self, schema: Any) -> Any:
            kind = schema["cls"]
            if issubclass(kind, (dspy.Reasoning, dspy.Code)):
                return {"type": "string"}
            found = super().model_schema(schema)
            if kind.__module__.partition(".")[0] == "dspy":
                found.pop("description", None)  # pages about DSPy, not about the value
            return found

        def is_subclass_schema(self, schema: Any) -> Any:
            if issubclass(schema["cls"], dspy.Signature):
                return {"type": ["string", "object"]}  # how callers write one
            # Pydantic's own says "anything", for classes, which are no values of JSON.
            return self.handle_invalid_for_json_schema(schema, "a class")

    return Generator
