"""Objects of a JSON schema as pydantic's models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec

_EXTRA: Mapping[str, Any] = {"None": "ignore", "False": "forbid"}


class Property(msgspec.Struct, frozen=True):
    """One property of an object."""

    type: Any
    default: Any = msgspec.UNSET
    """Where it has one; it is then not required."""

    required: bool = True


def model_of(
    name: str, properties: Mapping[str, Property], extra: Any, notes: Mapping[str, Any]
) -> Any:
    """A model with these properties.

    What is not required and not there stays away from what the model dumps, too.

    Args:
        name: Of the class.
        properties: By the names they have as data, whatever these are.
        extra: The type of further properties: ``None`` drops them, ``False`` refuses them.
        notes: ``title`` and ``description``.
    """
    import pydantic

    base = _answer_class()
    ours = _attribute_names(properties, base)
    fields: Any = {
        ours[theirs]: (each.type, pydantic.Field(**_options(ours[theirs], theirs, each)))
        for theirs, each in properties.items()
    }
    config = pydantic.ConfigDict(
        extra=_EXTRA.get(str(extra), "allow"),
        title=notes.get("title"),
        serialize_by_alias=True,
        protected_namespaces=(),
    )
    namespace: dict[str, Any] = {"__module__": __name__, "model_config": config}
    if extra is not None and extra is not False:
        namespace["__annotations__"] = {"__pydantic_extra__": dict[str, extra]}
    with_config = type(base)("Extended", (base,), namespace)
    return pydantic.create_model(
        name, __base__=with_config, __doc__=notes.get("description"), __module__=__name__, **fields
    )


def _options(ours: str, theirs: str, each: Property) -> dict[str, Any]:
    options: dict[str, Any] = {} if ours == theirs else {"alias": theirs}
    if each.default is not msgspec.UNSET:
        options["default"] = each.default
    elif not each.required:
        options["default_factory"] = _absent
    return options


def _absent() -> None:
    """Stands for a property that is not there; unlike a default it is in no schema."""


def _attribute_names(properties: Mapping[str, Property], base: Any) -> dict[str, str]:
    """Names that Python and pydantic can do with; others are only seen as data."""
    taken = set(properties)
    names = {}
    for number, theirs in enumerate(properties):
        ours = theirs
        if not theirs.isidentifier() or theirs.startswith(("_", "model_")) or hasattr(base, theirs):
            ours = f"property_{number}"
            while ours in taken:
                ours += "_"
            taken.add(ours)
        names[theirs] = ours
    return names


@cache
def _answer_class() -> Any:
    import pydantic

    class Answer(pydantic.BaseModel):
        @pydantic.model_serializer(mode="wrap")
        def _present(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any] | None:
            if self is None:
                # A property of this type that is absent in another object.
                return None
            dumped = dump(self)
            for name, field in type(self).model_fields.items():
                if field.default_factory is _absent and name not in self.model_fields_set:
                    dumped.pop(field.alias or name, None)
                    dumped.pop(name, None)
            return dumped

    return Answer
