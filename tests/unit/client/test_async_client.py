from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.errors import (
    BridgeError,
    CommandDeadlineError,
    CommandNotFoundError,
    HandlerFailedError,
    HostUnavailableError,
    InvalidArgumentError,
    PoolFullError,
    QuotaExceededError,
    UnauthenticatedError,
)
from snakepit_bridge.transport.envelope import Reply
from snakepit_bridge.values import find_encoding
from snakepit_bridge.values.blob import Blob, Data
from snakepit_bridge.values.encoding import Encoded
from tests.unit.client.scripted import (
    END_OF_STREAM,
    ScriptedConnection,
    failed_reply,
    value_reply,
)

LONG_AGO_S = -10.0
"""A deadline that has passed: what would hang gives up at once."""


def busy(retry_after_s: float = 0.0) -> PoolFullError:
    error = PoolFullError("All threads are busy.", {"hint": "Later."})
    error.retry_after_s = retry_after_s
    return error


# --- one value -----------------------------------------------------------------------------------


async def test_a_call_returns_the_value_of_its_reply() -> None:
    client = AsyncClient(ScriptedConnection(value_reply('{"a": [1, null]}')))

    assert await client.call("demo.run") == {"a": [1, None]}


async def test_a_result_has_the_metadata_as_well() -> None:
    client = AsyncClient(ScriptedConnection(value_reply("7")))

    result = await client.call_result("demo.run")

    assert (result.value, result.metadata) == (7, {"queue_ms": "0.100"})


async def test_an_answer_without_a_value_is_none() -> None:
    client = AsyncClient(ScriptedConnection(Reply()))

    assert await client.call("demo.run") is None


async def test_the_envelope_says_all_that_the_call_says() -> None:
    connection = ScriptedConnection(value_reply("1"))
    caller = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1))

    with trace.use_span(NonRecordingSpan(caller)):
        await AsyncClient(connection).call("demo.run", {"n": 1}, session="mine", timeout_s=5)

    (sent,) = connection.sent
    assert (sent.command, sent.session_id, sent.timeout_s) == ("demo.run", "mine", 5)
    assert (sent.encoding, dict(sent.args)) == ("json", {"n": b"1"})
    assert sent.trace_context["traceparent"].startswith(f"00-{0xABC:032x}-{0xDEF:016x}")


async def test_a_failure_is_raised_as_the_error_of_its_code() -> None:
    failure = HandlerFailedError("It broke.", {"hint": "Mend it.", "part": 3})
    failure.foreign_type = "ValueError"
    failure.foreign_traceback = "Traceback …"
    client = AsyncClient(ScriptedConnection(failed_reply(failure, run_ms="1.500")))

    with pytest.raises(HandlerFailedError) as caught:
        await client.call("demo.run")

    error = caught.value
    assert (str(error), error.details["part"]) == ("It broke. Mend it.", 3)
    assert (error.foreign_type, error.foreign_traceback) == ("ValueError", "Traceback …")
    assert error.error_id == failure.error_id
    assert error.metadata == {"run_ms": "1.500"}


async def test_a_bridge_that_hangs_is_given_up_after_the_deadline() -> None:
    client = AsyncClient(ScriptedConnection())

    with pytest.raises(CommandDeadlineError) as caught:
        await client.call("demo.run", timeout_s=LONG_AGO_S)

    assert caught.value.outcome is None
    assert caught.value.hint


async def test_an_encoding_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(InvalidArgumentError, match="morse"):
        AsyncClient(ScriptedConnection(), encoding="morse")


async def test_an_argument_that_cannot_travel_is_refused_before_anything_is_sent() -> None:
    connection = ScriptedConnection(value_reply("1"))
    knot: list[object] = []
    knot.append(knot)

    with pytest.raises(InvalidArgumentError, match="'knot'"):
        await AsyncClient(connection).call("demo.run", {"knot": knot})

    assert connection.sent == []


# --- retries -------------------------------------------------------------------------------------


async def test_nothing_is_repeated_unless_asked_for() -> None:
    connection = ScriptedConnection(failed_reply(busy()), value_reply("1"))

    with pytest.raises(PoolFullError):
        await AsyncClient(connection).call("demo.run")

    assert len(connection.sent) == 1


async def test_a_call_the_bridge_was_too_busy_to_begin_is_repeated() -> None:
    connection = ScriptedConnection(failed_reply(busy()), failed_reply(busy()), value_reply("1"))

    answer = await AsyncClient(connection, retries=2).call("demo.run", {"n": 1}, timeout_s=5)

    assert answer == 1
    assert connection.commands == ["demo.run"] * 3
    first, *again = (sent.timeout_s or 0 for sent in connection.sent)
    assert all(0 < left < first for left in again)


async def test_a_call_is_repeated_no_more_often_than_asked_for() -> None:
    connection = ScriptedConnection(*[failed_reply(busy())] * 3)

    with pytest.raises(PoolFullError):
        await AsyncClient(connection, retries=2).call("demo.run")

    assert len(connection.sent) == 3


async def test_a_pause_that_is_longer_than_the_time_left_is_not_begun() -> None:
    connection = ScriptedConnection(failed_reply(busy(retry_after_s=60)), value_reply("1"))

    with pytest.raises(PoolFullError):
        await AsyncClient(connection, retries=1).call("demo.run", timeout_s=5)

    assert len(connection.sent) == 1


@pytest.mark.parametrize(
    "reply",
    [
        failed_reply(busy(), run_ms="0.020"),
        failed_reply(QuotaExceededError("Too many.")),
        HostUnavailableError("Gone."),
        Reply(failure=failed_reply(busy()).failure),
    ],
    ids=["code that passes on a full pool", "a quota", "unreachable", "nothing said about it"],
)
async def test_what_may_have_begun_is_never_repeated(reply: Reply | BridgeError) -> None:
    connection = ScriptedConnection(reply, value_reply("1"))

    with pytest.raises(BridgeError):
        await AsyncClient(connection, retries=5).call("demo.run")

    assert len(connection.sent) == 1


async def test_a_stream_the_bridge_was_too_busy_to_begin_is_repeated() -> None:
    connection = ScriptedConnection(failed_reply(busy()), value_reply("1"))

    items = [item async for item in AsyncClient(connection, retries=1).stream("demo.run")]

    assert items == [1]
    assert connection.closed_streams == 2


async def test_a_negative_number_of_retries_is_refused() -> None:
    with pytest.raises(ValueError, match="retries=-1"):
        AsyncClient(ScriptedConnection(), retries=-1)


# --- streams -------------------------------------------------------------------------------------


async def test_a_stream_yields_what_comes_before_its_end() -> None:
    first, second = value_reply("1", is_final=False), value_reply("null", is_final=False)
    connection = ScriptedConnection(first, second, END_OF_STREAM)

    items = [item async for item in AsyncClient(connection).stream("demo.items", session="mine")]

    assert items == [1, None]
    assert connection.sent[0].session_id == "mine"
    assert connection.closed_streams == 1


async def test_the_value_of_a_command_that_does_not_stream_is_the_only_item() -> None:
    client = AsyncClient(ScriptedConnection(value_reply('"all"')))

    assert [item async for item in client.stream("demo.run")] == ["all"]


async def test_a_stream_that_fails_has_yielded_what_came_before() -> None:
    failure = failed_reply(HandlerFailedError("Broke."))
    stream = AsyncClient(ScriptedConnection(value_reply("1", is_final=False), failure)).stream("x")

    assert await anext(stream) == 1
    with pytest.raises(HandlerFailedError):
        await anext(stream)


async def test_a_stream_that_breaks_off_is_not_taken_for_a_complete_one() -> None:
    class BreaksOff(ScriptedConnection):
        async def stream(self, envelope: object) -> AsyncGenerator[Reply, None]:
            yield value_reply("1", is_final=False)

    stream = AsyncClient(BreaksOff()).stream("demo.items")

    assert await anext(stream) == 1
    with pytest.raises(HostUnavailableError, match="broke off"):
        await anext(stream)


async def test_closing_a_stream_early_closes_the_one_below() -> None:
    connection = ScriptedConnection(value_reply("1", is_final=False))

    async with aclosing(AsyncClient(connection).stream("demo.items")) as items:
        await anext(items)

    assert connection.closed_streams == 1


async def test_a_stream_that_hangs_is_given_up_after_the_deadline() -> None:
    connection = ScriptedConnection(value_reply("1", is_final=False))
    stream = AsyncClient(connection).stream("demo.items", timeout_s=LONG_AGO_S)

    assert await anext(stream) == 1
    with pytest.raises(CommandDeadlineError):
        await anext(stream)
    assert connection.closed_streams == 1


# --- the bridge itself ---------------------------------------------------------------------------


async def test_the_commands_are_those_the_bridge_describes() -> None:
    connection = ScriptedConnection(value_reply('[{"name": "demo.run"}]'))

    assert await AsyncClient(connection).commands() == [{"name": "demo.run"}]
    assert connection.commands == ["system.describe"]


@pytest.mark.parametrize(
    "reply",
    [value_reply('"pong"'), failed_reply(CommandNotFoundError("No ping.")), failed_reply(busy())],
)
async def test_a_bridge_is_ready_once_it_answers_anything(reply: Reply) -> None:
    connection = ScriptedConnection(reply)

    await AsyncClient(connection).wait_ready(timeout_s=5)

    assert connection.commands == ["system.ping"]


@pytest.mark.parametrize("is_reachable", [True, False])
async def test_a_bridge_that_does_not_answer_is_not_waited_for_for_ever(
    *, is_reachable: bool
) -> None:
    connection = ScriptedConnection()
    connection.is_reachable = is_reachable

    with pytest.raises(HostUnavailableError, match="did not answer within 0 s"):
        await AsyncClient(connection).wait_ready(timeout_s=0)


async def test_a_bridge_that_refuses_the_caller_is_never_ready() -> None:
    client = AsyncClient(ScriptedConnection(UnauthenticatedError("No.")))

    with pytest.raises(UnauthenticatedError):
        await client.wait_ready(timeout_s=5)


async def test_cancelling_a_call_cancels_the_one_below() -> None:
    was_cancelled = asyncio.Event()

    class Hangs(ScriptedConnection):
        async def call(self, envelope: object) -> Reply:
            try:
                await asyncio.Event().wait()
            finally:
                was_cancelled.set()
            raise NotImplementedError

    task = asyncio.create_task(AsyncClient(Hangs()).call("demo.run", timeout_s=5))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert was_cancelled.is_set()


async def test_another_encoding_travels_in_the_envelope() -> None:
    connection = ScriptedConnection(Reply(encoded=Encoded(parts={"a": b"1"})))

    answer = await AsyncClient(connection, encoding="").call("demo.run", {"n": 1})

    assert connection.sent[0].encoding == ""
    assert answer == {"a": 1}


async def test_what_a_client_says_with_every_call_is_said() -> None:
    connection = ScriptedConnection(value_reply("1"), value_reply("2"))
    client = AsyncClient(connection, metadata={"refs": "on"})

    await client.call("x")
    assert [item async for item in client.stream("x")] == [2]

    assert [dict(sent.metadata) for sent in connection.sent] == [{"refs": "on"}, {"refs": "on"}]


async def test_large_answers_may_be_files_where_both_sides_see_them() -> None:
    connection = ScriptedConnection(Reply(encoded=find_encoding("msgpack").encode(1)))
    client = AsyncClient(connection, encoding="msgpack", shares_files=True)

    assert await client.call("x") == 1

    assert dict(connection.sent[0].metadata) == {"snakepit-blobs": "shared"}


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
async def test_bytes_are_uploaded_as_they_are(value: object) -> None:
    connection = ScriptedConnection()

    blob = await AsyncClient(connection, encoding="msgpack").upload(value)

    assert (blob.kind, blob.handle) == ("bytes", "uploaded-0")
    assert connection.kept == [b"abc"]


async def test_numbers_are_uploaded_with_what_they_are() -> None:
    connection = ScriptedConnection()

    blob = await AsyncClient(connection, encoding="msgpack").upload(array.array("i", [1, 2]))

    assert (blob.kind, blob.dtype, blob.shape) == ("tensor", "int32", (2,))


async def test_what_has_no_binary_form_cannot_be_uploaded() -> None:
    with pytest.raises(InvalidArgumentError, match="'dict' has no binary form"):
        await AsyncClient(ScriptedConnection(), encoding="msgpack").upload({})


async def test_a_client_of_plain_json_cannot_refer_to_what_it_would_upload() -> None:
    connection = ScriptedConnection()

    with pytest.raises(InvalidArgumentError) as caught:
        await AsyncClient(connection).upload(b"abc")

    assert "encoding='msgpack'" in caught.value.hint
    assert connection.kept == []


async def test_an_upload_ends_with_its_deadline() -> None:
    class Hanging(ScriptedConnection):
        async def upload(self, data: Data) -> str:
            del data
            await asyncio.Event().wait()
            return ""

    client = AsyncClient(Hanging(), encoding="tagged")
    with pytest.raises(CommandDeadlineError, match="'upload' had no answer in time"):
        await client.upload(b"abc", timeout_s=LONG_AGO_S)


async def test_data_without_a_handle_are_released_by_doing_nothing() -> None:
    connection = ScriptedConnection()
    client = AsyncClient(connection)

    await client.release(Blob(kind="bytes", data=b"abc"))
    await client.settle()

    assert connection.commands == []
