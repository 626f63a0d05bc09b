"""Commands by name: what marks a method as one, where it is found again."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

from snakepit_bridge.errors import CommandNotFoundError
from snakepit_bridge.handlers.binding import Binder, OpenBinder, binder_for
from snakepit_bridge.session.context import Session
from snakepit_bridge.telemetry.instrumentation import InstrumentedHandler

_MARK = "__snakepit_command__"

F = TypeVar("F", bound=Callable[..., Any])


@runtime_checkable
class Handler(Protocol):
    """Answers to the commands it recognises by itself."""

    def can_handle(self, command: str) -> bool:
        """Whether this handler answers to the command."""

    def execute(self, session: Session, args: Any) -> Any:
        """Run the command: plain, ``async``, or as a generator."""


class _Mark:
    __slots__ = ("command", "exclusive")

    def __init__(self, command: str, *, exclusive: bool) -> None:
        self.command = command
        self.exclusive = exclusive


def handles(command: str, *, exclusive: bool = False) -> Callable[[F], F]:
    """Mark a method or a function as the code of a command. Registers nothing by itself.

    Args:
        command: The name on the wire, e.g. ``"greet.say"``.
        exclusive: Whether the calls within one session take turns.
    """
    if not isinstance(command, str):
        text = 'write @handles("name") with the name of the command'
        raise TypeError(text)
    if not command or command != command.strip():
        text = f"a command needs a name without surrounding spaces, not {command!r}"
        raise ValueError(text)

    def mark(function: F) -> F:
        other = getattr(function, _MARK, None)
        if other is not None:
            text = f"one method cannot be two commands: {other.command!r} and {command!r}"
            raise ValueError(text)
        setattr(function, _MARK, _Mark(command, exclusive=exclusive))
        return function

    return mark


class HandlerEntry:
    """One command as the registry keeps it: its code, its parameters, how it runs.

    Args:
        command: Its name; what a handler that recognises commands by itself is called in metrics.
        call: Takes the session and then either the arguments or keywords.
        exclusive: Whether the calls within one session take turns.
        answers: Which names it answers to; its own alone by default.
    """

    def __init__(
        self,
        command: str,
        call: Callable[..., Any],
        *,
        exclusive: bool = False,
        answers: Callable[[str], bool] | None = None,
    ) -> None:
        self.command = command
        self.exclusive = exclusive
        self._call = call
        binder = binder_for(call)
        self._keywords = binder is not None
        self._binder: Binder | OpenBinder = binder or OpenBinder()
        self._answers = answers
        asynchronous = inspect.iscoroutinefunction(call)
        streams_on_loop = inspect.isasyncgenfunction(call)
        self.runs_on_loop = asynchronous or streams_on_loop
        """Whether the code is ``async`` and runs on the loop; else it may block."""
        self.streams = streams_on_loop or inspect.isgeneratorfunction(call)
        """Whether the code yields items instead of returning a value."""

    answers_both = False
    """Whether the code itself decides, call by call, between a value and items."""

    @property
    def may_stream(self) -> bool:
        """Whether callers should be told that it yields items."""
        return self.streams

    tells_python_calls = False
    """Whether the code tells of the Python calls it makes, so that nobody else has to."""

    @property
    def where(self) -> str:
        """Where the code stands, for people: ``Greeter.say in my_handlers``."""
        code = inspect.unwrap(self._call)
        name = getattr(code, "__qualname__", type(code).__name__)
        return f"{name} in {self.library}"

    @property
    def library(self) -> str:
        """The module of the code."""
        return str(getattr(inspect.unwrap(self._call), "__module__", "?"))

    @property
    def description(self) -> str:
        """The first paragraph of its docstring in one line."""
        text = inspect.getdoc(inspect.unwrap(self._call)) or ""
        return " ".join(text.partition("\n\n")[0].split())

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of its arguments."""
        return self._binder.schema()

    def can_handle(self, command: str) -> bool:
        """Whether it answers to this name."""
        return command == self.command if self._answers is None else self._answers(command)

    def takes(self, parameter: str) -> bool:
        """Whether the command itself has a parameter of this name."""
        return parameter in self.schema.get("properties", {})

    def bind(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Check the arguments.

        Raises:
            InvalidArgumentError: Names every wrong one.
        """
        return self._binder.bind(self.command, args)

    def invoke(self, session: Session, bound: Mapping[str, Any]) -> Any:
        """Run the code with arguments from ``bind``."""
        if self._keywords:
            return self._call(session, **bound)
        return self._call(session, bound)

    def items(self, session: Session, bound: Mapping[str, Any]) -> Any:
        """As ``invoke``, for a caller who wants a stream; the items of an entry that has both."""
        return self.invoke(session, bound)

    def execute(self, session: Session, args: Mapping[str, Any]) -> Any:
        """Check the arguments and run the code: the entry is a ``Handler`` itself."""
        return self.invoke(session, self.bind(args))


class _Family:
    """Commands whose code is loaded when one of them is first wanted."""

    def __init__(self, commands: Iterable[str], load: Callable[[], Iterable[object]]) -> None:
        self.commands = frozenset(commands)
        self.load = load


class HandlerRegistry:
    """The commands of a bridge. Filled at start by hand, then only read, from any thread.

    A family of commands is known by name at once, and its code loaded later.
    """

    def __init__(self) -> None:
        self._entries: dict[str, HandlerEntry] = {}
        self._open: list[HandlerEntry] = []
        self._pending: dict[str, _Family] = {}
        self._loading = threading.RLock()

    def register(self, handler: object) -> None:
        """Take in a handler.

        Args:
            handler: An object with ``@handles`` methods, a function marked with ``@handles``, an
                object with the ``Handler`` protocol, or an ``InstrumentedHandler`` around one.

        Raises:
            TypeError: It is none of these, or a method has an impossible form.
            ValueError: A command has a method already; names both. Nothing is taken in then.
        """
        wrap = _same
        if isinstance(handler, InstrumentedHandler):
            wrap, handler = handler.wrap, handler.handler
        if isinstance(handler, type):
            text = f"register an object, not its class: {handler.__name__}()"
            raise TypeError(text)
        taken: dict[str, HandlerEntry] = {}
        for entry in _named_entries(handler, wrap):
            self._refuse_rival(entry, taken)
            taken[entry.command] = entry
        if taken:
            self._entries.update(taken)
        elif isinstance(handler, Handler):
            self._open.append(_open_entry(handler, wrap))
        else:
            text = (
                f"{handler!r} has no @handles methods, nor can_handle() and execute(), "
                "so no command could ever reach it."
            )
            raise TypeError(text)

    def register_later(self, commands: Iterable[str], load: Callable[[], Iterable[object]]) -> None:
        """Take in a family of commands without its code.

        Args:
            commands: All names of the family.
            load: Makes its handlers; called once, when one of the commands is first wanted, on
                whatever thread wants it.

        Raises:
            ValueError: A command has a method already. Nothing is taken in then.
        """
        family = _Family(commands, load)
        for command in family.commands & self.names:
            text = f"{command!r} has two methods: one is {self._where(command)}, one comes later."
            raise ValueError(text)
        self._pending.update(dict.fromkeys(family.commands, family))

    def is_pending(self, command: str) -> bool:
        """Whether the code of a command is not loaded yet; ``load`` may take its time then."""
        return command in self._pending

    def load(self, command: str) -> None:
        """Load the family of a command, unless it has been.

        Raises:
            RuntimeError: The family has other commands than it was registered with.
        """
        with self._loading:
            family = self._pending.get(command)
            if family is None:
                return
            loaded = HandlerRegistry()
            for handler in family.load():
                loaded.register(handler)
            if loaded.names != family.commands:
                odd = ", ".join(sorted(loaded.names ^ family.commands))
                text = f"The family of {command!r} was registered with other commands: {odd}."
                raise RuntimeError(text)
            # First found, then no longer pending: somebody may look in between.
            self._entries.update(loaded._entries)
            for name in family.commands:
                del self._pending[name]

    def add(self, entry: HandlerEntry, *, is_open: bool = False) -> None:
        """Take in an entry that somebody else made, such as a door to another kind of code.

        Args:
            entry: As it is to be found.
            is_open: Whether it recognises its commands by itself; asked after all names.

        Raises:
            ValueError: A command has a method already; names both.
        """
        if is_open:
            self._open.append(entry)
            return
        self._refuse_rival(entry, {})
        self._entries[entry.command] = entry

    def _refuse_rival(self, entry: HandlerEntry, taken: Mapping[str, HandlerEntry]) -> None:
        if entry.command in self._pending:
            text = f"{entry.command!r} has two methods: {entry.where}, and one that comes later."
            raise ValueError(text)
        rival = self._entries.get(entry.command) or taken.get(entry.command)
        if rival is not None:
            text = f"{entry.command!r} has two methods: {rival.where}, and {entry.where}."
            raise ValueError(text)

    def find(self, command: str) -> HandlerEntry:
        """The entry of a command.

        Raises:
            CommandNotFoundError: There is none; the hint is the nearest name.
        """
        if command in self._pending:
            self.load(command)
        entry = self._entries.get(command)
        if entry is not None:
            return entry
        for entry in self._open:
            if entry.can_handle(command):
                return entry
        raise CommandNotFoundError.among(command, self.names)

    def get_handler(self, command: str) -> HandlerEntry | None:
        """The entry of a command, or ``None``; founding name, see ``find``."""
        try:
            return self.find(command)
        except CommandNotFoundError:
            return None

    @property
    def names(self) -> frozenset[str]:
        """The commands that have a name of their own."""
        return frozenset((*self._entries, *self._pending))

    def __iter__(self) -> Iterator[HandlerEntry]:
        """The entries with a name of their own, by name; families are loaded for it."""
        for command in tuple(self._pending):
            self.load(command)
        return iter(sorted(self._entries.values(), key=lambda entry: entry.command))

    def __len__(self) -> int:
        return len(self._entries) + len(self._pending)

    def _where(self, command: str) -> str:
        entry = self._entries.get(command)
        return "to come, too" if entry is None else entry.where


def _same(call: Callable[..., Any]) -> Callable[..., Any]:
    return call


def _named_entries(
    handler: object, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Iterator[HandlerEntry]:
    own = getattr(handler, _MARK, None)
    if isinstance(own, _Mark) and callable(handler):
        yield HandlerEntry(own.command, wrap(handler), exclusive=own.exclusive)
        return
    # Static look-up: a property of the handler must not run because somebody registers it.
    for name, member in inspect.getmembers_static(type(handler)):
        # A static or class method keeps its mark on the function inside.
        mark = getattr(getattr(member, "__func__", member), _MARK, None)
        mark = mark or getattr(member, _MARK, None)
        if isinstance(mark, _Mark):
            call = getattr(handler, name)
            yield HandlerEntry(mark.command, wrap(call), exclusive=mark.exclusive)


def _open_entry(
    handler: Handler, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> HandlerEntry:
    name = type(handler).__name__
    return HandlerEntry(name, wrap(handler.execute), answers=handler.can_handle)
