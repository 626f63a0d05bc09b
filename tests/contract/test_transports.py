"""Every transport, seen through the client: values, failures, streams, time, load."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from snakepit_bridge import errors
from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.engine import Engine, inline_engine
from snakepit_bridge.errors import (
    BridgeError,
    CommandDeadlineError,
    CommandNotFoundError,
    ErrorCode,
    HandlerFailedError,
    InvalidArgumentError,
    Outcome,
    PoolFullError,
    WrongCallError,
)
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.transport import GrpcTransport
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.transport.base import Transport
from snakepit_bridge.transport.in_process import InProcessTransport

CAPACITY = 100
"""Items that may wait between the code of a stream and its transport; as many may be on their way
out of there."""

ITEM = "x" * 64 * 1024
"""Large, so that what the network itself holds is a few items and no more."""

ON_THE_NETWORK = 150
"""Items of that size for which sockets and the HTTP/2 window may have room; measured: 64."""


class Bridge(msgspec.Struct, frozen=True):
    """A bridge that is served, and a client of it."""

    client: AsyncClient
    engine: Engine
    sessions: SessionManager
    code_ended: asyncio.Event
    """Set once the code of a command without a session is over, and its place free again."""


Serve = Callable[..., AbstractAsyncContextManager[Bridge]]


def _transport(kind: str, folder: Path) -> Transport:
    if kind == "in-process":
        return InProcessTransport()
    if kind == "grpc":
        return GrpcTransport()
    return GrpcTransport(Listen(uds=folder / "bridge.sock"))


@pytest.fixture(params=["in-process", "grpc", "grpc over a Unix socket"])
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Serves handlers over one of the transports; nothing in the block may take 5 s."""

    @asynccontextmanager
    async def serving(
        *handlers: object, max_threads: int = 8, max_queued: int = 100
    ) -> AsyncIterator[Bridge]:
        registry = HandlerRegistry()
        for each in (*handlers, Basics()):
            registry.register(each)
        loop, code_ended = asyncio.get_running_loop(), asyncio.Event()

        def tell_end(_: str) -> None:
            loop.call_soon_threadsafe(code_ended.set)

        sessions = SessionManager(EmbeddedHost(), on_end=[tell_end])
        async with (
            asyncio.timeout(5),
            inline_engine(max_threads=max_threads, max_queued=max_queued) as engine,
            transport.serving(
                CommandHandler(registry, sessions, worker_id="worker-7").on_engine(engine)
            ) as endpoint,
            endpoint.connect() as connection,
        ):
            yield Bridge(AsyncClient(connection), engine, sessions, code_ended)

    # The path of a Unix socket must be short.
    with TemporaryDirectory(prefix="bridge-") as folder:
        transport = _transport(request.param, Path(folder))
        yield serving


class Basics:
    """What most tests need."""

    @handles("basics.echo")
    async def echo(self, session: Session, *, value: Any) -> Any:
        return value

    @handles("basics.ping")
    def ping(self, session: Session) -> str:
        return "pong"

    @handles("basics.count")
    async def count(self, session: Session, *, upto: int) -> AsyncGenerator[int, None]:
        for number in range(upto):
            yield number


async def collect(stream: AsyncIterator[Any], items: list[Any]) -> None:
    """Keep what comes, also when it ends with a failure."""
    async for item in stream:
        items.append(item)  # noqa: PERF401  (a comprehension would lose what came before)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        2**80,
        -1.5,
        "",
        "größer ∑ 𝄞 \x00",
        "x" * 1_000_000,
        [],
        {},
        [1, [2, [None]], {"a": {"b": ["c"]}}],
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_value_comes_back_as_it_went_in(serve: Serve, value: object) -> None:
    async with serve() as bridge:
        answer = await bridge.client.call("basics.echo", {"value": value})
        streamed = [item async for item in bridge.client.stream("basics.echo", {"value": value})]

    assert answer == value
    assert type(answer) is type(value)
    assert streamed == [value]


async def test_every_argument_arrives_under_its_name(serve: Serve) -> None:
    class Mixer:
        @handles("mixer.mix")
        def mix(self, session: Session, *, left: int, right: str, size: float = 0.5) -> list[Any]:
            return [left, right, size]

    async with serve(Mixer()) as bridge:
        answer = await bridge.client.call("mixer.mix", {"right": "b", "left": 1, "size": 2.5})

    assert answer == [1, "b", 2.5]


async def test_the_answer_carries_what_a_router_needs(serve: Serve) -> None:
    async with serve() as bridge:
        result = await bridge.client.call_result("basics.ping")

    assert result.value == "pong"
    assert result.metadata["worker_id"] == "worker-7"
    assert {"queue_ms", "run_ms", "in_flight", "queued"} <= set(result.metadata)
    assert float(result.metadata["run_ms"]) >= 0


async def test_a_command_knows_its_session_its_time_and_its_trace(serve: Serve) -> None:
    class Context:
        @handles("context.look")
        def look(self, session: Session) -> list[Any]:
            return [session.id, session.remaining_s, _trace_id()]

    caller = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1))
    async with serve(Context()) as bridge:
        with trace.use_span(NonRecordingSpan(caller)):
            session_id, remaining_s, trace_id = await bridge.client.call(
                "context.look", session="mine", timeout_s=4
            )

    assert session_id == "mine"
    assert 0 < remaining_s <= 4
    assert trace_id == 0xABC


def _trace_id() -> int:
    return trace.get_current_span().get_span_context().trace_id


# --- failures -------------------------------------------------------------------------------------


class UnprintableError(Exception):
    def __str__(self) -> str:
        text = "no text today"
        raise RuntimeError(text)


RAISED = [
    ValueError("plain"),
    ValueError("größer ∑ 日本語"),
    ValueError("\ud800 half a character"),
    ValueError("x" * 1_000_000),
    UnprintableError(),
    SystemExit(3),
    KeyboardInterrupt(),
    StopIteration("early"),
    StopAsyncIteration("early"),
    asyncio.CancelledError("nobody asked"),
    RecursionError("deep"),
    MemoryError(),
]


class Raiser:
    """Raises the same exception in every form a handler may have."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    @handles("raise.def")
    def plain(self, session: Session) -> None:
        raise self._error

    @handles("raise.async_def")
    async def on_loop(self, session: Session) -> None:
        raise self._error

    @handles("raise.generator")
    def items(self, session: Session) -> Generator[str, None, None]:
        yield "first"
        raise self._error

    @handles("raise.async_generator")
    async def items_on_loop(self, session: Session) -> AsyncGenerator[str, None]:
        yield "first"
        raise self._error


@pytest.mark.parametrize("form", ["def", "async_def", "generator", "async_generator"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: repr(error)[:30])
async def test_whatever_code_raises_arrives_as_its_failure(
    serve: Serve, error: BaseException, form: str
) -> None:
    items: list[str] = []
    async with serve(Raiser(error)) as bridge:
        with pytest.raises(HandlerFailedError) as caught:
            await collect(bridge.client.stream(f"raise.{form}", session="s"), items)
        alive = await bridge.client.call("basics.ping", session="s")

    failure = caught.value
    assert items == (["first"] if "generator" in form else [])
    assert failure.code is ErrorCode.HANDLER_FAILED
    # Python itself turns these into RuntimeError where they would end an iteration.
    assert failure.foreign_type in {type(error).__name__, "RuntimeError"}
    assert failure.foreign_type == type(error).__name__ or isinstance(
        error, (StopIteration, StopAsyncIteration)
    )
    assert failure.details["command"] == f"raise.{form}"
    assert f"raise.{form}" in failure.message
    assert failure.error_id == failure.metadata["error_id"]
    assert "test_transports.py" in failure.foreign_traceback or isinstance(error, UnprintableError)
    assert alive == "pong"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("größer ∑ 日本語"), "größer ∑ 日本語"),
        (ValueError("\ud800 half"), "half"),
        (ValueError("x" * 1_000_000), "xxx … 9"),
        (UnprintableError(), "__str__ raised RuntimeError"),
    ],
    ids=["not ASCII", "lone surrogate", "1 MB", "unprintable"],
)
async def test_the_message_of_a_failure_arrives_as_far_as_it_can(
    serve: Serve, error: BaseException, shown: str
) -> None:
    async with serve(Raiser(error)) as bridge:
        with pytest.raises(HandlerFailedError) as caught:
            await bridge.client.call("raise.def")

    assert shown in caught.value.message
    assert len(caught.value.message) < 5000


def _all_kinds(kind: type[BridgeError]) -> set[type[BridgeError]]:
    below = kind.__subclasses__()
    return {kind}.union(*map(_all_kinds, below))


@pytest.mark.parametrize(
    "kind",
    sorted(
        (kind for kind in _all_kinds(BridgeError) if kind.__module__ == errors.__name__),
        key=repr,
    ),
)
async def test_an_error_of_the_bridge_arrives_whole(serve: Serve, kind: type[BridgeError]) -> None:
    raised = kind("It is «so».", {"hint": "Do «this».", "n": 2**70, "deep": [{"a": None}]})
    raised.retry_after_s = 1.5
    raised.retryable = True
    async with serve(Raiser(raised)) as bridge:
        with pytest.raises(BridgeError) as caught:
            await bridge.client.call("raise.def")

    error = caught.value
    assert type(error) is kind
    assert (error.code, error.message, error.hint) == (raised.code, "It is «so».", "Do «this».")
    assert error.details == raised.details
    assert (error.retryable, error.retry_after_s) == (True, 1.5)
    assert error.error_id == raised.error_id
    assert error.foreign_type == ""


async def test_facts_that_json_cannot_carry_arrive_as_text(serve: Serve) -> None:
    facts = {"object": object(), "bytes": b"\xff", "half": "\ud800", "set": {1}}
    raised = BridgeError("Odd.", facts)
    async with serve(Raiser(raised)) as bridge:
        with pytest.raises(BridgeError, match="Odd") as caught:
            await bridge.client.call("raise.def")

    assert caught.value.details


async def test_an_unknown_command_is_answered_with_the_nearest_one(serve: Serve) -> None:
    async with serve() as bridge:
        with pytest.raises(CommandNotFoundError) as caught:
            await bridge.client.call("basics.pign", session="never-opened")

        assert caught.value.hint == "Did you mean 'basics.ping'?"
        assert len(bridge.sessions) == 0


async def test_every_wrong_argument_is_named(serve: Serve) -> None:
    async with serve() as bridge:
        with pytest.raises(InvalidArgumentError) as caught:
            await bridge.client.call("basics.echo", {"valeu": 1})

    assert "'valeu'" in str(caught.value)
    assert "'value'" in str(caught.value)


async def test_a_result_that_cannot_travel_is_a_failure_of_its_command(serve: Serve) -> None:
    class Knot:
        @handles("knot.tie")
        def tie(self, session: Session) -> list[Any]:
            knot: list[Any] = []
            knot.append(knot)
            return knot

    async with serve(Knot()) as bridge:
        with pytest.raises(HandlerFailedError) as caught:
            await bridge.client.call("knot.tie")

    assert "json" in caught.value.message


@pytest.mark.parametrize("name", ["command", "session", "argument"])
async def test_a_name_that_is_no_text_is_refused_before_it_is_sent(serve: Serve, name: str) -> None:
    half = "\ud800"
    command = half if name == "command" else "basics.echo"
    args = {half: 1} if name == "argument" else {"value": 1}
    async with serve() as bridge:
        with pytest.raises(InvalidArgumentError, match="ud800"):
            await bridge.client.call(command, args, session=half if name == "session" else None)


# --- streams --------------------------------------------------------------------------------------


class Items:
    """A generator in both forms."""

    @handles("items.generator")
    def items(self, session: Session, *, values: list[Any]) -> Generator[Any, None, None]:
        yield from values

    @handles("items.async_generator")
    async def items_on_loop(
        self, session: Session, *, values: list[Any]
    ) -> AsyncGenerator[Any, None]:
        for value in values:
            yield value


@pytest.mark.parametrize("form", ["generator", "async_generator"])
@pytest.mark.parametrize(
    "values",
    [[], [None], [None, 1, None], list(range(1000))],
    ids=["nothing", "a null", "nulls", "many"],
)
async def test_a_stream_yields_its_items_in_order_then_ends(
    serve: Serve, form: str, values: list[Any]
) -> None:
    async with serve(Items()) as bridge:
        stream = bridge.client.stream(f"items.{form}", {"values": values})
        items = [item async for item in stream]

    assert items == values


async def test_a_streaming_command_cannot_be_called_for_one_value(serve: Serve) -> None:
    async with serve() as bridge:
        with pytest.raises(WrongCallError) as caught:
            await bridge.client.call("basics.count", {"upto": 3})

    assert "stream" in caught.value.hint


async def test_streams_of_one_connection_do_not_wait_for_each_other(serve: Serve) -> None:
    """Each takes one step in turn, so that none could finish before the others."""
    async with serve() as bridge:
        streams = [bridge.client.stream("basics.count", {"upto": 3}) for _ in range(20)]
        rounds = [[await anext(stream) for stream in streams] for _ in range(3)]
        rests = [[item async for item in stream] for stream in streams]

    assert rounds == [[0] * 20, [1] * 20, [2] * 20]
    assert rests == [[]] * 20


async def test_closing_a_stream_early_reaches_a_generator(serve: Serve) -> None:
    ended = threading.Event()
    was_cancelled: list[bool] = []

    class Endless:
        @handles("endless.items")
        def items(self, session: Session) -> Generator[str, None, None]:
            try:
                while not session.cancelled:
                    yield ITEM
            finally:
                was_cancelled.append(session.cancelled)
                ended.set()

    async with serve(Endless()) as bridge:
        async with aclosing(bridge.client.stream("endless.items")) as items:
            await anext(items)
        assert await asyncio.to_thread(ended.wait, 5)
        await bridge.code_ended.wait()
        assert bridge.engine.load().in_flight == 0

    assert was_cancelled == [True]


async def test_closing_a_stream_early_reaches_an_async_generator(serve: Serve) -> None:
    ended = asyncio.Event()

    class Endless:
        @handles("endless.items")
        async def items(self, session: Session) -> AsyncGenerator[str, None]:
            try:
                while True:
                    yield ITEM
                    await asyncio.sleep(0)
            finally:
                ended.set()

    async with serve(Endless()) as bridge:
        async with aclosing(bridge.client.stream("endless.items")) as items:
            await anext(items)
        await ended.wait()
        await bridge.code_ended.wait()
        assert bridge.engine.load().in_flight == 0


async def test_closing_reaches_a_stream_that_has_nothing_to_send(serve: Serve) -> None:
    waiting, ended = asyncio.Event(), asyncio.Event()

    class Silent:
        @handles("silent.items")
        async def items(self, session: Session) -> AsyncGenerator[str, None]:
            yield "one"
            try:
                waiting.set()
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with serve(Silent()) as bridge:
        async with aclosing(bridge.client.stream("silent.items")) as items:
            await anext(items)
            await waiting.wait()
        await ended.wait()


@pytest.mark.parametrize("form", ["generator", "async_generator"])
async def test_a_reader_that_does_not_read_holds_the_code_back(serve: Serve, form: str) -> None:
    """Meanwhile the bridge answers other calls for longer than the rest would take to produce."""
    total = 1000

    class Producer:
        produced = 0

        @handles("produce.generator")
        def items(self, session: Session) -> Generator[str, None, None]:
            for _ in range(total):
                self.produced += 1
                yield ITEM

        @handles("produce.async_generator")
        async def items_on_loop(self, session: Session) -> AsyncGenerator[str, None]:
            for _ in range(total):
                self.produced += 1
                yield ITEM

    producer = Producer()
    async with (
        serve(producer) as bridge,
        aclosing(bridge.client.stream(f"produce.{form}")) as items,
    ):
        await anext(items)
        for _ in range(300):
            await bridge.client.call("basics.ping")
        ahead = producer.produced
        rest = [item async for item in items]

    assert ahead <= 2 * CAPACITY + ON_THE_NETWORK
    assert len(rest) == total - 1


# --- time -----------------------------------------------------------------------------------------


async def test_late_code_that_cannot_be_stopped_is_abandoned_and_counted(serve: Serve) -> None:
    release = threading.Event()
    was_cancelled: list[bool] = []

    class Stubborn:
        @handles("stubborn.run")
        def run(self, session: Session) -> str:
            release.wait(5)
            was_cancelled.append(session.cancelled)
            return "too late"

    async with serve(Stubborn(), max_threads=1) as bridge:
        try:
            with pytest.raises(CommandDeadlineError) as caught:
                await bridge.client.call("stubborn.run", timeout_s=0.05)
            during = bridge.engine.load()
        finally:
            release.set()
        # There is one thread, so this runs once the abandoned code has left it.
        assert await bridge.client.call("basics.ping") == "pong"
        after = bridge.engine.load()

    assert caught.value.outcome is Outcome.ABANDONED
    assert caught.value.hint
    assert (during.in_flight, during.abandoned) == (1, 1)
    assert (after.in_flight, after.abandoned, after.queued) == (0, 0, 0)
    assert was_cancelled == [True]


async def test_late_code_on_the_loop_is_stopped(serve: Serve) -> None:
    ended = asyncio.Event()

    class Slow:
        @handles("slow.run")
        async def run(self, session: Session) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with serve(Slow()) as bridge:
        with pytest.raises(CommandDeadlineError) as caught:
            await bridge.client.call("slow.run", timeout_s=0.05)

        assert ended.is_set()
        assert bridge.engine.load().in_flight == 0
    assert caught.value.outcome is Outcome.STOPPED


@pytest.mark.parametrize("form", ["generator", "async_generator"])
async def test_a_stream_that_is_late_fails_after_its_items(serve: Serve, form: str) -> None:
    release = threading.Event()

    class Slow:
        @handles("slow.generator")
        def items(self, session: Session) -> Generator[int, None, None]:
            yield 1
            while not session.cancelled:
                release.wait(0.01)

        @handles("slow.async_generator")
        async def items_on_loop(self, session: Session) -> AsyncGenerator[int, None]:
            yield 1
            await asyncio.Event().wait()

    items: list[int] = []
    async with serve(Slow()) as bridge:
        with pytest.raises(CommandDeadlineError) as caught:
            await collect(bridge.client.stream(f"slow.{form}", timeout_s=0.1), items)
        await bridge.code_ended.wait()
        assert bridge.engine.load().in_flight == 0

    assert items == [1]
    assert caught.value.outcome is Outcome.STOPPED


async def test_a_command_that_waits_for_a_thread_until_its_deadline_never_runs(
    serve: Serve,
) -> None:
    inside, release = threading.Event(), threading.Event()
    ran: list[str] = []

    class Slow:
        @handles("slow.run")
        def run(self, session: Session, *, name: str) -> None:
            ran.append(name)
            inside.set()
            release.wait(5)

    async with serve(Slow(), max_threads=1) as bridge, asyncio.TaskGroup() as group:
        first = group.create_task(bridge.client.call("slow.run", {"name": "first"}))
        await asyncio.to_thread(inside.wait, 5)
        try:
            with pytest.raises(CommandDeadlineError) as caught:
                await bridge.client.call("slow.run", {"name": "second"}, timeout_s=0.05)
        finally:
            release.set()
        await first

    assert caught.value.outcome is Outcome.STOPPED
    assert ran == ["first"]


async def test_a_deadline_that_has_passed_before_sending_is_an_error_of_its_own(
    serve: Serve,
) -> None:
    async with serve() as bridge:
        with pytest.raises(CommandDeadlineError):
            await bridge.client.call("basics.ping", timeout_s=-1)


async def test_cancelling_a_call_stops_code_on_the_loop(serve: Serve) -> None:
    inside, ended = asyncio.Event(), asyncio.Event()

    class Slow:
        @handles("slow.run")
        async def run(self, session: Session) -> None:
            inside.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    async with serve(Slow()) as bridge:
        task = asyncio.create_task(bridge.client.call("slow.run"))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()
        await bridge.code_ended.wait()
        assert bridge.engine.load().in_flight == 0


async def test_cancelling_a_call_is_seen_by_code_on_a_thread(serve: Serve) -> None:
    inside, told = threading.Event(), threading.Event()

    class Slow:
        @handles("slow.run")
        def run(self, session: Session) -> None:
            inside.set()
            while not session.cancelled:
                told.wait(0.005)
            told.set()

    async with serve(Slow()) as bridge:
        task = asyncio.create_task(bridge.client.call("slow.run"))
        assert await asyncio.to_thread(inside.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(told.wait, 5)
        await bridge.code_ended.wait()
        assert bridge.engine.load().in_flight == 0


# --- load, sessions -------------------------------------------------------------------------------


async def test_a_full_bridge_says_so_at_once(serve: Serve) -> None:
    inside, release = threading.Event(), threading.Event()

    class Slow:
        @handles("slow.run")
        def run(self, session: Session) -> str:
            inside.set()
            release.wait(5)
            return "done"

    async with serve(Slow(), max_threads=1, max_queued=0) as bridge, asyncio.TaskGroup() as group:
        first = group.create_task(bridge.client.call("slow.run"))
        await asyncio.to_thread(inside.wait, 5)
        try:
            with pytest.raises(PoolFullError) as called:
                await bridge.client.call("basics.ping")
            with pytest.raises(PoolFullError) as streamed:
                await anext(bridge.client.stream("basics.ping"))
        finally:
            release.set()
        assert await first == "done"

    for caught in (called, streamed):
        assert caught.value.hint
        assert caught.value.retryable
        assert caught.value.retry_after_s == 1.0
        assert caught.value.metadata["run_ms"] == "0.000"


async def test_async_commands_of_one_session_are_inside_together(serve: Serve) -> None:
    both_inside = asyncio.Barrier(2)

    class Meeting:
        @handles("meeting.join")
        async def join(self, session: Session) -> str:
            await both_inside.wait()
            return session.id

    async with serve(Meeting()) as bridge, asyncio.TaskGroup() as group:
        left = group.create_task(bridge.client.call("meeting.join", session="room"))
        right = group.create_task(bridge.client.call("meeting.join", session="room"))

    assert (left.result(), right.result()) == ("room", "room")


async def test_blocking_commands_of_one_session_are_inside_together(serve: Serve) -> None:
    both_inside = threading.Barrier(2, timeout=5)

    class Meeting:
        @handles("meeting.join")
        def join(self, session: Session) -> str:
            both_inside.wait()
            return session.id

    async with serve(Meeting()) as bridge, asyncio.TaskGroup() as group:
        left = group.create_task(bridge.client.call("meeting.join", session="room"))
        right = group.create_task(bridge.client.call("meeting.join", session="room"))

    assert (left.result(), right.result()) == ("room", "room")


class Shelf:
    """Keeps things."""

    @handles("shelf.put")
    def put(self, session: Session, *, thing: str) -> str:
        return session.instances.register([thing])

    @handles("shelf.get")
    def get(self, session: Session, *, ref: str) -> list[str]:
        found: list[str] = session.instances.get(ref)
        return found


async def test_an_instance_lives_in_its_session_alone(serve: Serve) -> None:
    async with serve(Shelf()) as bridge:
        ref = await bridge.client.call("shelf.put", {"thing": "vase"}, session="mine")
        found = await bridge.client.call("shelf.get", {"ref": ref}, session="mine")
        with pytest.raises(errors.ForeignRefError):
            await bridge.client.call("shelf.get", {"ref": ref}, session="yours")

    assert found == ["vase"]


async def test_nothing_can_be_kept_without_a_session(serve: Serve) -> None:
    async with serve(Shelf()) as bridge:
        with pytest.raises(WrongCallError) as caught:
            await bridge.client.call("shelf.put", {"thing": "vase"})

        assert "session_id" in caught.value.hint
        assert len(bridge.sessions) == 0


async def test_many_calls_at_once_each_get_their_own_answer(serve: Serve) -> None:
    async with serve() as bridge, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(bridge.client.call("basics.echo", {"value": number}))
            for number in range(200)
        ]

    assert [call.result() for call in calls] == list(range(200))


async def test_waiting_for_a_bridge_that_answers_takes_no_time(serve: Serve) -> None:
    async with serve() as bridge:
        await bridge.client.wait_ready(timeout_s=5)
