"""``snakepit.SnakepitBridge`` over a real port: requests, answers, failures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Generator
from typing import Any

import grpc
import pytest

from snakepit_bridge.errors import BridgeError, ErrorCode
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeStub
from snakepit_bridge.grpc.status import STATUS
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from tests.integration.served import TIMEOUT_S, info_of, served


class Greeter:
    @handles("greet.say")
    def say(self, session: Session, *, name: str) -> str:
        return f"hello {name} from {session.id}"

    @handles("greet.each")
    async def each(self, session: Session, *, names: list[str]) -> AsyncGenerator[str, None]:
        for name in names:
            if name == "nobody":
                raise LookupError(name)
            yield f"hello {name}"

    @handles("greet.each_blocking")
    def each_blocking(self, session: Session, *, names: list[str]) -> Generator[str, None, None]:
        yield from (f"hello {name}" for name in names)

    @handles("greet.fail")
    def fail(self, session: Session, *, code: str) -> None:
        raise BridgeError("It broke.", {"hint": "Mend it.", "fact": 1}, code=ErrorCode(code))

    @handles("greet.remaining")
    def remaining(self, session: Session) -> float | None:
        return session.remaining_s

    @handles("greet.wait")
    async def wait(self, session: Session) -> None:
        await asyncio.Event().wait()


class Types:
    @handles("types.of")
    def of(self, session: Session, args: dict[str, Any]) -> dict[str, str]:
        return {name: f"{type(value).__name__} {value!r}" for name, value in args.items()}

    @handles("types.answer")
    def answer(self, session: Session, *, which: str) -> Any:
        return {
            "dict": {"raw": b"\xff", "text": "größe", "number": 1, "list": [1, None], "no": None},
            "text": "plain",
            "number": 42,
            "list": [1, 2],
            "bytes": b"\xff",
            "none": None,
            "empty": {},
        }[which]


# --- the old convention ---------------------------------------------------------------------------


async def test_arguments_of_an_old_client_are_json_else_text_else_bytes() -> None:
    sent = {
        "json": b'{"a": [1, null]}',
        "number": b"42",
        "text": "größe".encode(),
        "quoted": b'"42"',
        "bytes": b"\xff\xfe",
        "empty": b"",
    }

    async with served(Types()) as bridge:
        answer = await bridge.execute("types.of", encoding="", args=sent)

    assert dict(answer.result) == {
        "json": b"dict {'a': [1, None]}",
        "number": b"int 42",
        "text": "str 'größe'".encode(),
        "quoted": b"str '42'",
        "bytes": b"bytes b'\\xff\\xfe'",
        "empty": b"str ''",
    }


@pytest.mark.parametrize(
    ("which", "result"),
    [
        (
            "dict",
            {
                "raw": b"\xff",
                "text": "größe".encode(),
                "number": b"1",
                "list": b"[1,null]",
                "no": b"null",
            },
        ),
        ("text", {"result": b"plain"}),
        ("number", {"result": b"42"}),
        ("list", {"result": b"[1,2]"}),
        ("bytes", {"result": b"\xff"}),
        ("none", {"result": b"null"}),
        ("empty", {}),
    ],
)
async def test_an_old_client_gets_the_result_in_parts(which: str, result: dict[str, bytes]) -> None:
    before = time.time_ns()

    async with served(Types()) as bridge:
        args = {"which": which.encode()}
        answer = await bridge.execute("types.answer", encoding="", args=args, request_id="r-1")
        (end,) = await bridge.stream("types.answer", encoding="", args=args, request_id="r-1")

    assert {name: json_less(part) for name, part in answer.result.items()} == {
        name: json_less(part) for name, part in result.items()
    }
    assert (answer.success, answer.value, answer.error) == (True, b"", "")
    assert answer.request_id == end.request_id == "r-1"
    assert before <= answer.timestamp <= end.timestamp <= time.time_ns()
    assert (dict(end.chunk), end.is_final, end.chunk_index) == (dict(answer.result), True, 0)


def json_less(part: bytes) -> bytes:
    """The part without the spaces JSON may have."""
    return part.replace(b" ", b"")


# --- named encodings ------------------------------------------------------------------------------


async def test_a_value_under_json_comes_in_one_piece() -> None:
    async with served(Types()) as bridge:
        answer = await bridge.execute("types.answer", args={"which": b'"list"'})

    assert json.loads(answer.value) == [1, 2]
    assert (answer.success, dict(answer.result)) == (True, {})
    assert {"queue_ms", "run_ms", "in_flight", "queued", "worker_id"} <= answer.metadata.keys()


async def test_an_unknown_encoding_is_refused_listing_the_known_ones() -> None:
    async with served(Types()) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.execute("types.answer", encoding="xml")

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "'xml'" in (caught.value.details() or "")
    assert "json" in (caught.value.details() or "")


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ErrorCode)
async def test_every_failure_ends_with_its_status_and_its_facts(code: ErrorCode) -> None:
    args = {"code": f'"{code}"'.encode()}

    async with served(Greeter()) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.execute("greet.fail", args=args)
        with pytest.raises(grpc.aio.AioRpcError) as streamed:
            await bridge.stream("greet.fail", args=args)

    for error in (caught.value, streamed.value):
        info = info_of(error)
        assert error.code() is STATUS[code]
        assert error.details() == "It broke. Mend it."
        assert (info.reason, info.domain) == (code, "snakepit-bridge")
        assert dict(info.metadata).items() >= {"hint": "Mend it.", "retryable": "false"}.items()
        assert info.metadata["error_id"]


@pytest.mark.parametrize("code", ErrorCode)
async def test_a_failure_in_band_is_an_answer(code: ErrorCode) -> None:
    fields: dict[str, Any] = {"args": {"code": f'"{code}"'.encode()}, "in_band_errors": True}

    async with served(Greeter()) as bridge:
        answer = await bridge.execute("greet.fail", **fields)
        (end,) = await bridge.stream("greet.fail", **fields)

    assert not answer.success
    assert end.is_final
    for each in (answer, end):
        assert each.error == "It broke. Mend it."
        assert (each.failure.code, each.failure.message) == (code, "It broke.")
        assert json.loads(each.failure.details_json) == {"fact": 1}
        assert each.metadata["error_id"] == each.failure.error_id


async def test_the_failure_of_user_code_in_band_has_its_traceback() -> None:
    async with served(Greeter()) as bridge:
        *_, end = await bridge.stream(
            "greet.each", args={"names": b'["nobody"]'}, in_band_errors=True
        )

    assert (end.failure.code, end.failure.type) == ("HANDLER_FAILED", "LookupError")
    assert "LookupError: nobody" in end.failure.traceback


async def test_an_unknown_command_is_unimplemented_and_opens_no_session() -> None:
    async with served(Greeter()) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.execute("greet.sya", session_id="s")

        assert len(bridge.sessions) == 0
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert info_of(caught.value).metadata["hint"] == "Did you mean 'greet.say'?"


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["greet.each", "greet.each_blocking"])
async def test_a_stream_is_its_items_counted_from_0_and_one_empty_end(command: str) -> None:
    async with served(Greeter()) as bridge:
        *items, end = await bridge.stream(
            command, args={"names": b'["Ada", "Bob"]'}, request_id="r-1"
        )

    assert [json.loads(item.value) for item in items] == ["hello Ada", "hello Bob"]
    assert [(item.chunk_index, item.is_final) for item in items] == [(0, False), (1, False)]
    assert (end.chunk_index, end.is_final, end.value, dict(end.chunk)) == (2, True, b"", {})
    assert {each.request_id for each in (*items, end)} == {"r-1"}
    assert "run_ms" in end.metadata


async def test_a_command_that_does_not_stream_sends_its_value_in_the_end() -> None:
    async with served(Greeter()) as bridge:
        (end,) = await bridge.stream("greet.say", args={"name": b'"Ada"'}, session_id="s")

    assert (json.loads(end.value), end.is_final) == ("hello Ada from s", True)
    assert end.chunk_index == 0


@pytest.mark.parametrize("in_band", [False, True])
async def test_a_stream_may_fail_after_items(*, in_band: bool) -> None:
    request = pb.ExecuteRequest(
        command="greet.each",
        args={"names": b'["Ada", "nobody"]'},
        encoding="json",
        in_band_errors=in_band,
    )
    messages: list[pb.StreamResponse] = []

    async def read() -> None:
        async for message in bridge.stub.ExecuteStream(request, timeout=TIMEOUT_S):
            messages.append(message)  # noqa: PERF401  (a comprehension would lose what came before)

    async with served(Greeter()) as bridge:
        if in_band:
            await read()
        else:
            with pytest.raises(grpc.aio.AioRpcError, match="INTERNAL"):
                await read()

    assert json.loads(messages[0].value) == "hello Ada"
    assert [message.is_final for message in messages] == [False, True][: len(messages)]
    assert len(messages) == (2 if in_band else 1)


async def test_a_streaming_command_through_execute_says_how_to_call_it() -> None:
    async with served(Greeter()) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.execute("greet.each", args={"names": b"[]"})

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "ExecuteStream" in (caught.value.details() or "")
    assert info_of(caught.value).reason == "WRONG_CALL"


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout_ms", "deadline_s", "least", "most"),
    [(0, 60, 50, 61), (20_000, 60, 10, 20), (90_000, 60, 50, 61)],  # gRPC rounds a deadline up
)
async def test_the_smaller_of_both_time_limits_reaches_the_code(
    timeout_ms: int, deadline_s: float, least: float, most: float
) -> None:
    request = pb.ExecuteRequest(command="greet.remaining", timeout_ms=timeout_ms, encoding="json")

    async with served(Greeter()) as bridge:
        answer = await bridge.stub.Execute(request, timeout=deadline_s)

    assert least < json.loads(answer.value) <= most


async def test_without_any_time_limit_the_code_has_none() -> None:
    request = pb.ExecuteRequest(command="greet.remaining", encoding="json")

    async with asyncio.timeout(5), served(Greeter()) as bridge:
        answer = await bridge.stub.Execute(request)

    assert json.loads(answer.value) is None


@pytest.mark.parametrize("in_band", [False, True])
async def test_a_late_command_says_what_became_of_its_code(*, in_band: bool) -> None:
    async with served(Greeter()) as bridge:
        if in_band:
            answer = await bridge.execute("greet.wait", timeout_ms=20, in_band_errors=True)
            assert answer.failure.code == "DEADLINE_EXCEEDED"
            assert json.loads(answer.failure.details_json)["outcome"] == "stopped"
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await bridge.execute("greet.wait", timeout_ms=20)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert info_of(caught.value).metadata["outcome"] == "stopped"


# --- a client without a loop ----------------------------------------------------------------------


async def test_a_blocking_client_is_answered_the_same_way() -> None:
    def call(address: str) -> tuple[bytes, list[int], str]:
        with grpc.insecure_channel(address) as channel:
            stub = SnakepitBridgeStub(channel)
            said = pb.ExecuteRequest(
                command="greet.say", args={"name": b'"Ada"'}, session_id="s", encoding="json"
            )
            each = pb.ExecuteRequest(
                command="greet.each", args={"names": b'["Ada"]'}, encoding="json"
            )
            answer = stub.Execute(said, timeout=TIMEOUT_S)
            stream = stub.ExecuteStream(each, timeout=TIMEOUT_S)
            indexes = [message.chunk_index for message in stream]
            with pytest.raises(grpc.RpcError) as caught:
                stub.Execute(pb.ExecuteRequest(command="greet.sya"), timeout=TIMEOUT_S)
            return answer.value, indexes, info_of(caught.value).reason

    async with served(Greeter()) as bridge:
        value, indexes, reason = await asyncio.to_thread(call, bridge.address)

    assert json.loads(value) == "hello Ada from s"
    assert (indexes, reason) == ([0, 1], "COMMAND_NOT_FOUND")
