"""The gRPC server over a real port: sessions, health, limits, who is let in, start, stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeStub
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import SnakepitBridgeServer, grpc_server
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.version import __version__
from tests.integration.served import TIMEOUT_S, info_of, served
from tests.unit.handlers.bridges import commands_of

MIB = 1024 * 1024
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Greeter:
    @handles("greet.say")
    def say(self, session: Session, *, name: str) -> str:
        return f"hello {name} from {session.id}"

    @handles("greet.each")
    async def each(self, session: Session, *, names: list[str]) -> AsyncGenerator[str, None]:
        for name in names:
            yield f"hello {name} from {session.id}"

    @handles("greet.fail")
    def fail(self, session: Session) -> None:
        raise LookupError


class Sizes:
    @handles("sizes.of")
    def of(self, session: Session, *, text: str) -> int:
        return len(text)

    @handles("sizes.make")
    def make(self, session: Session, *, size: int) -> str:
        return "x" * size

    @handles("sizes.make_keys")
    def make_keys(self, session: Session, *, count: int) -> dict[str, str]:
        return {f"{number:050}": "" for number in range(count)}

    @handles("sizes.make_items")
    async def make_items(self, session: Session, *, size: int) -> AsyncGenerator[str, None]:
        yield "small"
        yield "x" * size
        yield "never"


ADA = {"name": b'"Ada"'}


# --- sessions -------------------------------------------------------------------------------------


async def test_a_command_may_name_its_session_in_either_way() -> None:
    async with served(Greeter()) as bridge:
        one = await bridge.execute("greet.say", args=ADA, session_id="s")
        request = pb.SessionRequest(
            command="greet.say", args=ADA, session_id="s", encoding="json", request_id="r"
        )
        other = await bridge.stub.ExecuteInSession(request, timeout=TIMEOUT_S)
        request = pb.SessionRequest(
            command="greet.each", args={"names": b'["Bob"]'}, session_id="s", encoding="json"
        )
        stream = bridge.stub.ExecuteInSessionStream(request, timeout=TIMEOUT_S)
        item, end = [message async for message in stream]

        assert len(bridge.sessions) == 1
    assert json.loads(one.value) == json.loads(other.value) == "hello Ada from s"
    assert json.loads(item.value) == "hello Bob from s"
    assert (other.request_id, end.is_final) == ("r", True)


@pytest.mark.parametrize("in_band", [False, True])
@pytest.mark.parametrize("streams", [False, True])
async def test_a_session_without_a_name_is_refused(*, in_band: bool, streams: bool) -> None:
    """In band it was once refused by a status all the same."""
    request = pb.SessionRequest(
        command="greet.say", args=ADA, encoding="json", in_band_errors=in_band, request_id="r"
    )

    async def call() -> pb.ExecuteResponse | pb.StreamResponse:
        if not streams:
            answer: pb.ExecuteResponse = await bridge.stub.ExecuteInSession(request, timeout=5)
            return answer
        stream = bridge.stub.ExecuteInSessionStream(request, timeout=5)
        (message,) = [message async for message in stream]
        end: pb.StreamResponse = message
        return end

    async with served(Greeter()) as bridge:
        if in_band:
            answer = await call()
            assert answer.failure.code == "INVALID_ARGUMENT"
            assert answer.request_id == "r"
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call()
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "Set session_id" in info_of(caught.value).metadata["hint"]


# --- health, info, reflection ---------------------------------------------------------------------


async def test_health_and_info_tell_of_the_server() -> None:
    async with served(Greeter()) as bridge:
        await bridge.execute("greet.say", args=ADA)
        with pytest.raises(grpc.aio.AioRpcError):
            await bridge.execute("greet.fail")
        health = await bridge.stub.Health(pb.HealthRequest(), timeout=TIMEOUT_S)
        asked = await bridge.stub.Health(pb.HealthRequest(worker_id="mine"), timeout=TIMEOUT_S)
        brief = await bridge.stub.GetInfo(pb.InfoRequest(), timeout=TIMEOUT_S)
        whole = await bridge.stub.GetInfo(
            pb.InfoRequest(include_capabilities=True, include_stats=True), timeout=TIMEOUT_S
        )

    assert (health.healthy, health.worker_id, asked.worker_id) == (True, "w1", "mine")
    assert (health.total_requests, health.total_errors) == (2, 1)
    assert health.version == brief.version == __version__
    assert brief.worker_type == "python-grpc"
    assert list(brief.supported_commands) == ["greet.each", "greet.fail", "greet.say"]
    assert (dict(brief.capabilities), brief.HasField("stats")) == ({}, False)
    assert whole.capabilities == {"streaming": "true", "sessions": "true", "binary_data": "true"}
    assert (whole.stats.requests_handled, whole.stats.requests_failed) == (2, 1)
    assert whole.stats.memory_usage_bytes > MIB
    assert {"python", "platform", "pid"} <= whole.system_info.keys()


@pytest.mark.parametrize("service", ["", "snakepit.SnakepitBridge"])
async def test_whoever_watches_health_hears_that_the_server_stops(service: str) -> None:
    request = health_pb2.HealthCheckRequest(service=service)

    async with asyncio.timeout(10), AsyncExitStack() as stack:
        serving = AsyncExitStack()
        address = await serving.enter_async_context(
            grpc_server(commands_of(Greeter()), Listen(port=0), drain_s=0.2)
        )
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        # The stubs of types-grpcio know this one for blocking channels alone.
        stub: Any = health_pb2_grpc.HealthStub(channel)
        checked = await stub.Check(request)
        watch = stub.Watch(request)
        first = await watch.read()
        stopping = asyncio.create_task(serving.aclose())
        then = await watch.read()
        watch.cancel()
        await stopping

    assert checked.status == first.status == SERVING
    assert then.status == NOT_SERVING


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_the_services(version: str) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")

    async with served(Greeter()) as bridge:
        ask: Any = bridge.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        (answer,) = [answer async for answer in ask(iter([request]), timeout=TIMEOUT_S)]

    assert {service.name for service in answer.list_services_response.service} >= {
        "snakepit.SnakepitBridge",
        "grpc.health.v1.Health",
    }


# --- limits ---------------------------------------------------------------------------------------


async def test_a_request_over_the_limit_is_refused_and_the_server_lives() -> None:
    text = b'"' + b"x" * MIB + b'"'

    async with served(Sizes(), listen=Listen(port=0, max_message_bytes=MIB)) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.execute("sizes.of", args={"text": text})
        after = await bridge.execute("sizes.of", args={"text": b'"x"'})

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert after.value == b"1"


@pytest.mark.parametrize(
    ("command", "args", "encoding"),
    [
        ("sizes.make", {"size": str(MIB).encode()}, "json"),
        ("sizes.make", {"size": str(MIB).encode()}, ""),
        ("sizes.make_keys", {"count": b"20000"}, ""),
    ],
)
async def test_an_answer_over_the_limit_is_a_failure_that_says_so(
    command: str, args: dict[str, bytes], encoding: str
) -> None:
    """Without the names of its parts an answer was once taken for smaller than it is."""
    async with served(Sizes(), listen=Listen(port=0, max_message_bytes=MIB)) as bridge:
        answer = await bridge.execute(command, args=args, encoding=encoding, in_band_errors=True)
        after = await bridge.execute("sizes.of", args={"text": b'"x"'})

    assert answer.failure.code == "QUOTA_EXCEEDED"
    assert not answer.failure.retryable
    assert "--max-message-bytes" in answer.failure.hint
    assert after.value == b"1"


async def test_an_item_over_the_limit_ends_its_stream() -> None:
    async with served(Sizes(), listen=Listen(port=0, max_message_bytes=MIB)) as bridge:
        small, end = await bridge.stream(
            "sizes.make_items", args={"size": str(MIB).encode()}, in_band_errors=True
        )
        await bridge.at_rest()

    assert small.value == b'"small"'
    assert (end.failure.code, end.is_final) == ("QUOTA_EXCEEDED", True)


async def test_bytes_that_are_no_request_harm_nobody() -> None:
    async with served(Greeter()) as bridge:
        raw: Any = bridge.channel.unary_unary("/snakepit.SnakepitBridge/Execute")
        for body in (b"\xff", b"\x0a\x02\xff\xfe", b"\x0a\xff\xff\xff\x7f"):
            with pytest.raises(grpc.aio.AioRpcError):
                await raw(body, timeout=TIMEOUT_S)
        after = await bridge.execute("greet.say", args=ADA, session_id="s")

    assert json.loads(after.value) == "hello Ada from s"


# --- clients of the first version -----------------------------------------------------------------


def _old_messages() -> dict[str, Any]:
    """The first version's messages, as a client of that time would have them."""
    fields = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="old.proto", package="old", syntax="proto3")
    shapes = {
        "Request": [("command", 1, fields.TYPE_STRING), ("request_id", 4, fields.TYPE_STRING)],
        "Response": [
            ("success", 1, fields.TYPE_BOOL),
            ("error", 3, fields.TYPE_STRING),
            ("timestamp", 4, fields.TYPE_INT64),
            ("request_id", 5, fields.TYPE_STRING),
        ],
    }
    for name, shape in shapes.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in shape:
            message.field.add(
                name=field_name, number=number, type=kind, label=fields.LABEL_OPTIONAL
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"old.{name}"))
        for name in shapes
    }


async def test_a_client_of_the_first_version_is_answered_in_its_own_words() -> None:
    old = _old_messages()
    request: Any = old["Request"](command="sizes.make_keys", request_id="r-1")

    async with served(Sizes()) as bridge:
        execute: Any = bridge.channel.unary_unary(
            "/snakepit.SnakepitBridge/Execute",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=old["Response"].FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError, match="'count' is missing"):
            await execute(request, timeout=TIMEOUT_S)
        request.MergeFromString(b"\x12\x0a\x0a\x05count\x12\x011")  # args {"count": "1"}
        answer: Any = await execute(request, timeout=TIMEOUT_S)

    assert (answer.success, answer.error, answer.request_id) == (True, "", "r-1")
    assert answer.timestamp > 0


# --- start and stop -------------------------------------------------------------------------------


def test_a_server_without_a_loop_around_it_has_one_of_its_own() -> None:
    server = SnakepitBridgeServer(commands_of(Greeter()), port=0)

    for _ in "once, and again":
        with server:
            with grpc.insecure_channel(server.address) as channel:
                request = pb.ExecuteRequest(command="greet.say", args=ADA, encoding="json")
                answer = SnakepitBridgeStub(channel).Execute(request, timeout=TIMEOUT_S)
            assert json.loads(answer.value).startswith("hello Ada")
            assert server.port == int(server.address.rpartition(":")[2]) > 0

    with pytest.raises(RuntimeError, match="does not run"):
        _ = server.port


async def test_a_server_inside_a_loop_uses_that() -> None:
    async with asyncio.timeout(10):
        async with SnakepitBridgeServer(commands_of(Greeter()), port=0) as server:
            address = server.address

    assert address.startswith("127.0.0.1:")
    with pytest.raises(RuntimeError, match="does not run"):
        _ = server.address
