"""What stands for live objects among the arguments of a command, resolved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from snakepit_bridge.errors import InstanceNotFoundError, InvalidArgumentError
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.refusals import MAX_DEPTH
from snakepit_bridge.values.tag_objects import HostFunction

TYPE_KEY = "__type__"
OLD_REF_KEY = "__snakebridge_ref__"

_REF = re.compile(r"[^\W-]+-[0-9a-f]{16}")
_SHORTEST_REF = 18

_ATOMS = frozenset({int, float, bool, bytes, type(None)})
"""Most of what travels; nothing can be within."""


class Held(msgspec.Struct, frozen=True):
    """An object where a ref could stand: what an earlier call of the same command gave."""

    instance: Any
    ref: str = ""
    """Under which the session keeps it, if it does."""


class References:
    """Puts live objects in the place of what stands for them.

    That is, at any depth: a ``Ref``; a text that is as a whole the ref of a live object; an object
    tagged as a ref, as it arrives where the encoding has no tags of its own; a function of the
    host, tagged or not. Slices may be tagged, too. Texts that are keys stay texts.

    Args:
        find: The live object of a ref.
        function: Makes a callable of a function of the host; ``None`` leaves them as they are.
        check: Raises for an object that may not be an argument.
        depth: Levels that are looked through; what lies deeper is handed on as it is, if ``check``
            lets it.
    """

    def __init__(
        self,
        find: Callable[[str], Any],
        *,
        function: Callable[[HostFunction], Any] | None = None,
        check: Callable[[Any], None] = lambda _: None,
        depth: int = MAX_DEPTH,
    ) -> None:
        self._find = find
        self._function = function
        self._check = check
        self._depth = depth

    def resolved(self, value: Any) -> Any:
        """The value with live objects in it; containers are copied.

        Raises:
            InstanceNotFoundError: Something that can only be a ref leads to nothing.
            ForeignRefError: A ref belongs to another session.
        """
        return self._resolved(value, self._depth)

    def instance(self, ref: Any) -> Any:
        """The live object of a single ref, in whatever form.

        Raises:
            InstanceNotFoundError: There is none.
            ForeignRefError: It belongs to another session.
            InvalidArgumentError: It is no ref.
        """
        return ref.instance if isinstance(ref, Held) else self._find(self.name(ref))

    def name(self, ref: Any) -> str:
        """The text of a single ref, in whatever form.

        Raises:
            InvalidArgumentError: It is no ref.
        """
        name = ref.ref if isinstance(ref, Held) else ref if isinstance(ref, str) else _ref_in(ref)
        if not name:
            raise InvalidArgumentError(
                f"A ref was expected, not something of the type {type(ref).__name__!r}.",
                {"hint": "Send the text that the command answered which made the object."},
            )
        return name

    def _resolved(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self._of_text(value)
        if kind is Ref or kind is Held:
            return self._checked(self.instance(value))
        if kind is HostFunction and self._function is not None:
            return self._function(value)
        if kind in _ATOMS:
            return value
        if kind is dict and depth > 0:
            return self._of_dict(value, depth - 1)
        return self._of_sequence(value, depth - 1)

    def _of_sequence(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if depth < 0:
            return self._checked(value)
        if kind is slice:
            return slice(*(self._resolved(each, depth) for each in _ends(value)))
        if kind in {list, tuple, set, frozenset}:
            atoms = _ATOMS
            return kind(
                each if type(each) in atoms else self._resolved(each, depth) for each in value
            )
        return self._checked(value)

    def _of_dict(self, value: dict[Any, Any], depth: int) -> Any:
        if TYPE_KEY in value or OLD_REF_KEY in value:
            ref = _ref_in(value)
            if ref is not None:
                return self._checked(self._find(ref))
            function = None if self._function is None else host_function_in(value)
            if function is not None:
                return self._resolved(function, depth)
            plain = _plain_in(value)
            if plain is not value:
                return self._resolved(plain, depth)
        return {
            key if isinstance(key, str) else self._resolved(key, depth): self._resolved(each, depth)
            for key, each in value.items()
        }

    def _of_text(self, text: str) -> Any:
        if len(text) < _SHORTEST_REF or text[-17] != "-" or not _REF.fullmatch(text):
            return text
        try:
            return self._checked(self._find(text))
        except InstanceNotFoundError:
            return text  # it only looks like a ref

    def _checked(self, instance: Any) -> Any:
        self._check(instance)
        return instance


def host_function_in(tagged: Mapping[Any, Any]) -> HostFunction | None:
    """The function of the host that a tagged object describes, if it does."""
    match tagged:
        case {"__type__": "tool", "name": str(name)}:
            return HostFunction(tool=name)
        case {"__type__": "callback", "ref_id": str(ref)} | {
            "__type__": "callback",
            "callback_id": str(ref),
        }:
            arity = tagged.get("arity")
            arity = arity if isinstance(arity, int) else None
            return HostFunction(tool="snakebridge.callback", callback_id=ref, arity=arity)
    return None


def _ref_in(tagged: Any) -> str | None:
    match tagged:
        case {"__type__": "ref" | "stream_ref", "id": str(ref)}:
            return ref
        case {"__type__": "ref" | "stream_ref", "ref_id": str(ref)}:
            return ref
        case {"__snakebridge_ref__": ref, "ref_id": str(name)} if ref:
            return name
    return None


def _plain_in(tagged: dict[Any, Any]) -> Any:
    """A value that plain JSON has no form for, where it is tagged."""
    members = {key: each for key, each in tagged.items() if key not in {TYPE_KEY, "__schema__"}}
    match tagged.get(TYPE_KEY):
        case "slice" if members.keys() <= {"start", "stop", "step"}:
            return slice(members.get("start"), members.get("stop"), members.get("step"))
        case "ellipsis" if not members:
            return ...
        case "tuple" if members.keys() == {"elements"} and isinstance(members["elements"], list):
            return tuple(members["elements"])
    return tagged


def _ends(value: slice) -> tuple[Any, Any, Any]:
    return value.start, value.stop, value.step
