from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from snakepit_bridge.adapters.base import BaseAdapter, tool
from snakepit_bridge.adapters.door import OpenAdapter, open_adapter
from snakepit_bridge.clock import SystemClock
from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.errors import CommandNotFoundError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from tests.unit.adapters.at_work import Journal, anew, at_work


class Echo:
    @tool("Says it again.\n\nAnd nothing else.")
    def echo(self, text: str, times: int = 1) -> str:
        return text * times

    @tool(supports_streaming=True)
    async def count(self, session_id: str) -> str:
        """Count something."""
        return session_id


class Own:
    def execute_tool(self, tool_name: str, arguments: Any, context: Any) -> list[Any]:
        return [tool_name, arguments]


def call_work(adapter: OpenAdapter) -> object:
    """Call the tool ``work``, on this thread and outside of any engine."""
    registry = HandlerRegistry()
    adapter.add_to(registry)
    job = Job(session_id="s", command="work", args={}, trace_context={})
    execution = Execution(job, lambda _: None, clock=SystemClock(), on_end=lambda: None)
    session = Session("s", EmbeddedHost(), SystemClock().now(), execution=execution)
    return registry.find("work").invoke(session, {})


# --- the tools as commands ------------------------------------------------------------------------


async def test_the_tools_are_commands_that_say_what_they_are() -> None:
    async with at_work(Echo) as bridge:
        count, echo = bridge.handler.registry

    assert (count.command, echo.command) == ("count", "echo")
    assert echo.description == "Says it again."
    assert count.description == "Count something."
    assert echo.where == "tool of Echo"
    assert echo.library == __name__
    assert echo.schema == {
        "type": "object",
        "properties": {"text": {}, "times": {}},
        "required": ["text"],
    }
    assert (echo.runs_on_loop, count.runs_on_loop) == (False, True)
    assert not echo.streams
    assert echo.answers_both
    assert not echo.tells_python_calls


async def test_an_adapter_that_looks_at_names_itself_gets_every_name_that_nobody_else_has() -> None:
    class Greeter:
        @handles("greet.say")
        def say(self, session: Session) -> str:
            return "hello"

    async with at_work(Own) as bridge:
        bridge.handler.registry.register(Greeter())
        answers = [await bridge.value(name, x=1) for name in ("greet.sya", "anything", "")]
        assert next(iter(bridge.handler.registry)).command == "greet.say"
        assert len(bridge.handler.registry) == 1
        assert await bridge.value("greet.say") == "hello"
        (entry,) = [bridge.handler.registry.find("anything")]

    assert answers == [[name, {"x": 1}] for name in ("greet.sya", "anything", "")]
    assert entry.command == "Own"
    assert entry.where == "tool of Own"
    assert entry.description == ""
    assert entry.schema == {"type": "object", "properties": {}, "required": []}
    assert entry.tells_python_calls


async def test_an_adapter_with_marked_methods_answers_to_no_other_name() -> None:
    async with at_work(Echo) as bridge:
        with pytest.raises(CommandNotFoundError, match="'ecko'") as caught:
            await bridge.value("ecko")

    assert caught.value.hint == "Did you mean 'echo'?"


@pytest.mark.defect("D25")
@pytest.mark.parametrize("name", ["__class__", "get_tools", "cleanup", "set_session_context"])
async def test_a_caller_reaches_nothing_of_an_adapter_but_its_tools(name: str) -> None:
    class Based(BaseAdapter):
        def cleanup(self) -> None:
            """Not for callers."""

        @tool()
        def echo(self) -> None:
            raise NotImplementedError

    async with at_work(Based) as bridge:
        with pytest.raises(CommandNotFoundError):
            await bridge.value(name)


async def test_a_tool_gets_its_arguments_untouched_even_one_that_would_name_a_session() -> None:
    async with at_work(Echo) as bridge:
        command = Command(
            name="count", args={"session_id": "mine"}, session_id="s", session_in_args=True
        )
        assert (await bridge.handler.run(command)).value == "mine"
        assert len(bridge.handler.sessions) == 1
        bridge.handler.sessions.find("s")  # raises where there is none


async def test_a_tool_whose_name_is_taken_is_refused_and_both_are_named() -> None:
    class Taken:
        @handles("echo")
        def echo(self, session: Session) -> None:
            raise NotImplementedError

    registry = HandlerRegistry()
    registry.register(Taken())
    with loop_thread("adapter") as thread:
        async with open_adapter(Echo, stub=None, loop_thread=thread) as adapter:
            with pytest.raises(ValueError, match=r"'echo' has two methods: .*Taken\.echo .* Echo"):
                adapter.add_to(registry)


async def test_a_class_without_tools_is_no_adapter() -> None:
    with loop_thread("adapter") as thread, pytest.raises(TypeError, match="has no tools"):
        await open_adapter(object, stub=None, loop_thread=thread).__aenter__()


# --- registration in Elixir -----------------------------------------------------------------------


class Elixir:
    """The part of a stub that registers tools."""

    worker_id = "default_worker_1_1"

    def __init__(self, answer: pb.RegisterToolsResponse | None = None) -> None:
        self.requests: list[pb.RegisterToolsRequest] = []
        self._answer = answer or pb.RegisterToolsResponse(success=True)

    @property
    def RegisterTools(self) -> Elixir:  # noqa: N802  (gRPC's name)
        return self

    async def ask(self, request: pb.RegisterToolsRequest) -> pb.RegisterToolsResponse:
        self.requests.append(request)
        return self._answer


async def registered(cls: type, stub: Any) -> bool:
    async with asyncio.timeout(5):
        with loop_thread("adapter") as thread:
            async with open_adapter(cls, stub=stub, loop_thread=thread) as adapter:
                return await adapter.register("s1")


@pytest.mark.defect("D17")
async def test_tools_are_registered_under_the_id_that_elixir_gave_the_worker() -> None:
    elixir = Elixir(pb.RegisterToolsResponse(success=True, tool_ids={"echo": "1", "count": "2"}))

    assert await registered(Echo, elixir)

    (request,) = elixir.requests
    assert (request.session_id, request.worker_id) == ("s1", "default_worker_1_1")
    assert [each.name for each in request.tools] == ["count", "echo"]
    assert request.tools[0].supports_streaming


@pytest.mark.defect("D48")
async def test_a_registration_that_failed_is_to_be_tried_again() -> None:
    refusing = Elixir(pb.RegisterToolsResponse(success=False, error_message="not_found"))

    assert not await registered(Echo, refusing)


async def test_without_an_elixir_there_is_nothing_to_register() -> None:
    assert await registered(Echo, None)


async def test_without_a_tool_that_elixir_takes_there_is_nothing_to_register() -> None:
    class Strange:
        @tool()
        def größe(self) -> None:  # noqa: PLC2401  (the case under test)
            raise NotImplementedError

    elixir = Elixir()

    assert await registered(Strange, elixir)

    assert elixir.requests == []


class Registering(Echo):
    """An adapter with a registration of its own."""

    journal: ClassVar[Journal]
    answer: ClassVar[Callable[[], Any]]

    def register_with_session(self, session_id: str, stub: Any) -> Any:
        self.journal.note(f"registered {session_id} with {stub.worker_id}")
        return type(self).answer()

    def cleanup(self) -> None:
        self.journal.note("cleanup")


async def _later(value: object) -> object:
    return value


@pytest.mark.parametrize(
    ("answer", "is_done"),
    [
        (lambda: ["echo"], True),
        (lambda: _later(["echo"]), True),
        (list, False),
        (lambda: None, False),
        (lambda: _later([]), False),
    ],
)
@pytest.mark.defect("D45")
async def test_an_adapter_may_register_its_tools_itself_on_a_thread(
    answer: Callable[[], Any], *, is_done: bool
) -> None:
    cls = anew(Registering, answer=staticmethod(answer))

    assert await registered(cls, Elixir()) is is_done

    assert cls.journal.notes == ["registered s1 with default_worker_1_1", "cleanup"]
    assert threading.current_thread() not in cls.journal.threads


@pytest.mark.defect("D9", "D39")
@pytest.mark.parametrize("kind", [LookupError, StopIteration, SystemExit])
async def test_a_registration_that_raises_is_logged_and_to_be_tried_again(
    caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    """An exit once ended the loop of the worker, a StopIteration was waited for for ever."""

    def fail() -> None:
        raise kind

    cls = anew(Registering, answer=staticmethod(fail))

    with caplog.at_level(logging.ERROR):
        assert not await registered(cls, Elixir())

    assert "Registering.register_with_session() failed" in caplog.text
    assert kind.__name__ in caplog.text
    assert cls.journal.notes[-1] == "cleanup"


async def test_a_registration_for_which_no_object_can_be_made_is_to_be_tried_again() -> None:
    class Unlucky(Registering):
        def __init__(self) -> None:
            raise LookupError

    assert not await registered(anew(Unlucky), Elixir())


async def test_the_registration_that_is_inherited_needs_no_object() -> None:
    class Based(BaseAdapter):
        def __init__(self) -> None:
            raise AssertionError

        @tool()
        def echo(self) -> None:
            raise NotImplementedError

    elixir = Elixir(pb.RegisterToolsResponse(success=True, tool_ids={"echo": "1"}))

    assert await registered(Based, elixir)


# --- the ends of sessions -------------------------------------------------------------------------


class Ending:
    """An adapter that is told of the ends of sessions."""

    adapter_lifetime: ClassVar[str] = "request"
    journal: ClassVar[Journal]

    def on_session_end(self, session_id: str) -> Any:
        self.journal.note(f"{session_id} ended")

    def cleanup(self) -> Any:
        self.journal.note("cleanup")

    @tool()
    def work(self) -> str:
        return "done"


async def ended(cls: Any, *sessions: str) -> list[str]:
    """What an adapter notes when a call was made in each of the sessions and all have ended."""
    async with at_work(cls) as bridge:
        for session_id in sessions:
            await bridge.value("work", session_id)
        for session_id in sessions:
            await asyncio.to_thread(bridge.handler.sessions.end, session_id)
    notes: list[str] = cls.journal.notes
    return notes


@pytest.mark.defect("D52")
async def test_an_adapter_is_told_of_the_end_of_a_session_by_an_object_of_its_own() -> None:
    assert await ended(anew(Ending), "s") == ["cleanup", "s ended", "cleanup"]


@pytest.mark.defect("D52")
async def test_the_object_of_a_session_is_told_of_its_end_and_cleaned_up() -> None:
    cls = anew(Ending, adapter_lifetime="session")

    assert await ended(cls, "s", "t") == ["s ended", "cleanup", "t ended", "cleanup"]


@pytest.mark.defect("D52")
async def test_the_object_of_the_process_is_told_of_every_end_and_lives_on() -> None:
    cls = anew(Ending, adapter_lifetime="process")

    assert await ended(cls, "s", "t") == ["s ended", "t ended", "cleanup"]


@pytest.mark.parametrize("lifetime", ["session", "process"])
async def test_where_no_object_was_made_none_is_made_to_be_told_of_an_end(lifetime: str) -> None:
    class Costly(Ending):
        def __init__(self) -> None:
            raise AssertionError

    cls = anew(Costly, adapter_lifetime=lifetime)

    async with at_work(cls) as bridge:
        bridge.handler.sessions.get_or_create("s")
        bridge.handler.sessions.end("s")

    assert cls.journal.notes == []


async def test_the_hook_may_be_a_method_of_the_class() -> None:
    journal = Journal()

    class OfClass(Echo):
        def __init__(self) -> None:
            raise AssertionError

        @classmethod
        def on_session_end(cls, session_id: str) -> None:
            journal.note(f"{cls.__name__} {session_id}")

    class Static(Echo):
        adapter_lifetime = "process"

        @staticmethod
        async def on_session_end(session_id: str) -> None:
            await asyncio.sleep(0)
            journal.note(f"static {session_id}")

    for cls in (OfClass, Static):
        async with at_work(cls) as bridge:
            bridge.handler.sessions.get_or_create("s")
            bridge.handler.sessions.end("s")

    assert journal.notes == ["OfClass s", "static s"]


async def test_the_hook_may_be_async() -> None:
    class Async(Ending):
        async def on_session_end(self, session_id: str) -> None:
            await asyncio.sleep(0)
            self.journal.note(f"{session_id} ended")

    assert await ended(anew(Async, adapter_lifetime="session"), "s") == ["s ended", "cleanup"]


@pytest.mark.parametrize("kind", [LookupError, SystemExit])
async def test_a_hook_that_fails_is_logged_and_the_next_end_is_told(
    caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    class Failing(Ending):
        def on_session_end(self, session_id: str) -> Any:
            self.journal.note(session_id)
            raise kind

    cls = anew(Failing, adapter_lifetime="session")

    with caplog.at_level(logging.ERROR):
        assert await ended(cls, "s", "t") == ["s", "cleanup", "t", "cleanup"]

    assert caplog.text.count("Failing.on_session_end() failed") == 2


async def test_an_object_whose_truth_is_false_is_an_object() -> None:
    """One that has a length of 0, or is false otherwise, was once taken for none."""

    class Empty(Ending):
        def __len__(self) -> int:
            return 0

    cls = anew(Empty, adapter_lifetime="session")

    assert await ended(cls, "s") == ["s ended", "cleanup"]


@pytest.mark.defect("D38")
async def test_the_object_of_an_ended_session_is_cleaned_up_after_the_calls_that_use_it() -> None:
    """It was once cleaned up at once."""
    inside, may_end = threading.Event(), threading.Event()
    told = threading.Event()

    class Slow(Ending):
        def on_session_end(self, session_id: str) -> Any:
            super().on_session_end(session_id)
            told.set()

        @tool()
        def work(self) -> str:
            inside.set()
            assert may_end.wait(5)
            self.journal.note("worked")
            return "done"

    cls = anew(Slow, adapter_lifetime="session")

    async with at_work(cls) as bridge:
        calling = asyncio.create_task(bridge.value("work"))
        assert await asyncio.to_thread(inside.wait, 5)
        bridge.handler.sessions.end("s")
        assert await asyncio.to_thread(told.wait, 5)
        may_end.set()
        assert await calling == "done"

    assert cls.journal.notes == ["s ended", "worked", "cleanup"]


async def test_a_session_that_begins_anew_does_not_get_the_object_of_the_old_one() -> None:
    """The old one was once handed out until its clean-up began, and then cleaned up beneath it."""
    may_go_on = threading.Event()

    class Slow(Ending):
        def on_session_end(self, session_id: str) -> Any:
            assert may_go_on.wait(5)
            super().on_session_end(session_id)

        @tool()
        def number(self) -> int:
            self.calls = getattr(self, "calls", 0) + 1
            return self.calls

    cls = anew(Slow, adapter_lifetime="session")

    async with at_work(cls) as bridge:
        first = [await bridge.value("number") for _ in range(2)]
        bridge.handler.sessions.end("s")
        again = await bridge.value("number")
        may_go_on.set()

    assert (first, again) == ([1, 2], 1)
    assert cls.journal.notes == ["s ended", "cleanup"] * 2


async def test_too_many_ends_at_once_are_lost_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    inside, may_end = threading.Event(), threading.Event()

    class Slow(Ending):
        def on_session_end(self, session_id: str) -> Any:
            inside.set()
            assert may_end.wait(5)
            super().on_session_end(session_id)

    cls = anew(Slow)

    with loop_thread("adapter") as thread:
        async with open_adapter(cls, stub=None, loop_thread=thread, max_endings=1) as adapter:
            adapter.end_session("s1")
            assert await asyncio.to_thread(inside.wait, 5)
            with caplog.at_level(logging.WARNING):
                adapter.end_session("s2")
                adapter.end_session("s3")
            may_end.set()
            await cls.journal.noted("s2 ended")

    assert "the end of session 's3' was not told" in caplog.text
    assert "'s2'" not in caplog.text


async def test_the_object_of_the_process_is_not_lost_with_an_end_that_is_not_told() -> None:
    inside, may_end = threading.Event(), threading.Event()

    class Slow(Ending):
        def on_session_end(self, session_id: str) -> Any:
            inside.set()
            assert may_end.wait(5)
            super().on_session_end(session_id)

    cls = anew(Slow, adapter_lifetime="process")

    with loop_thread("adapter") as thread:
        async with open_adapter(cls, stub=None, loop_thread=thread, max_endings=1) as adapter:
            await asyncio.to_thread(call_work, adapter)
            adapter.end_session("s1")
            assert await asyncio.to_thread(inside.wait, 5)
            for session_id in ("s2", "s3"):
                adapter.end_session(session_id)
            may_end.set()
            await cls.journal.noted("s2 ended")

    assert cls.journal.notes == ["s1 ended", "s2 ended", "cleanup"]


# --- the end of all -------------------------------------------------------------------------------


async def test_ends_that_wait_are_told_before_the_last_clean_up() -> None:
    """They were once dropped."""
    may_go_on = threading.Event()

    class Slow(Ending):
        def on_session_end(self, session_id: str) -> Any:
            assert may_go_on.wait(5)
            super().on_session_end(session_id)

    cls = anew(Slow, adapter_lifetime="process")

    async with at_work(cls) as bridge:
        await bridge.value("work", "s")
        await bridge.value("work", "t")
        asyncio.get_running_loop().call_soon(may_go_on.set)

    assert cls.journal.notes == ["s ended", "t ended", "cleanup"]


async def test_code_that_never_ends_holds_nobody_up() -> None:
    """A clean-up once kept the process from ending, too."""
    inside, may_end = threading.Event(), threading.Event()

    class Stuck(Ending):
        def on_session_end(self, session_id: str) -> Any:
            super().on_session_end(session_id)
            inside.set()
            assert may_end.wait(5)

    cls = anew(Stuck)

    with loop_thread("adapter") as thread:
        async with open_adapter(cls, stub=None, loop_thread=thread, close_timeout_s=0) as adapter:
            adapter.end_session("s")
            assert await asyncio.to_thread(inside.wait, 5)
    (stuck,) = cls.journal.threads
    assert stuck.is_alive()
    may_end.set()

    assert stuck.daemon


async def test_an_end_that_comes_after_all_is_over_is_nothing_to_raise() -> None:
    cls = anew(Ending)
    with loop_thread("adapter") as thread:
        async with open_adapter(cls, stub=None, loop_thread=thread) as adapter:
            pass
        adapter.end_session("s")

    assert cls.journal.notes == []


@pytest.mark.defect("D38")
async def test_an_object_that_is_in_use_at_the_end_is_cleaned_up_after_its_call() -> None:
    inside, may_end, cleaned_up = threading.Event(), threading.Event(), threading.Event()

    class Slow(Ending):
        def on_session_end(self, session_id: str) -> Any:
            """Nothing."""

        def cleanup(self) -> Any:
            super().cleanup()
            cleaned_up.set()

        @tool()
        def work(self) -> str:
            inside.set()
            assert may_end.wait(5)
            self.journal.note("worked")
            return "done"

    cls = anew(Slow, adapter_lifetime="process")

    with loop_thread("adapter") as thread:
        async with open_adapter(cls, stub=None, loop_thread=thread) as adapter:
            calling = asyncio.create_task(asyncio.to_thread(call_work, adapter))
            assert await asyncio.to_thread(inside.wait, 5)
        assert cls.journal.notes == []
        may_end.set()
        assert await calling == "done"

    assert cls.journal.notes == ["worked", "cleanup"]
