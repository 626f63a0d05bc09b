from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NoReturn

import pytest

from snakepit_bridge.errors import BridgeError, ErrorCode, PoolFullError
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.transport.dispatcher import Dispatcher, dispatching
from snakepit_bridge.transport.envelope import Envelope, Reply
from snakepit_bridge.values import Encoded
from snakepit_bridge.values.beside import NOTHING, Beside
from snakepit_bridge.values.blob import Blob
from tests.unit.handlers.bridges import commands_of, running
from tests.unit.telemetry.told import Told


class Greeter:
    @handles("greet.say")
    def say(self, session: Session, *, name: str) -> str:
        return f"hello {name}"

    @handles("greet.each")
    def each(self, session: Session, *, names: list[str]) -> Generator[str, None, None]:
        for name in names:
            if name == "nobody":
                raise LookupError(name)
            yield f"hello {name}"

    @handles("greet.full")
    def full(self, session: Session) -> None:
        raise PoolFullError("full")


ADA = Envelope(command="greet.say", args={"name": b'"Ada"'}, session_id="s", request_id="r")


async def _replies(dispatcher: Dispatcher, envelope: Envelope) -> list[Reply]:
    async with aclosing(dispatcher.stream(envelope)) as replies:
        return [reply async for reply in replies]


async def test_a_command_goes_in_as_bytes_and_its_value_comes_out_as_bytes() -> None:
    async with running(Greeter()) as handler:
        reply = await Dispatcher(handler).run(ADA)

    assert reply.encoded == Encoded(b'"hello Ada"')
    assert reply.failure is None
    assert reply.is_final
    assert reply.metadata["worker_id"] == "w1"


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (Envelope(command="greet.sya"), ErrorCode.COMMAND_NOT_FOUND),
        (Envelope(command="greet.say", encoding="xml"), ErrorCode.INVALID_ARGUMENT),
        (Envelope(command="greet.say", args={"name": b"{"}), ErrorCode.INVALID_ARGUMENT),
        (Envelope(command="greet.say"), ErrorCode.INVALID_ARGUMENT),
        (Envelope(command="greet.full"), ErrorCode.POOL_FULL),
    ],
)
async def test_every_failure_is_a_reply(envelope: Envelope, code: ErrorCode) -> None:
    async with running(Greeter()) as handler:
        dispatcher = Dispatcher(handler)
        reply = await dispatcher.run(envelope)
        (last,) = await _replies(dispatcher, envelope)

    for each in (reply, last):
        assert each.failure is not None
        assert each.failure.code == code
        assert each.is_final
        assert each.metadata["error_id"] == each.failure.error_id
    assert (dispatcher.tally.answered, dispatcher.tally.failed) == (2, 2)


async def test_the_items_come_one_by_one_and_then_one_empty_end() -> None:
    envelope = Envelope(command="greet.each", args={"names": b'["Ada", "Bob"]'})

    async with running(Greeter()) as handler:
        dispatcher = Dispatcher(handler)
        *items, end = await _replies(dispatcher, envelope)

    assert [item.encoded for item in items] == [Encoded(b'"hello Ada"'), Encoded(b'"hello Bob"')]
    assert [item.is_final for item in items] == [False, False]
    assert (end.encoded, end.is_final) == (None, True)
    assert "run_ms" in end.metadata
    assert (dispatcher.tally.answered, dispatcher.tally.failed) == (1, 0)


async def test_a_failure_between_the_items_is_the_end() -> None:
    envelope = Envelope(command="greet.each", args={"names": b'["Ada", "nobody"]'})

    async with running(Greeter()) as handler:
        item, end = await _replies(Dispatcher(handler), envelope)

    assert item.encoded == Encoded(b'"hello Ada"')
    assert end.is_final
    assert end.failure is not None
    assert end.failure.type == "LookupError"
    assert "LookupError: nobody" in end.failure.traceback


async def test_a_fault_of_our_own_is_told_as_such_and_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FaultyEngine:
        name = "faulty"

        def __getattr__(self, name: str) -> NoReturn:
            raise RuntimeError(name)

    handler = commands_of(Greeter()).on_engine(FaultyEngine())
    with caplog.at_level(logging.ERROR):
        reply = await Dispatcher(handler).run(ADA)
        (last,) = await _replies(Dispatcher(handler), ADA)

    for each in (reply, last):
        assert each.failure is not None
        assert each.failure.code == ErrorCode.INTERNAL
        assert each.failure.message == "The bridge itself failed: RuntimeError."
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


# --- the log ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("envelope", "level"),
    [
        (Envelope(command="greet.sya"), logging.INFO),
        (Envelope(command="greet.full"), logging.WARNING),
        (Envelope(command="greet.each", args={"names": b'["nobody"]'}), logging.WARNING),
    ],
)
async def test_a_failure_is_one_line_with_the_id_of_the_answer(
    envelope: Envelope, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with running(Greeter()) as handler:
            (reply,) = await _replies(Dispatcher(handler), envelope)

    (record,) = (each for each in caplog.records if "failed" in each.message)
    assert reply.failure is not None
    assert record.levelno == level
    assert vars(record)["error_id"] == reply.failure.error_id
    assert vars(record)["error_code"] == reply.failure.code


async def test_a_line_cannot_be_forged_nor_flooded_by_a_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = "x\n2030-01-01 INFO everything is fine" + "x" * 1_000_000

    with caplog.at_level(logging.INFO):
        async with running(Greeter()) as handler:
            await Dispatcher(handler).run(Envelope(command=name, session_id="s"))

    (record,) = caplog.records
    assert "\n" not in record.message
    assert len(record.message) < 1000
    assert len(vars(record)["command"]) < 1000


async def test_a_successful_command_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with running(Greeter()) as handler:
            await Dispatcher(handler).run(ADA)

    assert [record for record in caplog.records if record.name.startswith("snakepit")] == []


# --- callers who leave, the engine --------------------------------------------------------------


async def test_a_caller_who_has_gone_gets_no_reply() -> None:
    inside = asyncio.Event()

    class Slow:
        @handles("slow.run")
        async def run(self, session: Session) -> None:
            inside.set()
            await asyncio.Event().wait()

    async with running(Slow()) as handler:
        dispatcher = Dispatcher(handler)
        task = asyncio.create_task(dispatcher.run(Envelope(command="slow.run")))
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert (dispatcher.tally.answered, dispatcher.tally.failed) == (1, 1)


async def test_a_dispatcher_brings_an_engine_where_there_is_none() -> None:
    handler = commands_of(Greeter())

    async with asyncio.timeout(5), dispatching(handler) as dispatcher:
        reply = await dispatcher.run(ADA)
        brought = dispatcher.handler.engine

    assert reply.failure is None
    assert brought is not None
    assert handler.engine is None
    assert dispatcher.handler.worker_id == handler.worker_id


async def test_a_dispatcher_uses_the_engine_there_is() -> None:
    async with running(Greeter()) as handler, dispatching(handler) as dispatcher:
        assert dispatcher.handler is handler


async def test_the_error_of_an_answer_says_which_kind_it_is() -> None:
    class Kinds:
        @handles("kinds.raise")
        def fail(self, session: Session, *, code: str) -> None:
            raise BridgeError("it broke", code=ErrorCode(code))

    async with running(Kinds()) as handler:
        dispatcher = Dispatcher(handler)
        replies = [
            await dispatcher.run(
                Envelope(command="kinds.raise", args={"code": f'"{code}"'.encode()})
            )
            for code in ErrorCode
        ]

    assert [reply.failure.code for reply in replies if reply.failure] == list(ErrorCode)


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope(command="greet.say", encoding="xml"),
        Envelope(command="greet.say", args={"name": b"{"}),
        Envelope(command="greet.say", blobs=[Blob(kind="bytes", handle="none")]),
        Envelope(command="greet.say", metadata={"refs": "maybe"}),
        Envelope(command="greet.say", requires_session=True),
    ],
    ids=["encoding", "bytes", "blobs", "wish", "no session"],
)
async def test_what_cannot_be_read_is_a_failure_of_its_command_like_any_other(
    envelope: Envelope,
) -> None:
    """It was once answered before the command began, and counted nowhere."""
    told = Told()

    async with running(Greeter(), telemetry=told.telemetry) as handler:
        reply = await Dispatcher(handler).run(envelope)

    assert reply.failure is not None
    assert reply.failure.code == ErrorCode.INVALID_ARGUMENT
    assert {"queue_ms", "run_ms", "in_flight", "queued", "error_id"} < reply.metadata.keys()
    assert told.counts() == {("greet.say", "error"): 1}


async def test_a_value_that_does_not_fit_a_message_is_a_failure_of_its_command() -> None:
    told = Told()

    async with running(Greeter(), telemetry=told.telemetry) as handler:
        reply = await Dispatcher(handler, max_value_bytes=8).run(ADA)

    assert reply.failure is not None
    assert reply.failure.code == ErrorCode.QUOTA_EXCEEDED
    assert not reply.failure.retryable
    assert told.counts() == {("greet.say", "error"): 1}


class Shouting:
    """An encoding of one's own."""

    def __init__(self, sign: str) -> None:
        self._sign = sign

    name = "json"

    def decode_args(self, args: Mapping[str, Any], blobs: Sequence[Blob] = ()) -> dict[str, Any]:
        return {name: each.decode().upper() for name, each in args.items()}

    def encode_args(self, args: Mapping[str, Any], beside: Beside = NOTHING) -> dict[str, bytes]:
        raise NotImplementedError

    def decode(self, encoded: Encoded) -> Any:
        raise NotImplementedError

    def encode(self, value: Any, beside: Beside = NOTHING) -> Encoded:
        return Encoded(f"{value}{self._sign}".encode())


async def test_transports_that_write_in_their_own_ways_count_together() -> None:
    loud = {"loud": Shouting("!")}

    async with running(Greeter()) as handler:
        plain = Dispatcher(handler, max_value_bytes=12)
        other = plain.with_codecs(values=loud, items=loud)
        await plain.run(ADA)
        reply = await other.run(
            Envelope(command="greet.say", args={"name": b"Somebody"}, encoding="loud")
        )

    assert reply.failure is not None
    assert reply.failure.code == ErrorCode.QUOTA_EXCEEDED
    assert (plain.tally.answered, plain.tally.failed) == (2, 1)


async def test_a_transport_may_have_encodings_of_its_own_for_values_and_for_items() -> None:
    envelope = Envelope(command="greet.say", args={"name": b"Ada"}, encoding="loud")
    values, items = {"loud": Shouting("!")}, {"loud": Shouting("?")}

    async with running(Greeter()) as handler:
        both = Dispatcher(handler, values=values, items=items)
        reply = await both.run(envelope)
        (last,) = await _replies(both, envelope)
        (same,) = await _replies(Dispatcher(handler, values=values), envelope)
        refused = await both.run(Envelope(command="greet.say", encoding="json"))

    assert reply.encoded == Encoded(b"hello ADA!")
    assert last.encoded == Encoded(b"hello ADA?")
    assert same.encoded == Encoded(b"hello ADA!")
    assert refused.failure is not None
    assert refused.failure.message == "No encoding is called 'json'."
    assert refused.failure.hint == "The encodings are: loud."
