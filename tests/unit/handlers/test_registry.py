from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

import pytest

from snakepit_bridge.errors import CommandNotFoundError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.registry import (
    Handler,
    HandlerEntry,
    HandlerRegistry,
    handles,
)
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.telemetry.instrumentation import InstrumentedHandler


class Greeter:
    @handles("greet.say")
    def say(self, session: Session, *, name: str, times: int = 1) -> list[str]:
        """Say hello,
        as often as wanted.

        Nobody shows this paragraph.
        """
        return [f"hello {name}"] * times

    @handles("greet.raw", exclusive=True)
    def raw(self, session: Session, args: dict[str, Any]) -> Any:
        args["seen"] = True
        return args


class Anything:
    def __init__(self, prefix: str = "any.") -> None:
        self._prefix = prefix

    def can_handle(self, command: str) -> bool:
        return command.startswith(self._prefix)

    def execute(self, session: Session, args: dict[str, Any]) -> Any:
        return self._prefix


@pytest.fixture
def session() -> Session:
    return SessionManager(EmbeddedHost()).get_or_create("s")


def _registry_of(*handlers: object) -> HandlerRegistry:
    registry = HandlerRegistry()
    for handler in handlers:
        registry.register(handler)
    return registry


# --- finding ------------------------------------------------------------------------------------


def test_a_command_is_found_by_its_name(session: Session) -> None:
    registry = _registry_of(Greeter())

    entry = registry.find("greet.say")

    assert entry.command == "greet.say"
    assert entry.execute(session, {"name": "Ada", "times": 2}) == ["hello Ada", "hello Ada"]


def test_unknown_command_is_answered_with_the_nearest_known_one() -> None:
    registry = _registry_of(Greeter())

    with pytest.raises(CommandNotFoundError) as caught:
        registry.find("greet.sya")

    assert caught.value.code is ErrorCode.COMMAND_NOT_FOUND
    assert caught.value.hint == "Did you mean 'greet.say'?"
    assert caught.value.details["command"] == "greet.sya"


def test_a_command_like_no_other_is_answered_with_where_the_list_is() -> None:
    with pytest.raises(CommandNotFoundError) as caught:
        _registry_of(Greeter()).find("zzz")

    assert caught.value.hint == "Send 'system.describe' for the list."


def test_the_answer_to_an_endless_name_is_short() -> None:
    """A name of 100 MB was once compared with all others, letter by letter."""
    with pytest.raises(CommandNotFoundError) as caught:
        _registry_of(Greeter()).find("greet.say" * 1_000_000)

    assert len(str(caught.value)) < 500
    assert len(caught.value.details["command"]) < 500


def test_the_founding_look_up_answers_an_unknown_name_with_none() -> None:
    registry = _registry_of(Greeter())

    found = registry.get_handler("greet.say")

    assert found is not None
    assert isinstance(found, Handler)
    assert (found.can_handle("greet.say"), found.can_handle("greet.sya")) == (True, False)
    assert registry.get_handler("greet.sya") is None


def test_the_entries_are_listed_by_name() -> None:
    registry = _registry_of(Greeter(), Anything())

    assert [entry.command for entry in registry] == ["greet.raw", "greet.say"]
    assert len(registry) == 2


# --- what an entry tells ------------------------------------------------------------------------


def test_an_entry_describes_itself() -> None:
    entry = _registry_of(Greeter()).find("greet.say")

    assert entry.description == "Say hello, as often as wanted."
    assert entry.where == f"Greeter.say in {__name__}"
    assert entry.schema["required"] == ["name"]
    assert entry.takes("name")
    assert not entry.takes("session_id")


def test_an_entry_of_the_open_form_takes_anything(session: Session) -> None:
    entry = _registry_of(Greeter()).find("greet.raw")
    sent = {"x": 1}

    answer = entry.execute(session, sent)

    assert answer == {"x": 1, "seen": True}
    assert sent == {"x": 1}
    assert entry.exclusive
    assert entry.description == ""
    assert entry.schema == {"type": "object", "additionalProperties": True}
    assert not entry.takes("x")


def test_an_entry_knows_where_its_code_runs_and_whether_it_streams() -> None:
    class Kinds:
        @handles("def")
        def plain(self, session: Session) -> None:
            raise NotImplementedError

        @handles("async def")
        async def on_loop(self, session: Session) -> None:
            raise NotImplementedError

        @handles("generator")
        def items(self, session: Session) -> Generator[int, None, None]:
            yield 1

        @handles("async generator")
        async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
            yield 1

    kinds = {entry.command: (entry.runs_on_loop, entry.streams) for entry in _registry_of(Kinds())}

    assert kinds == {
        "def": (False, False),
        "async def": (True, False),
        "generator": (False, True),
        "async generator": (True, True),
    }


# --- registering --------------------------------------------------------------------------------


def test_two_methods_for_one_command_are_refused_naming_both() -> None:
    class Rival:
        @handles("rival.own")
        def own(self, session: Session) -> None:
            raise NotImplementedError

        @handles("greet.say")
        def speak(self, session: Session) -> None:
            raise NotImplementedError

    registry = _registry_of(Greeter())

    with pytest.raises(ValueError, match=r"'greet\.say'.*Greeter\.say.*Rival\.speak"):
        registry.register(Rival())
    assert registry.get_handler("rival.own") is None


def test_two_methods_of_one_object_for_one_command_are_refused() -> None:
    class Torn:
        @handles("torn.do")
        def left(self, session: Session) -> None:
            raise NotImplementedError

        @handles("torn.do")
        def right(self, session: Session) -> None:
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"Torn\.left.*Torn\.right"):
        _registry_of(Torn())


def test_a_class_in_place_of_its_object_is_refused() -> None:
    with pytest.raises(TypeError, match=r"not its class: Greeter\(\)"):
        _registry_of(Greeter)


def test_an_object_that_no_command_could_reach_is_refused() -> None:
    with pytest.raises(TypeError, match="no command could ever reach it"):
        _registry_of(object())


@pytest.mark.parametrize("name", ["", " ", " greet.say", "greet.say\n"])
def test_a_name_that_nobody_could_type_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a command needs a name"):
        handles(name)


def test_a_method_that_is_two_commands_is_refused() -> None:
    """The second name was once silently no command."""

    @handles("inner")
    def double(session: Session) -> None:
        raise NotImplementedError

    with pytest.raises(ValueError, match="'inner' and 'outer'"):
        handles("outer")(double)


def test_a_marked_function_is_a_handler(session: Session) -> None:
    @handles("alone.run")
    def alone(session: Session, *, x: int) -> str:
        return f"{x} in {session.id}"

    assert _registry_of(alone).find("alone.run").execute(session, {"x": 1}) == "1 in s"


def test_a_bound_method_is_a_handler_of_its_one_command() -> None:
    registry = _registry_of(Greeter().say)

    assert [entry.command for entry in registry] == ["greet.say"]


def test_methods_of_every_sort_are_commands(session: Session) -> None:
    """A mark below ``@staticmethod`` was once overlooked."""

    class Base:
        @handles("inherited")
        def inherited(self, session: Session) -> str:
            return f"inherited in {session.id}"

    class Sorts(Base):
        @staticmethod
        @handles("static")
        def static(session: Session) -> str:
            return f"static in {session.id}"

        @handles("static above")
        @staticmethod
        def static_above(session: Session) -> str:
            return f"static above in {session.id}"

        @classmethod
        @handles("class")
        def of_class(cls, session: Session) -> str:
            return f"class in {session.id}"

    registry = _registry_of(Sorts())

    answers = {entry.command: entry.execute(session, {}) for entry in registry}
    names = ("inherited", "static", "static above", "class")
    assert answers == {name: f"{name} in s" for name in names}


def test_registering_runs_no_property_of_the_handler() -> None:
    class Sensitive(Greeter):
        @property
        def secret(self) -> str:
            raise NotImplementedError

    assert len(_registry_of(Sensitive())) == 2


def test_a_decorated_method_keeps_its_parameters(session: Session) -> None:
    def logged(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return ["logged", method(*args, **kwargs)]

        return wrapper

    class Decorated:
        @handles("decorated.run")
        @logged
        def run(self, session: Session, *, x: int) -> int:
            return x

    entry = _registry_of(Decorated()).find("decorated.run")

    assert entry.execute(session, {"x": 1}) == ["logged", 1]
    with pytest.raises(InvalidArgumentError):
        entry.execute(session, {"x": "one"})


# --- handlers that recognise commands by themselves -----------------------------------------------


def test_a_handler_that_recognises_commands_is_asked_for_what_has_no_name(
    session: Session,
) -> None:
    registry = _registry_of(Anything(), Greeter())

    entry = registry.find("any.thing")

    assert (entry.command, entry.execute(session, {})) == ("Anything", "any.")
    with pytest.raises(CommandNotFoundError):
        registry.find("other.thing")


def test_a_name_of_its_own_goes_before_recognition(session: Session) -> None:
    registry = _registry_of(Anything(prefix=""), Greeter())

    assert registry.find("greet.raw").execute(session, {}) == {"seen": True}
    assert registry.find("greet.else").execute(session, {}) == ""


def test_the_first_of_two_that_recognise_a_command_gets_it(session: Session) -> None:
    registry = _registry_of(Anything("a"), Anything("ab"))

    assert registry.find("abc").execute(session, {}) == "a"


def test_an_instrumented_handler_stands_for_the_one_it_wraps(session: Session) -> None:
    registry = _registry_of(InstrumentedHandler(Greeter()), InstrumentedHandler(Anything()))

    assert registry.find("greet.say").execute(session, {"name": "Ada"}) == ["hello Ada"]
    assert registry.find("greet.raw").exclusive
    assert registry.find("any.thing").execute(session, {}) == "any."


def test_a_mark_without_a_name_says_how_it_is_written() -> None:
    def greet(session: Session) -> None:
        raise NotImplementedError

    with pytest.raises(TypeError, match=r'write @handles\("name"\)'):
        handles(greet)  # type: ignore[arg-type]  # the mistake under test


# --- entries of others ----------------------------------------------------------------------------


def _entry(
    command: str, answer: str, *, answers: Callable[[str], bool] | None = None
) -> HandlerEntry:
    def call(session: Session, args: Any) -> str:
        return f"{answer} in {session.id}: {args}"

    return HandlerEntry(command, call, answers=answers)


def _open_entry(answer: str) -> HandlerEntry:
    return _entry("Anything", answer, answers=lambda _: True)


def test_an_entry_that_somebody_else_made_is_found_by_its_name(session: Session) -> None:
    registry = _registry_of(Greeter())

    registry.add(_entry("other.run", "other"))

    assert registry.find("other.run").execute(session, {}) == "other in s: {}"
    assert [entry.command for entry in registry] == ["greet.raw", "greet.say", "other.run"]


def test_an_entry_whose_name_is_taken_is_refused_and_both_are_named() -> None:
    registry = _registry_of(Greeter())

    with pytest.raises(ValueError, match=r"'greet\.say' has two methods: Greeter\.say .*_entry"):
        registry.add(_entry("greet.say", "other"))


def test_an_open_entry_is_asked_after_all_names_and_all_before_it(session: Session) -> None:
    registry = _registry_of(Anything())
    registry.add(_open_entry("late"), is_open=True)
    registry.add(_open_entry("never"), is_open=True)
    registry.register(Greeter())

    found = [registry.find(name) for name in ("greet.say", "any.thing", "else")]

    assert [entry.command for entry in found] == ["greet.say", "Anything", "Anything"]
    assert found[1].execute(session, {}) == "any."
    assert found[2].execute(session, {}) == "late in s: {}"
    assert len(registry) == 2


def test_an_entry_decides_by_its_signature_between_a_value_and_items(session: Session) -> None:
    entry = _registry_of(Greeter()).find("greet.say")

    assert not entry.answers_both
    assert not entry.tells_python_calls
    assert entry.items(session, {"name": "Ada"}) == entry.invoke(session, {"name": "Ada"})


def test_an_entry_knows_which_parameters_it_has() -> None:
    registry = _registry_of(Greeter())

    assert registry.find("greet.say").takes("name")
    assert not registry.find("greet.say").takes("session_id")
    assert not registry.find("greet.raw").takes("session_id")


# --- families -----------------------------------------------------------------------------------


class Family:
    """Greeters that come late, and how often they were made."""

    def __init__(self) -> None:
        self.loads = 0

    def load(self) -> list[object]:
        self.loads += 1
        return [Greeter()]


def test_a_family_is_known_by_name_and_loaded_when_it_is_wanted(session: Session) -> None:
    registry, family = HandlerRegistry(), Family()
    registry.register_later(["greet.say", "greet.raw"], family.load)
    assert registry.names == {"greet.say", "greet.raw"}
    assert (len(registry), family.loads) == (2, 0)
    assert registry.is_pending("greet.say")

    found = registry.find("greet.say").execute(session, {"name": "Ada"})

    assert found == ["hello Ada"]
    assert not registry.is_pending("greet.raw")
    assert registry.find("greet.raw").exclusive
    registry.load("greet.say")
    assert (len(registry), family.loads) == (2, 1)


def test_listing_the_entries_loads_every_family() -> None:
    registry, family = HandlerRegistry(), Family()
    registry.register_later(["greet.say", "greet.raw"], family.load)

    assert [entry.command for entry in registry] == ["greet.raw", "greet.say"]
    assert family.loads == 1


def test_an_unknown_command_is_compared_with_families_and_loads_none() -> None:
    registry, family = HandlerRegistry(), Family()
    registry.register_later(["greet.say", "greet.raw"], family.load)

    with pytest.raises(CommandNotFoundError) as caught:
        registry.find("greet.sya")

    assert "'greet.say'" in caught.value.hint
    assert family.loads == 0


def test_a_command_of_a_family_has_no_second_method() -> None:
    registry = HandlerRegistry()
    registry.register_later(["greet.say", "greet.raw"], Family().load)

    with pytest.raises(ValueError, match=r"'greet\.raw' has two methods|'greet\.say' has two"):
        registry.register(Greeter())
    with pytest.raises(ValueError, match=r"'greet\.say' has two methods"):
        registry.register_later(["greet.say"], Family().load)

    other = HandlerRegistry()
    other.register(Greeter())
    with pytest.raises(ValueError, match=r"Greeter\.say in .*, one comes later"):
        other.register_later(["greet.say", "greet.new"], Family().load)
    assert not other.is_pending("greet.new")


def test_a_family_has_the_commands_it_was_announced_with() -> None:
    registry = HandlerRegistry()
    registry.register_later(["greet.say", "greet.sing"], Family().load)

    with pytest.raises(RuntimeError, match=r"other commands: greet\.raw, greet\.sing"):
        registry.find("greet.sing")


def test_a_family_is_loaded_once_however_many_want_it() -> None:
    registry, family, together = HandlerRegistry(), Family(), threading.Barrier(8, timeout=5)
    registry.register_later(["greet.say", "greet.raw"], family.load)

    def find(number: int) -> str:
        together.wait()
        return registry.find(["greet.say", "greet.raw"][number % 2]).command

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(find, range(8)))

    assert found == {"greet.say", "greet.raw"}
    assert family.loads == 1
