"""The ``python.*`` commands: any allowed Python, called by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import cached_property, partial
from types import AsyncGeneratorType, CoroutineType, GeneratorType, ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.binding import binder_for
from snakepit_bridge.handlers.python.batch import Batch, BatchCall, Failed, as_entry
from snakepit_bridge.handlers.python.calls import Calls
from snakepit_bridge.handlers.python.describe import Describer
from snakepit_bridge.handlers.python.host_calls import HostCall
from snakepit_bridge.handlers.python.items import batches_of, items_of
from snakepit_bridge.handlers.python.kinds import shown
from snakepit_bridge.handlers.python.origins import Origins
from snakepit_bridge.handlers.python.parts import part_of
from snakepit_bridge.handlers.python.places import Places
from snakepit_bridge.handlers.python.reach import Reach
from snakepit_bridge.handlers.python.within import things_in
from snakepit_bridge.handlers.references import References
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.values.refs import Ref

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import InstanceManager

MOST_CALLS = 10_000
"""Calls in one batch."""

MOST_ITEMS = 10_000
"""Items in one batch of a stream."""

List = list[Any]
Object = dict[str, Any]


class PythonHandler:
    """Calls Python by name and keeps what has no form as a value; one serves all threads.

    Callers reach what the allow-list names, and nothing else: by where a thing is defined, not by
    how it is spelled. The commands are ``def`` and never run on the loop.

    A ref among the arguments stands for its object, at any depth; a function of the host becomes
    one that can be called.

    Args:
        instances: Keeps the objects.
        allow: Packages and modules; each covers what lies under it. Nothing by default.
        importer: Imports a module by name.
        code_execution: Whether parts may be used that run code somebody sends.
    """

    def __init__(
        self,
        instances: InstanceManager,
        *,
        allow: Sequence[str] = (),
        importer: Callable[[str], ModuleType] = importlib.import_module,
        code_execution: bool = False,
    ) -> None:
        self._instances = instances
        places = Places(allow, code_execution=code_execution)
        self._reach = Reach(places, Origins(places), importer=importer)
        self._calls = Calls(code_execution=code_execution)
        self._describer = Describer(self._reach)

    # --- calls ----------------------------------------------------------------------------------

    @cached_property
    def _in_batches(self) -> Mapping[str, Callable[[Session, Mapping[str, Any]], Any]]:
        return {
            f"python.{method.__name__}": _bound(f"python.{method.__name__}", method)
            for method in (
                *(self.call, self.create, self.call_method, self.get_attribute),
                *(self.set_attribute, self.get_item, self.length, self.release, self.describe),
            )
        }

    @handles("python.call")
    def call(
        self,
        session: Session,
        *,
        target: str,
        args: List | None = None,
        kwargs: Object | None = None,
    ) -> Any:
        """Call a function or class by its name and answer with what it returns.

        An ``async`` function is awaited.

        Args:
            target: E.g. ``"numpy.linalg.norm"``.
            args: Positional arguments.
            kwargs: Arguments by name.

        Raises:
            NotAllowedError: The target, or an argument, is not allowed.
            InvalidArgumentError: There is no such thing.
        """
        return self._leaving(session, self._called(session, target, args, kwargs))

    @handles("python.create")
    def create(
        self,
        session: Session,
        *,
        target: str,
        args: List | None = None,
        kwargs: Object | None = None,
    ) -> Ref:
        """Call a class or function, keep what it returns in the session, and answer with its ref.

        Raises:
            NotAllowedError: The target, or an argument, is not allowed.
            InvalidArgumentError: There is no such thing.
            SessionError: The session keeps nothing.
        """
        made = self._called(session, target, args, kwargs)
        return self._instances.register(session.id, made)

    @handles("python.call_method")
    def call_method(
        self,
        session: Session,
        *,
        ref: Any,
        method: str,
        args: List | None = None,
        kwargs: Object | None = None,
    ) -> Any:
        """Call a method of a live object, ``"__call__"`` for the object itself.

        Raises:
            NotAllowedError: The method, or an argument, is not allowed.
            InvalidArgumentError: There is no such method.
            SessionError: There is no such object in the session.
        """
        references = self._references(session)
        instance = references.instance(ref)
        path = f"{shown(instance)}.{method}"
        target = self._reach.callable(self._reach.attribute(instance, method, path), path)
        return self._leaving(session, self._run(references, target, args, kwargs))

    # --- attributes and items -------------------------------------------------------------------

    @handles("python.get_attribute")
    def get_attribute(
        self, session: Session, *, name: str, ref: Any = None, target: str | None = None
    ) -> Any:
        """Read an attribute of a live object, or of a module or class by its name.

        Raises:
            NotAllowedError: It is not allowed.
            InvalidArgumentError: There is no such attribute.
        """
        if target is not None and ref is None:
            return self._leaving(session, self._reach.find(f"{target}.{name}"))
        thing = self._thing(session, ref, target)
        return self._leaving(session, self._reach.attribute(thing, name))

    @handles("python.set_attribute")
    def set_attribute(self, session: Session, *, ref: Any, name: str, value: Any) -> None:
        """Set an attribute of a live object.

        Raises:
            NotAllowedError: It is not allowed, or the object belongs to all sessions.
        """
        references = self._references(session)
        instance = references.instance(ref)
        self._reach.check_assignment(instance, name)
        setattr(instance, name, references.resolved(value))

    @handles("python.get_item")
    def get_item(self, session: Session, *, ref: Any, key: Any) -> Any:
        """Read an item of a live object, as ``object[key]`` does; a key may be a slice.

        Raises:
            NotAllowedError: Its type is not allowed.
        """
        references = self._references(session)
        item = self._reach.attribute(references.instance(ref), "__getitem__")
        return self._leaving(session, item(references.resolved(key)))

    @handles("python.length")
    def length(self, session: Session, *, ref: Any) -> int:
        """How many items a live object says it has.

        Raises:
            NotAllowedError: Its type is not allowed.
        """
        instance = self._references(session).instance(ref)
        self._reach.attribute(instance, "__len__")
        return len(instance)

    @handles("python.iterate")
    def iterate(  # noqa: PLR0913  (the arguments of the command)
        self,
        session: Session,
        *,
        ref: Any = None,
        target: str | None = None,
        args: List | None = None,
        kwargs: Object | None = None,
        batch: Annotated[int, msgspec.Meta(ge=1, le=MOST_ITEMS)] | None = None,
    ) -> Generator[Any, None, None]:
        """Stream the items of a live object, or of what a call returns, as they are asked for.

        Args:
            ref: The object.
            target: What to call instead.
            args: Positional arguments of the call.
            kwargs: Arguments by name.
            batch: Send lists of so many items instead; the last one may be shorter.

        Raises:
            NotAllowedError: It is not allowed.
            InvalidArgumentError: It cannot be iterated.
        """
        if target is not None and ref is None:
            thing = self._called(session, target, args, kwargs)
        else:
            thing = self._thing(session, ref, target)
        name = target or shown(thing)
        with closing(items_of(self._reach.iterable(thing, name))) as items:
            leaving = map(partial(self._leaving, session), items)
            yield from leaving if batch is None else batches_of(leaving, batch)

    # --- the rest -------------------------------------------------------------------------------

    @handles("python.release")
    def release(self, session: Session, *, ref: Any) -> bool:
        """Forget a live object, and close one that ``python.create`` made; false when it was gone.

        What another command has answered was only lent: whoever made it closes it.

        Raises:
            ForeignRefError: It belongs to another session.
        """
        return self._instances.release(session.id, self._references(session).name(ref))

    @handles("python.describe")
    def describe(
        self, session: Session, *, ref: Any = None, target: str | None = None
    ) -> dict[str, Any]:
        """Tell what a module, class, function or live object is, and what it has.

        Raises:
            NotAllowedError: It is not allowed.
            InvalidArgumentError: There is no such thing.
        """
        thing = self._thing(session, ref, target)
        self._reach.check(thing, target or shown(thing))
        return self._describer.description(thing)

    @handles("python.batch")
    def batch(
        self,
        session: Session,
        *,
        calls: Annotated[list[BatchCall], msgspec.Meta(max_length=MOST_CALLS)],
        stop_on_error: bool = True,
    ) -> list[Any]:
        """Run several ``python.*`` commands one after the other and answer with all results.

        ``{"__type__": "result", "index": 0, "path": ["field", 0]}`` anywhere in the arguments of a
        call stands for the result of an earlier one, or a part of it.

        Args:
            calls: ``{"command": "python.call", "args": {…}}`` each.
            stop_on_error: Whether the first failure ends the batch and is its failure; otherwise
                ``{"error": {…}}`` stands for the result of each call that has failed.

        Raises:
            InvalidArgumentError: A command is unknown, or a result is used before it is there;
                nothing has run then.
        """
        walk = partial(self._part, session)
        results = Batch(calls, self._in_batches, walk).run(session, stop_on_error=stop_on_error)
        return [as_entry(each) if isinstance(each, Failed) else each for each in results]

    # --- the steps ------------------------------------------------------------------------------

    def _called(
        self, session: Session, target: str, args: List | None, kwargs: Object | None
    ) -> Any:
        found = self._reach.callable(self._reach.find(target), target)
        return self._run(self._references(session), found, args, kwargs)

    def _run(
        self,
        references: References,
        target: Callable[..., Any],
        args: List | None,
        kwargs: Object | None,
    ) -> Any:
        resolved = references.resolved
        positional = [resolved(value) for value in args or ()]
        keywords = {name: resolved(value) for name, value in (kwargs or {}).items()}
        return self._calls.call(target, positional, keywords)

    def _references(self, session: Session) -> References:
        references = References(
            partial(self._instances.get, session.id),
            function=lambda function: HostCall(session, function, references.resolved),
            check=self._check_argument,
        )
        return references

    def _check_argument(self, thing: Any) -> None:
        for each in things_in(thing):
            self._reach.check_argument(each)
            self._calls.check_argument(each)

    def _thing(self, session: Session, ref: Any, target: str | None) -> Any:
        if (ref is None) is (target is None):
            raise InvalidArgumentError(
                "Either 'ref' or 'target' is needed, and not both.",
                {"hint": "'ref' is a live object of the session, 'target' a name like 'math'."},
            )
        if target is not None:
            return self._reach.find(target)
        return self._references(session).instance(ref)

    def _part(self, session: Session, result: Any, path: Sequence[Any]) -> Any:
        if isinstance(result, Ref):
            result = self._instances.get(session.id, result)
        return part_of(result, path, self._reach.attribute)

    def _leaving(self, session: Session, result: Any) -> Any:
        """The result, kept if it is something whose code has not run to its end."""
        if isinstance(result, CoroutineType):
            return self._calls.awaited(result)
        if isinstance(result, (GeneratorType, AsyncGeneratorType)):
            return self._instances.register(session.id, result)
        return result


def _bound(command: str, method: Callable[..., Any]) -> Callable[[Session, Mapping[str, Any]], Any]:
    binder = binder_for(method)
    assert binder is not None

    def run(session: Session, args: Mapping[str, Any]) -> Any:
        return method(session, **binder.bind(command, args))

    return run
