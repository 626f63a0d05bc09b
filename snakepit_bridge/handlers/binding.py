"""The arguments of a command onto the parameters of its method, every wrong one named."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN_TYPES: frozenset[Any] = frozenset({str, int, float, bool, bytes, list, dict})
"""What a caller may send and a session never is."""

_EXACT: frozenset[Any] = frozenset({str, int, float, bool})
"""Types for which ``type(value) is annotation`` already proves the value right."""


class Parameter(msgspec.Struct, frozen=True):
    """One keyword-only parameter of a command."""

    name: str
    annotation: Any
    required: bool
    default: Any = None

    def convert(self, value: Any) -> Any:
        """The value as the method wants it.

        Raises:
            msgspec.ValidationError: It is of another type; the message says where.
        """
        annotation = self.annotation
        if annotation is Any or (annotation in _EXACT and type(value) is annotation):
            return value
        return msgspec.convert(value, annotation)


class Binder:
    """Checks and converts the arguments of one command.

    Args:
        parameters: What the method takes.
        takes_extra: Whether it has a ``**`` parameter for what it does not name.
        reserved: Names no argument can have, because the method itself uses them.
    """

    def __init__(
        self,
        parameters: tuple[Parameter, ...],
        *,
        takes_extra: bool,
        reserved: frozenset[str] = frozenset(),
    ) -> None:
        self.parameters = parameters
        self._reserved = reserved
        self._by_name = {parameter.name: parameter for parameter in parameters}
        self._required = tuple(each.name for each in parameters if each.required)
        self._takes_extra = takes_extra

    def bind(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments for the method.

        Raises:
            InvalidArgumentError: Names every argument that is missing, unknown or of a wrong type.
        """
        bound: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, value in args.items():
            parameter = self._by_name.get(name)
            if parameter is None:
                if self._takes_extra and name not in self._reserved:
                    bound[name] = value
                else:
                    wrong[name] = self._unknown(name)
                continue
            try:
                bound[name] = parameter.convert(value)
            except msgspec.ValidationError as error:
                wrong[name] = _because(error, parameter.annotation)
        for name in self._required:
            if name not in args:
                wrong[name] = "is missing"
        if wrong:
            # A wire may bring the arguments in any order; people read the same one each time.
            ordered = sorted(wrong.items(), key=lambda item: (item[0] not in args, item[0]))
            raise self._refusal(command, dict(ordered))
        return bound

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, one object."""
        shown, components = msgspec.json.schema_components(
            [each.annotation for each in self.parameters],
            schema_hook=_schema_of_object,
            ref_template="#/$defs/{name}",
        )
        properties: dict[str, Any] = {
            parameter.name: {**each, **_default_of(parameter)}
            for parameter, each in zip(self.parameters, shown, strict=True)
        }
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if self._required:
            schema["required"] = list(self._required)
        schema["additionalProperties"] = self._takes_extra
        if components:
            schema["$defs"] = components
        return schema

    def _unknown(self, name: str) -> str:
        near = nearest(name, self._by_name)
        return f"is unknown (did you mean {near!r}?)" if near else "is unknown"

    def _refusal(self, command: str, wrong: Mapping[str, str]) -> InvalidArgumentError:
        listed = "; ".join(f"{name!r} {why}" for name, why in wrong.items())
        takes = ", ".join(each.name + ("" if each.required else "?") for each in self.parameters)
        return InvalidArgumentError(
            f"Wrong arguments for {command!r}: {listed}.",
            {
                "command": command,
                "arguments": dict(wrong),
                "hint": f"It takes: {takes}." if takes else "It takes no arguments.",
            },
        )


class OpenBinder:
    """Lets every argument through: for the form ``(session, args)``."""

    def bind(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, copied, so that the handler may change them."""
        del command
        return dict(args)

    def schema(self) -> dict[str, Any]:
        """Any object."""
        return {"type": "object", "additionalProperties": True}


def binder_for(method: Callable[..., Any]) -> Binder | None:
    """The binder of a method's parameters after its session; ``None`` for ``(session, args)``.

    Raises:
        TypeError: The method has neither of the two forms, or an annotation that no value from a
            wire could have.
    """
    parameters = list(inspect.signature(method).parameters.values())
    if not parameters or parameters[0].kind not in _POSITIONAL:
        raise _bad_form(method)
    rest = parameters[1:]
    if _hints(method, {parameters[0].name}, missing={}).get(parameters[0].name) in _PLAIN_TYPES:
        raise _bad_form(method)
    if [each.kind in _POSITIONAL for each in rest] == [True]:
        _refuse_lone_parameter(method, rest[0])
        return None
    extra = [each for each in rest if each.kind is inspect.Parameter.VAR_KEYWORD]
    named = [each for each in rest if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if len(extra) + len(named) != len(rest):
        raise _bad_form(method)
    return Binder(
        parameters_of(method, named), takes_extra=bool(extra), reserved=_positional_names(method)
    )


def parameters_of(
    function: Callable[..., Any], chosen: list[inspect.Parameter]
) -> tuple[Parameter, ...]:
    """What the binder needs to know of the chosen parameters of a function.

    Raises:
        TypeError: An annotation cannot be read, or no value from a wire could have it.
    """
    hints = _hints(function, {each.name for each in chosen})
    parameters = []
    for each in chosen:
        annotation = hints.get(each.name, Any)
        # Most are; asking for all their schemas would take a tenth of a start.
        if annotation is not Any and not _is_plain(annotation):
            _refuse_unsendable(function, each.name, annotation)
        required = each.default is inspect.Parameter.empty
        default = None if required else each.default
        parameters.append(Parameter(each.name, annotation, required, default))
    return tuple(parameters)


def _is_plain(annotation: Any) -> bool:
    # Only of a class it is sure that it can be looked up.
    return type(annotation) is type and annotation in _PLAIN_TYPES


def _refuse_unsendable(function: Callable[..., Any], name: str, annotation: Any) -> None:
    try:
        msgspec.json.schema(annotation, schema_hook=_schema_of_object)
    except TypeError as error:
        text = f"{_name(function)}: no value from a wire can become {name}: {annotation}."
        raise TypeError(text) from error


def _refuse_lone_parameter(method: Callable[..., Any], lone: inspect.Parameter) -> None:
    """Refuse ``(session, name)``, which wants to be ``(session, *, name)``."""
    if lone.name == "args":
        return
    hint = _hints(method, {lone.name}, missing={}).get(lone.name)
    if hint is not Any and not _is_mapping(hint):
        raise _bad_form(method)


def _is_mapping(hint: Any) -> bool:
    kind = typing.get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, Mapping)


def _positional_names(method: Callable[..., Any]) -> frozenset[str]:
    """Names of the session's parameter and, of a bound method, of its own object's."""
    code = inspect.unwrap(method)
    parameters = inspect.signature(getattr(code, "__func__", code)).parameters.values()
    return frozenset(each.name for each in parameters if each.kind in _POSITIONAL)


def _hints(
    function: Callable[..., Any], names: set[str], *, missing: dict[str, Any] | None = None
) -> dict[str, Any]:
    # Only the parameters a caller can send are evaluated: the session and the return type may well
    # be names that exist for the type checker alone.
    code = inspect.unwrap(getattr(function, "__func__", function))
    written = {name: hint for name, hint in code.__annotations__.items() if name in names}
    shell = type("Parameters", (), {"__annotations__": written})
    try:
        return typing.get_type_hints(shell, globalns=code.__globals__, include_extras=True)
    except NameError as error:
        if missing is not None:
            return missing
        text = (
            f"{_name(function)}: the annotation {error.name!r} does not exist at run time. "
            "Import it outside of 'if TYPE_CHECKING'."
        )
        raise TypeError(text) from error


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _because(error: msgspec.ValidationError, annotation: Any) -> str:
    text = str(error)
    if text.startswith("Invalid enum value") and " - at " not in text:
        text = f"Expected {_choices_of(annotation)}, got {text.rpartition(' value ')[2]}"
    place = text.rpartition(" - at `$")
    if place[1]:
        text = f"{place[0]} at {place[2].rstrip('`')}"
    return f"is wrong: {text[:1].lower()}{text[1:]}"


def _choices_of(annotation: Any) -> str:
    shown = msgspec.json.schema(annotation, schema_hook=_schema_of_object)
    choices = [each for form in (shown, *shown.get("anyOf", ())) for each in form.get("enum", ())]
    return "one of " + ", ".join(map(repr, choices)) if choices else "another value"


def _schema_of_object(kind: type) -> dict[str, Any]:
    if kind is object:  # what careful people write for Any; an empty schema counts as no answer
        return {"description": "any value"}
    raise NotImplementedError


def _default_of(parameter: Parameter) -> dict[str, Any]:
    if parameter.required:
        return {}
    try:
        return {"default": msgspec.to_builtins(parameter.default)}
    except TypeError:
        return {}  # a default that no JSON can show is still a default


def _bad_form(method: Callable[..., Any]) -> TypeError:
    return TypeError(
        f"{_name(method)} must take (session, args), or the session and then keyword-only "
        "parameters: (session, *, name: str, times: int = 1)."
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
