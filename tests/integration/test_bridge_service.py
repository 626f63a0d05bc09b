"""Snakepit's own service over a real port, with adapters behind it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, ClassVar

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from snakepit_bridge.adapters.base import BaseAdapter, tool
from snakepit_bridge.adapters.session_context import SessionContext
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb2
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeStub
from snakepit_bridge.grpc.bridge import BRIDGE_SERVICE
from snakepit_bridge.grpc.listen import Listen, has_ipv6_loopback
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.grpc.standard_services import HEALTH
from snakepit_bridge.telemetry.correlation import get_correlation_id
from tests.integration.adapter_served import SESSION, AdapterServed, adapter_served, request
from tests.unit.adapters.at_work import Journal, anew
from tests.unit.engine.probe import busy
from tests.unit.handlers.bridges import commands_of

ITEM = "x" * 64 * 1024
"""A few of them fill whatever the network keeps."""

HOSTS = ["127.0.0.1", *(["[::1]"] if has_ipv6_loopback() else [])]


class Tools(BaseAdapter):
    """Tools of every kind."""

    @tool()
    def echo(self, value: Any) -> Any:
        return value

    @tool()
    async def echo_on_loop(self, value: Any) -> Any:
        await asyncio.sleep(0)
        return value

    @tool()
    def whose(self) -> list[Any]:
        assert isinstance(self.session_context, SessionContext)
        return [self.session_id, self.session_context.request_metadata, get_correlation_id()]

    @tool()
    def size(self, data: bytes) -> bytes:
        return bytes(reversed(data))

    @tool(supports_streaming=True)
    def count(self, upto: int) -> Iterator[int]:
        yield from range(upto)

    @tool(supports_streaming=True)
    async def count_on_loop(self, upto: int) -> AsyncIterator[int]:
        for number in range(upto):
            yield number

    @tool(supports_streaming=True)
    def final(self) -> Iterator[object]:
        yield SimpleNamespace(data=1, is_final=True)
        yield 2

    @tool()
    def exits(self, kind: str) -> None:
        kinds = {each.__name__: each for each in (StopIteration, SystemExit, KeyboardInterrupt)}
        raise kinds[kind]

    @tool()
    async def exits_on_loop(self, kind: str) -> None:
        self.exits(kind)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.defect("D35")
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["echo", "echo_on_loop"])
async def test_a_tool_answers_on_either_loopback(host: str, name: str) -> None:
    value = {"text": "é", "numbers": [1, 2.5, None], "big": 2**53 + 1}

    async with adapter_served(Tools, host=host) as bridge:
        assert await bridge.value(name, value=value) == value


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no ::1")
@pytest.mark.defect("D42")
async def test_a_port_that_somebody_has_on_the_other_loopback_is_refused() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        server = grpc_server(commands_of(), Listen(port=port, both_loopbacks=True))
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            await server.__aenter__()


async def test_bytes_go_both_ways_beside_the_json() -> None:
    async with adapter_served(Tools) as bridge:
        asked = request("size")
        asked.binary_parameters["data"] = b"\x00\x01"
        response = await bridge.stub.ExecuteTool(asked, timeout=5)

    assert response.binary_result == b"\x01\x00"


@pytest.mark.defect("D9", "D39")
@pytest.mark.parametrize("kind", ["StopIteration", "SystemExit", "KeyboardInterrupt"])
async def test_an_exit_in_a_tool_is_its_failure_and_the_worker_lives_on(kind: str) -> None:
    async with adapter_served(Tools) as bridge:
        told = await bridge.failure("exits", kind=kind)
        await bridge.failure("exits_on_loop", kind=kind)
        assert await bridge.value("echo", value=1) == 1
        assert await bridge.value("echo_on_loop", value=1) == 1

    assert told["type"] == kind
    assert told["context"] == {"tool_name": "exits", "session_id": SESSION}


async def test_a_command_of_the_bridge_is_called_like_a_tool() -> None:
    async with adapter_served(Tools) as bridge:
        assert await bridge.value("system.echo", value=[1]) == [1]
        told = await bridge.failure("system.ecko")

    assert told["type"] == "CommandNotFoundError"
    assert "system.echo" in told["message"]


@pytest.mark.defect("D37")
async def test_the_correlation_id_of_a_call_is_that_of_no_other() -> None:
    header = ("x-snakepit-correlation-id", "sp-1")

    async with adapter_served(Tools) as bridge:
        first = await bridge.value("whose", header)
        second = await bridge.value("whose")
        third = await bridge.value("whose")

    ids = [each[2] for each in (first, second, third)]
    assert ids[0] == "sp-1"
    assert len(set(ids)) == 3
    assert all(len(each) == 32 for each in ids[1:])
    assert first[0] == SESSION


# --- streams --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["count", "count_on_loop"])
async def test_items_come_as_chunks_with_an_empty_last_one(name: str) -> None:
    async with adapter_served(Tools) as bridge:
        chunks = await bridge.chunks(name, upto=250)

    assert [chunk.data for chunk in chunks[:-1]] == [str(n).encode() for n in range(250)]
    assert [chunk.chunk_id for chunk in chunks] == [f"{name}-{n}" for n in range(1, 252)]
    assert [chunk.is_final for chunk in chunks] == [False] * 250 + [True]


async def test_items_after_a_final_one_still_come() -> None:
    async with adapter_served(Tools) as bridge:
        chunks = await bridge.chunks("final")

    assert [(chunk.data, chunk.is_final) for chunk in chunks] == [(b"1", True), (b"2", False)]


async def test_a_streaming_tool_says_so_to_whoever_asks_for_one_value() -> None:
    async with adapter_served(Tools) as bridge:
        answer = await bridge.value("count", upto=3)

    assert answer == {"error": "Streaming tool called on non-streaming endpoint."}


class Unwritable:
    """Streams with an item that no JSON can carry."""

    ended: ClassVar[threading.Event]

    @tool()
    def plain(self) -> Iterator[str]:
        try:
            yield "fine"
            yield "\ud800"
            yield "never"
        finally:
            self.ended.set()

    @tool()
    async def on_loop(self) -> AsyncIterator[str]:
        for item in self.plain():
            yield item


@pytest.mark.defect("D13", "D14")
@pytest.mark.parametrize("name", ["plain", "on_loop"])
async def test_an_item_that_cannot_be_written_ends_the_stream_at_once(name: str) -> None:
    cls = anew(Unwritable, ended=threading.Event())

    async with adapter_served(cls) as bridge:
        stream = bridge.stream(name)
        first = await stream.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        await bridge.at_rest()

    assert first.data == b'"fine"'
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    details = caught.value.details()
    assert details is not None
    assert len(details) <= 2000
    assert json.loads(details)["context"] == {"tool_name": name, "session_id": SESSION}
    assert cls.ended.is_set()


# --- callers who leave ----------------------------------------------------------------------------


class Endless:
    """Streams that end when nobody reads them any more."""

    journal: ClassVar[Journal]
    made: ClassVar[list[int]]
    inside: ClassVar[threading.Event]

    def cleanup(self) -> None:
        self.journal.note("cleanup")

    @tool()
    def plain(self) -> Iterator[str]:
        try:
            while True:
                self.made.append(1)
                yield ITEM
        finally:
            self.journal.note("closed")

    @tool()
    async def on_loop(self) -> AsyncIterator[str]:
        try:
            while True:
                self.made.append(1)
                yield ITEM
        finally:
            await asyncio.sleep(0)
            self.journal.note("closed")

    @tool()
    def handed(self) -> AsyncIterator[str]:
        return self.on_loop()

    @tool()
    async def from_async(self) -> Iterator[str]:
        return self.plain()

    @tool()
    async def silent(self) -> AsyncIterator[str]:
        try:
            self.inside.set()
            await asyncio.Event().wait()
            yield "never"
        finally:
            self.journal.note("closed")

    @tool()
    async def value(self) -> None:
        try:
            self.inside.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.journal.note("closed")


def endless() -> Any:
    return anew(Endless, made=[], inside=threading.Event())


STREAMS = ["plain", "on_loop", "handed", "from_async"]


@pytest.mark.defect("D15", "D16", "D38")
@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_may_be_left_in_its_midst(name: str) -> None:
    cls = endless()

    async with adapter_served(cls) as bridge:
        stream = bridge.stream(name)
        assert (await stream.read()).data
        stream.cancel()
        await cls.journal.noted("cleanup")
        await bridge.at_rest()
        assert bridge.engine.load().abandoned == 0

    assert cls.journal.notes == ["closed", "cleanup"]


@pytest.mark.defect("D15", "D38")
async def test_a_stream_may_be_left_before_its_first_item() -> None:
    cls = endless()

    async with adapter_served(cls) as bridge:
        stream = bridge.stream("silent")
        assert await asyncio.to_thread(cls.inside.wait, 5)
        stream.cancel()
        await cls.journal.noted("cleanup")
        await bridge.at_rest()

    assert cls.journal.notes == ["closed", "cleanup"]


@pytest.mark.defect("D15")
@pytest.mark.parametrize("name", STREAMS)
async def test_a_reader_that_does_not_read_holds_the_code_back(name: str) -> None:
    cls = endless()

    async with adapter_served(cls) as bridge:
        stream = bridge.stream(name)
        read = 0
        for _ in range(200):
            await stream.read()
            read += 1
        # What the buffers on the way hold, and the network itself.
        ahead = len(cls.made) - read
        stream.cancel()
        await cls.journal.noted("cleanup")

    assert ahead < 400


@pytest.mark.defect("D15")
async def test_more_left_streams_than_there_are_threads_leave_every_thread_free() -> None:
    cls = endless()

    async with adapter_served(cls, max_threads=2) as bridge:
        for number in range(6):
            stream = bridge.stream("plain" if number % 2 else "handed")
            assert (await stream.read()).data
            stream.cancel()
        await bridge.at_rest()

    assert sorted(cls.journal.notes) == ["cleanup"] * 6 + ["closed"] * 6


@pytest.mark.defect("D38")
async def test_a_deadline_is_told_by_its_status_and_ends_the_code() -> None:
    cls = endless()

    async with adapter_served(cls) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.stub.ExecuteTool(request("value"), timeout=0.5)
        await cls.journal.noted("cleanup")
        await bridge.at_rest()

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert cls.journal.notes == ["closed", "cleanup"]


# --- many at once ---------------------------------------------------------------------------------


async def test_calls_run_at_the_same_time() -> None:
    """The barriers open only when all calls are inside."""

    class Meeting:
        on_threads = threading.Barrier(3, timeout=5)
        on_loop = asyncio.Barrier(3)

        @tool()
        def plain(self) -> bool:
            self.on_threads.wait()
            return True

        @tool()
        async def coroutine(self) -> bool:
            async with asyncio.timeout(5):
                await self.on_loop.wait()
            return True

    async with adapter_served(Meeting) as bridge, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(bridge.value(name)) for name in ["plain", "coroutine"] for _ in "abc"
        ]

    assert all(each.result() for each in calls)


async def alive(bridge: AdapterServed) -> None:
    """Ask what Elixir asks to see whether a worker lives."""
    ping = await bridge.stub.Ping(pb.PingRequest(message="hi"), timeout=5)
    assert ping.message == "Pong from Python: hi"
    beat = await bridge.stub.Heartbeat(pb.HeartbeatRequest(session_id=SESSION), timeout=5)
    assert beat.session_valid


@pytest.mark.defect("D7", "D10", "D30")
@pytest.mark.parametrize("name", ["plain", "coroutine", "constructor"])
async def test_code_that_blocks_holds_up_no_sign_of_life(name: str) -> None:
    inside, may_end = threading.Event(), threading.Event()

    def block() -> str:
        inside.set()
        assert may_end.wait(10)
        return "ended"

    class Blocking:
        def __init__(self) -> None:
            if name == "constructor":
                block()

        @tool()
        def plain(self) -> str:
            return block()

        @tool()
        async def coroutine(self) -> str:
            # What nobody should do, and somebody will: nothing else runs on this loop meanwhile.
            return block()

        @tool()
        async def constructor(self) -> str:
            return "ended"

    async with adapter_served(Blocking, max_threads=1) as bridge:
        calling = asyncio.create_task(bridge.value(name))
        assert await asyncio.to_thread(inside.wait, 5)
        await alive(bridge)
        await busy(bridge.engine, in_flight=1)
        may_end.set()

        assert await calling == "ended"


@pytest.mark.defect("D15")
async def test_a_stream_under_full_load_holds_up_no_sign_of_life() -> None:
    cls = endless()

    async with adapter_served(cls) as bridge:
        stream = bridge.stream("plain")
        assert (await stream.read()).data
        await alive(bridge)
        stream.cancel()
        await cls.journal.noted("cleanup")


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.defect("D26", "D52")
async def test_an_object_lives_in_its_session_until_that_is_cleaned_up() -> None:
    class Counting:
        adapter_lifetime = "session"
        journal = Journal()

        def __init__(self) -> None:
            self.calls = 0

        def on_session_end(self, session_id: str) -> None:
            self.journal.note(f"{session_id} ended")

        def cleanup(self) -> None:
            self.journal.note("cleanup")

        @tool()
        def count(self) -> int:
            self.calls += 1
            return self.calls

    async with adapter_served(Counting) as bridge:
        begun = await bridge.stub.InitializeSession(
            pb.InitializeSessionRequest(session_id=SESSION), timeout=5
        )
        counted = [await bridge.value("count") for _ in range(3)]
        known = await bridge.stub.GetSession(pb.GetSessionRequest(session_id=SESSION), timeout=5)
        ended = await bridge.stub.CleanupSession(
            pb.CleanupSessionRequest(session_id=SESSION), timeout=5
        )
        await Counting.journal.noted("cleanup")
        anew_counted = await bridge.value("count")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.stub.GetSession(pb.GetSessionRequest(session_id="other"), timeout=5)

    assert begun.success
    assert ended.success
    assert known.session_id == SESSION
    assert counted == [1, 2, 3]
    assert anew_counted == 1
    assert Counting.journal.notes == [f"{SESSION} ended", "cleanup"] * 2
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


# --- health, reflection ---------------------------------------------------------------------------


async def test_tool_calls_count_among_the_requests_of_the_server() -> None:
    """They were once counted nowhere."""
    async with adapter_served(Tools) as bridge:
        await bridge.value("echo", value=1)
        await bridge.failure("exits", kind="SystemExit")
        await bridge.chunks("count", upto=1)
        told = await SnakepitBridgeStub(bridge.channel).Health(pb2.HealthRequest(), timeout=5)

    assert (told.total_requests, told.total_errors) == (3, 1)


async def test_health_checks_know_the_services() -> None:
    async with adapter_served(Tools) as bridge:
        health: Any = health_pb2_grpc.HealthStub(bridge.channel)
        answers = [
            await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            for service in ("", BRIDGE_SERVICE, "snakepit.SnakepitBridge")
        ]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=5)

    assert {each.status for each in answers} == {health_pb2.HealthCheckResponse.SERVING}
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_whoever_watches_the_health_is_told_when_the_server_stops() -> None:
    async with asyncio.timeout(10), AsyncExitStack() as serving:
        server = grpc_server(commands_of(), Listen(port=0), drain_s=0.2)
        address = await serving.enter_async_context(server)
        async with grpc.aio.insecure_channel(address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(service=BRIDGE_SERVICE))
            first = await watch.read()
            stopping = asyncio.create_task(serving.aclose())
            second = await watch.read()
            await stopping

    assert first.status == health_pb2.HealthCheckResponse.SERVING
    assert second.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_reflection_lists_every_service() -> None:
    async with adapter_served(Tools) as bridge:
        channel: Any = bridge.channel
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        (answer,) = [each async for each in reflection.ServerReflectionInfo(iter([question]))]
        v1 = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        (newer,) = [each async for each in v1(iter([question]))]

    services = {each.name for each in answer.list_services_response.service}
    assert {BRIDGE_SERVICE, HEALTH, "snakepit.SnakepitBridge"} <= services
    assert newer == answer
