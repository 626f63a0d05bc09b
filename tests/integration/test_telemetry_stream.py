"""Snakepit's telemetry stream over a real wire."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import (
    BridgeServiceServicer,
    add_BridgeServiceServicer_to_server,
)
from snakepit_bridge.grpc.telemetry_stream import serve_telemetry
from snakepit_bridge.telemetry.stream import MAX_BUFFER, MAX_STREAMS, TelemetryStream


class Service(BridgeServiceServicer):
    """Serves one RPC."""

    def __init__(self, stream: TelemetryStream) -> None:
        self._stream = stream

    async def StreamTelemetry(  # noqa: N802  (the name on the wire)
        self, request_iterator: Any, context: Any
    ) -> AsyncIterator[pb.TelemetryEvent]:
        async for event in serve_telemetry(self._stream, request_iterator, context):
            yield event


class Served:
    """A telemetry stream behind a port, and how to open it."""

    def __init__(self, stream: TelemetryStream, channel: grpc.aio.Channel) -> None:
        self.stream = stream
        self._channel = channel

    async def open(
        self,
        *,
        timeout_s: float | None = None,
        serialize: Callable[[Any], bytes] = pb.TelemetryControl.SerializeToString,
    ) -> Opened:
        """Open a stream as Snakepit does, which waits for the headers."""
        method: grpc.aio.StreamStreamMultiCallable[Any, Any] = self._channel.stream_stream(
            "/snakepit.bridge.BridgeService/StreamTelemetry",
            request_serializer=serialize,
            response_deserializer=pb.TelemetryEvent.FromString,
        )
        call = method(timeout=timeout_s)
        async with asyncio.timeout(5):
            await call.initial_metadata()
        return Opened(call, self.stream)

    def reads_controls(self) -> bool:
        """Whether anything still waits for what a client may ask for."""
        return any(task.get_name() == "telemetry-controls" for task in asyncio.all_tasks())

    async def streams(self, count: int) -> None:
        """Return once so many streams are open."""
        async with asyncio.timeout(5):
            while len(self.stream._open) != count:  # noqa: ASYNC110, SLF001
                await asyncio.sleep(0)

    async def at_rest(self) -> None:
        """Return once nothing of any stream is left."""
        await self.streams(0)
        async with asyncio.timeout(5):
            while self.reads_controls():  # noqa: ASYNC110
                await asyncio.sleep(0)


class Opened:
    """One open stream, as its client has it."""

    def __init__(self, call: Any, stream: TelemetryStream) -> None:
        self.call = call
        self._stream = stream

    async def read(self) -> pb.TelemetryEvent:
        async with asyncio.timeout(5):
            event = await self.call.read()
        assert isinstance(event, pb.TelemetryEvent), "the stream has ended"
        return event

    async def names(self, count: int) -> list[str]:
        """The names of the next events."""
        return [name_of(await self.read()) for _ in range(count)]

    async def rest(self) -> list[str]:
        """The names of all events that are still to come."""
        async with asyncio.timeout(5):
            return [name_of(event) async for event in self.call]

    async def control(self, **control: Any) -> None:
        """Send a control and return once it is obeyed.

        Controls are obeyed in their order. So the stream is switched off and on after it, which can
        be seen from outside.
        """
        await self.call.write(pb.TelemetryControl(**control))
        for on in (False, True):
            await self.switch(on=on)

    async def switch(self, *, on: bool) -> None:
        """Switch the stream on or off and return once it is; it must be the only one."""
        await self.call.write(pb.TelemetryControl(toggle=pb.TelemetryToggle(enabled=on)))
        async with asyncio.timeout(5):
            while self._stream.takes_events is not on:  # noqa: ASYNC110
                await asyncio.sleep(0)


def name_of(event: pb.TelemetryEvent) -> str:
    return ".".join(event.event_parts)


@asynccontextmanager
async def served(stream: TelemetryStream) -> AsyncIterator[Served]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_BridgeServiceServicer_to_server(Service(stream), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Served(stream, channel)
    finally:
        stream.close()
        await server.stop(None)


# --- events -------------------------------------------------------------------------------------


async def test_the_headers_come_before_any_event() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()

        bridge.stream.emit("a.b", {"count": 1})

        assert (await opened.read()).measurements["count"].int_value == 1


async def test_events_of_the_time_before_come_first() -> None:
    stream = TelemetryStream()
    stream.emit("before", {})

    async with served(stream) as bridge:
        opened = await bridge.open()
        stream.emit("after", {})

        assert await opened.names(2) == ["before", "after"]


async def test_the_events_of_eight_threads_arrive_each_once_in_the_order_of_their_thread() -> None:
    together = threading.Barrier(8, timeout=5)
    stream = TelemetryStream(max_buffer=8 * 50)

    def emit_all(thread: int) -> None:
        together.wait()
        for number in range(50):
            stream.emit(f"{thread}.{number}", {"count": number}, {"thread": thread})

    async with served(stream) as bridge:
        opened = await bridge.open()
        threads = [threading.Thread(target=emit_all, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        names = await opened.names(400)
        for thread in threads:
            thread.join(5)

    assert sorted(names) == sorted(f"{thread}.{n}" for thread in range(8) for n in range(50))
    for thread_number in range(8):
        ours = [name for name in names if name.startswith(f"{thread_number}.")]
        assert ours == [f"{thread_number}.{number}" for number in range(50)]


# --- controls -----------------------------------------------------------------------------------


async def test_a_client_switches_its_stream_off_and_on() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()

        await opened.switch(on=False)
        bridge.stream.emit("unheard", {})
        await opened.switch(on=True)
        bridge.stream.emit("heard", {})

        assert await opened.names(1) == ["heard"]


async def test_a_client_filters_its_stream() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()

        await opened.control(filter=pb.TelemetryEventFilter(allow=["tool.*"], deny=["*.start"]))
        for name in ("python.call.stop", "tool.execution.start", "tool.execution.stop"):
            bridge.stream.emit(name, {})

        assert await opened.names(1) == ["tool.execution.stop"]


@pytest.mark.defect("D40")
async def test_a_client_samples_the_events_it_names() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()

        sampling = pb.TelemetrySamplingUpdate(sampling_rate=0.0, event_patterns=["python.*"])
        await opened.control(sampling=sampling)
        for name in ("python.call.start", "tool.execution.start"):
            bridge.stream.emit(name, {})

        assert await opened.names(1) == ["tool.execution.start"]


async def test_a_control_that_means_nothing_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()

        await opened.control()
        bridge.stream.emit("a.b", {})

        assert await opened.names(1) == ["a.b"]
    assert "was ignored" in caplog.text


async def test_a_control_that_cannot_be_read_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open(serialize=bytes)

        await opened.call.write(b"no message")
        async with asyncio.timeout(5):
            while bridge.reads_controls():  # noqa: ASYNC110
                await asyncio.sleep(0)
        bridge.stream.emit("a.b", {})

        assert await opened.names(1) == ["a.b"]
    assert "cannot be read" in caplog.text


async def test_a_client_that_has_said_everything_still_gets_events() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()

        await opened.call.done_writing()
        bridge.stream.emit("a.b", {})

        assert await opened.names(1) == ["a.b"]


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.defect("D32")
async def test_a_stream_with_a_full_queue_ends_when_it_is_closed() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()
        await bridge.streams(1)
        for _ in range(MAX_BUFFER + 10):
            bridge.stream.emit("a.b", {})

        bridge.stream.close()

        assert len(await opened.rest()) == MAX_BUFFER
        assert await opened.call.code() is grpc.StatusCode.OK
        assert bridge.stream.dropped_count == 10
        await bridge.at_rest()


@pytest.mark.defect("D31")
async def test_a_stream_ends_at_its_deadline_and_leaves_nothing_behind() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open(timeout_s=0.05)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await opened.rest()
        await bridge.at_rest()
        bridge.stream.emit("kept", {})
        again = await bridge.open()

        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await again.names(1) == ["kept"]


async def test_a_client_that_goes_leaves_nothing_behind() -> None:
    async with served(TelemetryStream()) as bridge:
        opened = await bridge.open()
        await bridge.streams(1)

        opened.call.cancel()

        await bridge.at_rest()


async def test_a_client_that_goes_without_reading_leaves_nothing_behind() -> None:
    """The stream is in the middle of sending then, and gRPC leaves its generator there."""
    async with served(TelemetryStream(max_buffer=MAX_BUFFER)) as bridge:
        opened = await bridge.open()
        async with asyncio.timeout(5):
            while bridge.stream.dropped_count == 0:
                bridge.stream.emit("a.b", {}, {"text": "x" * 4000})
                await asyncio.sleep(0)

        opened.call.cancel()

        await bridge.at_rest()


async def test_a_server_that_stops_waits_for_no_stream_that_is_closed() -> None:
    stream = TelemetryStream()
    async with served(stream) as bridge:
        opened = await bridge.open()
        stream.emit("last.words", {})
        stream.close()

        assert await opened.rest() == ["last.words"]


# --- more than one ------------------------------------------------------------------------------


@pytest.mark.defect("D32")
async def test_a_second_stream_changes_nothing_for_the_first() -> None:
    async with served(TelemetryStream()) as bridge:
        first, second = await bridge.open(), await bridge.open()
        await bridge.streams(2)

        bridge.stream.emit("a", {})
        seen_by_second = await second.names(1)
        second.call.cancel()
        await bridge.streams(1)
        bridge.stream.emit("b", {})

        assert seen_by_second == ["a"]
        assert await first.names(2) == ["a", "b"]


async def test_more_streams_than_anybody_needs_are_refused() -> None:
    async with served(TelemetryStream()) as bridge:
        streams = [await bridge.open() for _ in range(MAX_STREAMS)]
        await bridge.streams(MAX_STREAMS)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (await bridge.open()).rest()

        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        bridge.stream.emit("a.b", {})
        assert [await each.names(1) for each in streams] == [["a.b"]] * MAX_STREAMS
