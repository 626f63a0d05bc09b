"""DSPex's calls into DSPy by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.dispatch import DSPexTool
from snakepit_bridge.adapters.dspex.results import converted, list_in, object_in
from snakepit_bridge.adapters.dspex.shelf import shelf_of, store_new
from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.arguments import Arguments
from snakepit_bridge.handlers.dspy.call import Call
from snakepit_bridge.handlers.dspy.call_shape import shape_of
from snakepit_bridge.values.refs import Ref

if TYPE_CHECKING:
    from snakepit_bridge.adapters.dspex.bench import Bench
    from snakepit_bridge.adapters.dspex.elixir import ElixirTools
    from snakepit_bridge.session.context import Session

STORED = "stored."
"""How the path of a stored object begins."""

CONSTRUCTOR = "__init__"

_AGENTS = frozenset({"ReAct", "ReActV2"})


class CallTools:
    """``call_dspy``.

    Args:
        bench: What it works with.
        elixir: Has the tools of agents.
    """

    def __init__(self, bench: Bench, elixir: ElixirTools) -> None:
        self._bench = bench
        self._elixir = elixir

    def tools(self) -> tuple[DSPexTool, ...]:
        """The tools of this group."""
        repeats = ("module_path", "function_name")
        return (DSPexTool("call_dspy", self.call_dspy, with_traceback=True, repeats=repeats),)

    def call_dspy(
        self,
        session: Session,
        *,
        module_path: str,
        function_name: str,
        args: list[Any] | str | None = None,
        kwargs: dict[str, Any] | str | None = None,
    ) -> dict[str, Any]:
        """Call a method of a stored object, a class, or a function.

        Args:
            session: The session.
            module_path: ``stored.ID``, or the dotted name of a class, a module or a function.
            function_name: What to call there; ``__init__`` creates and stores an object.
            args: Positional arguments, or their JSON text.
            kwargs: Arguments by name, or their JSON text.
        """
        self._bench.dspy()
        given = Arguments(
            tuple(self._resolved(session, each) for each in list_in(args, "args")),
            {
                name: self._resolved(session, each)
                for name, each in object_in(kwargs, "kwargs").items()
            },
        )
        if module_path.startswith(STORED):
            return self._method(session, module_path.removeprefix(STORED), function_name, given)
        if "." not in module_path:
            raise InvalidArgumentError(
                f"{module_path!r} is no dotted name.",
                {"argument": "module_path", "hint": "E.g. 'dspy.Predict' or 'stored.ID'."},
            )
        if function_name == CONSTRUCTOR:
            return self._constructed(session, module_path, given)
        return self._static(session, module_path, function_name, given)

    # --- the four kinds of calls ----------------------------------------------------------------

    def _method(self, session: Session, name: str, method: str, given: Arguments) -> dict[str, Any]:
        thing = shelf_of(session).find(name)
        instance = session.instances.get(thing.ref) if thing.ref else None
        target = getattr(type(instance), method, None)
        result = self._bench.call(session, thing, method, _in_one(target, given, bound=True))
        return self._result(session, result, "method")

    def _constructed(self, session: Session, path: str, given: Arguments) -> dict[str, Any]:
        kind = self._bench.workbench.allow.find(path)
        # An agent has two parameters without defaults, the second of which are its tools.
        if getattr(kind, "__name__", "") in _AGENTS and len(given.positional) < 2:  # noqa: PLR2004
            named = {"tools": self._elixir.registered(session), **given.keywords}
            given = Arguments(given.positional, named)
        thing = self._bench.create(session, path, _in_one(kind, given))
        name = store_new(session, thing.type.lower(), thing)
        return {
            "success": True,
            "instance_id": name,
            "type": "constructor",
            "class_name": thing.type,
        }

    def _static(self, session: Session, path: str, name: str, given: Arguments) -> dict[str, Any]:
        target, kind = self._target(path, name)
        if isinstance(target, type):
            return self._constructed(session, f"{path}.{name}", given)
        bench = self._bench.workbench
        given = Arguments(
            bench.arguments(session, list(given.positional)).positional,
            bench.arguments(session, given.keywords).keywords,
        )
        bench.allow.check_call(target, given.positional, given.keywords)
        details = {"module_path": path, "function_name": name}
        scene = bench.scene(session, "call_dspy", details=details)
        result = bench.data(session, bench.run_here(Call(scene, target, given)))
        return self._result(session, result, kind)

    # --- their parts ----------------------------------------------------------------------------

    def _target(self, path: str, name: str) -> tuple[Callable[..., Any], str]:
        allow = self._bench.workbench.allow
        try:
            found = allow.find(path)
        except InvalidArgumentError:
            # A module, or nothing at all; the error for this name says which.
            return allow.find(f"{path}.{name}"), "static_method"
        if isinstance(found, type):
            return allow.method(found, name), "static_method"
        return found, "function"

    def _resolved(self, session: Session, value: Any) -> Any:
        """An argument, with live objects in the place of the paths of stored ones."""
        if isinstance(value, list):
            return [self._resolved(session, each) for each in value]
        if isinstance(value, dict):
            return {name: self._resolved(session, each) for name, each in value.items()}
        if not isinstance(value, str):
            return value
        shelf, name = shelf_of(session), value.removeprefix(STORED)
        if name == value or not shelf.has(name):
            return value  # a text that only looks like a path
        thing = shelf.find(name)
        return session.instances.get(thing.ref) if thing.ref else thing.data

    def _result(self, session: Session, result: Any, kind: str) -> dict[str, Any]:
        answer = {"success": True, "result": converted(result), "type": kind}
        if not isinstance(result, Ref):
            return answer
        # A program or a signature, which the caller will want to call.
        thing = self._bench.kept(session, result)
        name = store_new(session, thing.type.lower(), thing)
        return {**answer, "result": name, "instance_id": name}


def _in_one(
    target: Callable[..., Any] | None, given: Arguments, *, bound: bool = False
) -> list[Any] | dict[str, Any]:
    """Arguments as one list, or as one object.

    Args:
        target: Whose parameters have the names of positional arguments.
        given: The arguments.
        bound: Whether the first parameter is the object itself.

    Raises:
        InvalidArgumentError: There are both kinds, and the positional ones have no names.
    """
    if not given.keywords:
        return list(given.positional)
    if not given.positional:
        return dict(given.keywords)
    shape = None if target is None else shape_of(target)
    parameters = list(shape.parameters.values())[int(bound) :] if shape else []
    names = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    taken = names[: len(given.positional)]
    if len(taken) < len(given.positional) or set(taken) & given.keywords.keys():
        raise InvalidArgumentError(
            "These 'args' cannot go together with these 'kwargs'.",
            {"hint": "Send all arguments in 'kwargs', by their names."},
        )
    return {**dict(zip(taken, given.positional, strict=True)), **given.keywords}
