from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from snakepit_bridge.errors import (
    CommandDeadlineError,
    CommandNotFoundError,
    ErrorCode,
    HandlerFailedError,
    InvalidArgumentError,
    Outcome,
    QuotaExceededError,
    SessionError,
    WrongCallError,
)
from snakepit_bridge.handlers.command import Chunk, Command, NoCodec
from snakepit_bridge.handlers.registry import HandlerEntry, handles
from snakepit_bridge.session.context import Session, current_execution
from snakepit_bridge.session.limits import SessionLimits
from tests.unit.handlers.bridges import at_rest, brief_call, call, chunks_of, commands_of, running


class Greeter:
    @handles("greet.say")
    def say(self, session: Session, *, name: str) -> str:
        return f"hello {name} from {session.id}"

    @handles("greet.later")
    async def later(self, session: Session, *, name: str) -> str:
        await asyncio.sleep(0)
        return f"hello {name} from {session.id}"

    @handles("greet.fail")
    def fail(self, session: Session) -> None:
        raise ValueError("no such greeting")

    @handles("greet.each")
    def each(self, session: Session, *, names: list[str]) -> Generator[str, None, None]:
        for name in names:
            yield f"hello {name}"

    @handles("greet.each_later")
    async def each_later(self, session: Session, *, names: list[str]) -> AsyncGenerator[str, None]:
        for name in names:
            await asyncio.sleep(0)
            yield f"hello {name}"


# --- execute: in the caller's thread --------------------------------------------------------------


@pytest.mark.parametrize("command", ["greet.say", "greet.later"])
def test_a_command_runs_in_the_callers_thread(command: str) -> None:
    class Where(Greeter):
        @handles("where.am_i")
        def where(self, session: Session) -> str:
            return threading.current_thread().name

    handler = commands_of(Where())

    assert handler.execute("s", command, {"name": "Ada"}) == "hello Ada from s"
    assert handler.execute("s", "where.am_i", {}) == threading.current_thread().name


def test_a_command_leaves_nothing_behind_in_its_caller() -> None:
    handler = commands_of(Greeter())

    handler.execute("s", "greet.say", {"name": "Ada"})
    with pytest.raises(HandlerFailedError):
        handler.execute("s", "greet.fail", {})

    assert current_execution.get() is None
    assert handler.sessions.get_or_create("s").state.running == 0


def test_a_streaming_command_has_no_one_value() -> None:
    with pytest.raises(WrongCallError, match=r"'greet\.each' streams") as caught:
        commands_of(Greeter()).execute("s", "greet.each", {"names": []})

    assert "ExecuteStream" in caught.value.hint


async def test_a_blocking_call_on_the_loop_is_refused_with_the_remedy() -> None:
    with pytest.raises(WrongCallError, match="would block the event loop") as caught:
        commands_of(Greeter()).execute("s", "greet.say", {"name": "Ada"})

    assert "await handler.run" in caught.value.hint


# --- run: on the engine ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["greet.say", "greet.later"])
async def test_a_result_tells_what_a_router_wants_to_know(command: str) -> None:
    async with running(Greeter()) as handler:
        result = await handler.run(call(command, name="Ada"))

    assert result.value == "hello Ada from s"
    assert result.metadata.keys() == {"queue_ms", "run_ms", "in_flight", "queued", "worker_id"}
    assert result.metadata["worker_id"] == "w1"
    assert (result.metadata["in_flight"], result.metadata["queued"]) == ("0", "0")
    assert float(result.metadata["run_ms"]) >= 0


async def test_an_error_tells_it_too_together_with_its_id() -> None:
    async with running(Greeter()) as handler:
        with pytest.raises(HandlerFailedError) as caught:
            await handler.run(call("greet.fail"))

    metadata = caught.value.metadata
    assert metadata["error_id"] == caught.value.error_id
    assert {"queue_ms", "run_ms", "in_flight", "queued", "worker_id"} < metadata.keys()


async def test_values_are_encoded_beside_the_code() -> None:
    threads: list[str] = []

    class Text(NoCodec):
        def encode(self, value: str, session: Session) -> bytes:
            threads.append(threading.current_thread().name)
            return value.encode()

    async with running(Greeter()) as handler:
        result = await handler.run(call("greet.say", name="Ada"), codec=Text())

    assert result.value == b"hello Ada from s"
    assert threads[0].startswith("bridge-job-")


async def test_a_streaming_command_cannot_be_run_whatever_its_arguments() -> None:
    async with running(Greeter()) as handler:
        with pytest.raises(WrongCallError):
            await handler.run(call("greet.each", wrong="arguments"))


@pytest.mark.parametrize("way", ["run", "stream"])
async def test_code_that_comes_late_is_loaded_off_the_loop(way: str) -> None:
    threads: list[str] = []

    def load() -> list[object]:
        threads.append(threading.current_thread().name)
        return [Late()]

    class Late:
        @handles("late.say")
        def say(self, session: Session) -> str:
            return "at last"

    async with running(Greeter()) as handler:
        handler.registry.register_later(["late.say"], load)
        command = Command(name="late.say", args={}, session_id="s")
        if way == "run":
            assert (await handler.run(command)).value == "at last"
        else:
            async with aclosing(handler.stream(command)) as chunks:
                assert [each.value async for each in chunks] == ["at last"]

    assert threads != [threading.current_thread().name]
    assert len(threads) == 1


async def test_code_that_cannot_be_loaded_is_an_error_of_its_command() -> None:
    def load() -> list[object]:
        raise ImportError("no such library")

    async with running(Greeter()) as handler:
        handler.registry.register_later(["late.say"], load)
        with pytest.raises(HandlerFailedError, match="no such library"):
            await handler.run(Command(name="late.say", args={}, session_id="s"))


async def test_handlers_say_things_beside_their_answers() -> None:
    class Telling:
        @handles("tell.all")
        def tell(self, session: Session, *, fail: bool = False) -> int:
            session.answer_metadata["cost"] = "3"
            session.answer_metadata["worker_id"] = "somebody else"
            if fail:
                raise QuotaExceededError("too much")
            return 7

    async with running(Telling()) as handler:
        result = await handler.run(Command(name="tell.all", args={}, session_id="s"))
        with pytest.raises(QuotaExceededError) as caught:
            await handler.run(Command(name="tell.all", args={"fail": True}, session_id="s"))

    assert (result.metadata["cost"], caught.value.metadata["cost"]) == ("3", "3")
    assert result.metadata["worker_id"] != "somebody else"


async def test_without_an_engine_there_is_only_execute() -> None:
    handler = commands_of(Greeter())

    with pytest.raises(TypeError, match="need an engine"):
        await handler.run(call("greet.say", name="Ada"))
    with pytest.raises(TypeError, match="need an engine"):
        await chunks_of(handler, call("greet.say", name="Ada"))


async def test_an_exit_in_async_code_ends_its_command_and_not_the_loop() -> None:
    class Exits:
        @handles("exits.now")
        async def now(self, session: Session) -> None:
            raise SystemExit(3)

        @handles("exits.never")
        async def never(self, session: Session) -> str:
            return "still here"

    async with running(Exits()) as handler:
        with pytest.raises(HandlerFailedError, match="raised SystemExit: 3"):
            await handler.run(call("exits.now"))
        after = await handler.run(call("exits.never"))

    assert after.value == "still here"


# --- what is refused before any code runs ---------------------------------------------------------


async def test_an_unknown_command_opens_no_session() -> None:
    async with running(Greeter()) as handler:
        with pytest.raises(CommandNotFoundError) as caught:
            await handler.run(call("greet.sya", name="Ada"))

        assert len(handler.sessions) == 0
    assert caught.value.metadata == {
        "worker_id": "w1",
        "queue_ms": "0.000",
        "run_ms": "0.000",
        "in_flight": "0",
        "queued": "0",
        "error_id": caught.value.error_id,
    }


async def test_wrong_arguments_open_no_session() -> None:
    async with running(Greeter()) as handler:
        with pytest.raises(InvalidArgumentError, match="'name' is missing"):
            await handler.run(call("greet.say"))

        assert len(handler.sessions) == 0


@pytest.mark.parametrize("timeout_s", [0, -1])
async def test_a_command_whose_time_is_over_never_runs(timeout_s: float) -> None:
    class Never:
        @handles("never.run")
        def run(self, session: Session) -> None:
            raise NotImplementedError

    async with running(Never()) as handler:
        with pytest.raises(CommandDeadlineError, match="had passed when it arrived") as caught:
            await handler.run(brief_call("never.run", timeout_s=timeout_s))

        assert len(handler.sessions) == 0
    assert caught.value.outcome is Outcome.STOPPED


async def test_a_handler_that_fails_to_recognise_a_command_is_the_one_to_blame() -> None:
    """This was once told as a failure of the bridge itself, and counted nowhere."""

    class Unsure:
        def can_handle(self, command: str) -> bool:
            raise LookupError(command)

        def execute(self, session: Session, args: dict[str, Any]) -> None:
            raise NotImplementedError

    async with running(Unsure()) as handler:
        with pytest.raises(HandlerFailedError, match="raised LookupError: any") as caught:
            await handler.run(call("any"))

    assert caught.value.foreign_type == "LookupError"


async def test_a_type_that_fails_to_check_itself_is_the_one_to_blame() -> None:
    class Point(msgspec.Struct):
        x: int

        def __post_init__(self) -> None:
            raise LookupError("unexpected")

    def draw(session: Session, *, point: object) -> None:
        raise NotImplementedError

    draw.__annotations__["point"] = Point  # a type from inside a test has no global name
    async with running(handles("draw.typed")(draw)) as handler:
        with pytest.raises(HandlerFailedError, match="raised LookupError: unexpected"):
            await handler.run(call("draw.typed", point={"x": 1}))

        assert len(handler.sessions) == 0


# --- sessions -------------------------------------------------------------------------------------


async def test_without_a_session_a_command_gets_one_that_keeps_nothing() -> None:
    class Shelf:
        @handles("shelf.put")
        def put(self, session: Session) -> str:
            return session.instances.register(object())

    async with running(Shelf()) as handler:
        with pytest.raises(SessionError, match="ends with its command") as caught:
            await handler.run(call("shelf.put", ""))
        kept = await handler.run(call("shelf.put"))

        assert len(handler.sessions) == 1
    assert "session_id" in caught.value.hint
    assert kept.value.startswith("object-")


async def test_a_session_runs_as_many_commands_as_it_may_and_then_the_next() -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        @handles("slow.run")
        async def run(self, session: Session) -> str:
            inside.set()
            await go_on.wait()
            return "ran"

    async with running(Slow(), limits=SessionLimits(commands=1)) as handler:
        first = asyncio.create_task(handler.run(call("slow.run")))
        await inside.wait()
        with pytest.raises(QuotaExceededError):
            await handler.run(call("slow.run"))
        go_on.set()
        await first
        again = await handler.run(call("slow.run"))

        assert again.value == "ran"


async def test_commands_of_one_session_are_inside_together() -> None:
    both_inside = threading.Barrier(2, timeout=5)

    class Meeting:
        @handles("meeting.join")
        def join(self, session: Session) -> str:
            both_inside.wait()
            return session.id

    async with running(Meeting()) as handler, asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(handler.run(call("meeting.join")))


async def test_a_command_sees_its_own_time_and_not_that_of_its_neighbour() -> None:
    class Watch:
        @handles("watch.look")
        async def look(self, session: Session) -> list[Any]:
            return [session.deadline, session.remaining_s]

    async with running(Watch()) as handler:
        now = handler.sessions.clock.monotonic()
        limited = await handler.run(brief_call("watch.look", timeout_s=60))
        unlimited = await handler.run(call("watch.look"))

    assert now < limited.value[0] < now + 61
    assert 59 < limited.value[1] <= 60
    assert unlimited.value == [None, None]


async def test_only_the_command_that_is_cancelled_sees_it() -> None:
    inside = threading.Barrier(3, timeout=5)
    asked = {name: threading.Event() for name in ("one", "two")}
    seen: dict[str, bool] = {}

    class Pair:
        @handles("pair.wait")
        def wait(self, session: Session, *, name: str) -> str:
            execution = current_execution.get()
            assert execution is not None
            execution.on_cancel(asked[name].set)
            inside.wait()
            assert asked[name].wait(5)
            seen[name] = session.cancelled
            return name

    async with running(Pair()) as handler:
        tasks = {
            name: asyncio.create_task(handler.run(call("pair.wait", name=name))) for name in asked
        }
        await asyncio.to_thread(inside.wait)
        tasks["one"].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks["one"]
        assert not asked["two"].is_set()
        asked["two"].set()
        await tasks["two"]

    assert seen == {"one": True, "two": False}


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["greet.each", "greet.each_later"])
async def test_a_stream_is_its_items_and_then_one_empty_end(command: str) -> None:
    async with running(Greeter()) as handler:
        *items, end = await chunks_of(handler, call(command, names=["Ada", "Bob"]))

    assert items == [Chunk(value="hello Ada"), Chunk(value="hello Bob")]
    assert (end.value, end.is_empty, end.is_final) == (None, True, True)
    assert end.metadata["worker_id"] == "w1"


async def test_a_command_that_does_not_stream_has_its_value_in_the_end() -> None:
    async with running(Greeter()) as handler:
        (end,) = await chunks_of(handler, call("greet.say", name="Ada"))

    assert (end.value, end.is_empty, end.is_final) == ("hello Ada from s", False, True)
    assert "run_ms" in end.metadata


@pytest.mark.parametrize("command", ["greet.fail", "greet.sya", "greet.each"])
async def test_a_stream_that_fails_tells_as_much_as_a_result(command: str) -> None:
    async with running(Greeter()) as handler:
        with pytest.raises(
            (HandlerFailedError, CommandNotFoundError, InvalidArgumentError)
        ) as caught:
            await chunks_of(handler, call(command))
        await at_rest(handler, "s")

    assert caught.value.metadata["error_id"] == caught.value.error_id
    assert caught.value.code is not ErrorCode.INTERNAL


@pytest.mark.parametrize("command", ["greet.each", "greet.each_later"])
async def test_a_stream_that_is_left_early_leaves_nothing_behind(command: str) -> None:
    async with running(Greeter()) as handler:
        async with aclosing(handler.stream(call(command, names=["x"] * 1000))) as chunks:
            assert (await anext(chunks)).value == "hello x"
        await at_rest(handler, "s")


# --- a session among the arguments ----------------------------------------------------------------


class Whereabouts:
    @handles("where.am_i")
    def am_i(self, session: Session, *, x: int = 0) -> str:
        return session.id

    @handles("where.raw")
    def raw(self, session: Session, args: dict[str, Any]) -> list[Any]:
        return [session.id, args]

    @handles("where.both")
    def both(self, session: Session, *, session_id: str) -> list[str]:
        return [session.id, session_id]


def _named(command: str, session_id: object, *, counts: bool = True, **args: object) -> Command:
    args["session_id"] = session_id
    return Command(name=command, session_id="own", args=args, session_in_args=counts)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (_named("where.am_i", "other"), "other"),
        (_named("where.am_i", "other", x=1), "other"),
        (_named("where.am_i", ""), "own"),
        (_named("where.raw", "other", x=1), ["other", {"x": 1}]),
        (_named("where.raw", 7), ["own", {"session_id": 7}]),
        (_named("where.raw", "other", counts=False), ["own", {"session_id": "other"}]),
        (_named("where.both", "other"), ["own", "other"]),
    ],
)
async def test_an_argument_may_name_the_session_unless_the_command_has_it(
    command: Command, expected: object
) -> None:
    async with running(Whereabouts()) as handler:
        assert (await handler.run(command)).value == expected


@pytest.mark.parametrize(
    "command", [_named("where.am_i", 7), _named("where.am_i", "other", counts=False)]
)
async def test_a_session_that_is_none_is_an_argument_that_nobody_takes(command: Command) -> None:
    async with running(Whereabouts()) as handler:
        with pytest.raises(InvalidArgumentError, match="'session_id' is unknown"):
            await handler.run(command)


async def test_code_that_has_both_a_value_and_items_is_asked_for_what_is_wanted() -> None:
    class Both(HandlerEntry):
        answers_both = True

        def items(self, session: Session, bound: Mapping[str, Any]) -> Any:
            yield from (1, 2)

    async with running() as handler:
        handler.registry.add(Both("both.run", lambda _, args: f"value of {args}"))
        value = (await handler.run(call("both.run"))).value
        chunks = await chunks_of(handler, call("both.run"))

    assert value == "value of {}"
    assert [chunk.value for chunk in chunks if not chunk.is_empty] == [1, 2]
